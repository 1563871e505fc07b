import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `POST /api/assets`: one file and what its owner says of it, as multipart/form-data. Where the client can go on with a
/// broken upload it becomes a resumable one; else the file streams straight to its place.
struct UploadDoor: Sendable {
  let desk: ReceiveDesk
  let draft: DraftDoor

  func receive(_ request: Request, _ principal: Principal) async throws -> Response {
    if try draft.isWanted(by: request) {
      return try await draft.create(
        request, principal, UploadDoor.creation(request, try UploadDoor.claimedChecksum(request)), at: .upload)
    }
    let account = principal.user.account
    let claimed = try UploadDoor.claimedChecksum(request)
    // Known: the body is not even read. The server drains or closes so that the client can read this first.
    if let claimed, let id = try await desk.existing(claimed, owner: account.id) {
      desk.note(
        .success(id), owner: account.owner, origin: principal.origin, name: nil, bytes: request.body.declaredLength)
      return UploadDoor.answer(UploadOutcome(result: .duplicate(id), sha1: claimed))
    }
    guard let boundary = UploadDoor.boundary(request[.contentType]) else { throw UploadDoor.noForm }
    let reception = FormReception(
      desk: desk, agent: request[.userAgent], account: account, origin: principal.origin, claimed: claimed)
    // Receiving, hashing and writing stay on one lane: no change of thread between two blocks.
    return UploadDoor.answer(try await desk.lane().run { try await reception.receive(request.body, boundary) })
  }

  static func answer(_ outcome: UploadOutcome) -> Response {
    let status = outcome.result.isNew ? "created" : "duplicate"
    var response = Response.json(
      UploadShape(id: outcome.result.id, status: status), status: outcome.result.isNew ? .created : .ok)
    response.fields.setResult(outcome)
    return response
  }

  static func boundary(_ contentType: String?) -> MultipartBoundary? {
    contentType.flatMap { MultipartBoundary(contentType: $0) }
  }

  static let noForm = BackupError.invalid("The request must be multipart/form-data with a boundary")

  /// What is kept of the request until its body is whole.
  private static func creation(_ request: Request, _ claimed: SHA1Digest?) throws(BackupError) -> UploadCreation {
    guard boundary(request[.contentType]) != nil else { throw noForm }
    var creation = UploadCreation(kind: .multipart, rule: .flag)
    creation.contentType = request[.contentType]
    creation.agent = request[.userAgent]
    creation.facts.claimedChecksum = claimed
    return creation
  }

  private static func claimedChecksum(_ request: Request) throws(ValidationFailure) -> SHA1Digest? {
    try ImmichChecksum.read(ImmichChecksum.field, request.field(ImmichChecksum.field) ?? "")
  }
}
