import Backup
import Ground
import HTTPServer
import HTTPTypes
import Logging

/// The IETF draft "Resumable Uploads for HTTP", interop versions 3 to 8. This file: how an upload begins.
struct DraftDoor: Sendable {
  let uploads: Uploads
  let pump: UploadPump
  let interim: InterimPolicy
  let authorization: UploadAuthorization
  let address: UploadAddress
  let versions: VersionLog
  let failures: Failures

  static let mediaType = "application/partial-upload"

  /// Whether a request that brings a file shall become a resumable upload: it speaks a version that is spoken here, and
  /// says whether it is the whole. Every other is an ordinary request, but for one that says that it is not the whole.
  /// - Throws: `.invalid` for that one: what would be stored is the torso of a photo.
  func isWanted(by request: Request) throws(BackupError) -> Bool {
    let fields = DraftFields(request)
    versions.note(request, isSpoken: fields.version != nil)
    if fields.isCreation { return true }
    if StructuredField.boolean(request.field("Upload-Complete")) == false
      || StructuredField.boolean(request.field("Upload-Incomplete")) == true
    {
      throw .invalid(
        "More is to follow, says the request; for that it must name \(DraftVersion.fieldName) 3 to 8 and the "
          + "completeness field of that version")
    }
    return false
  }

  /// Makes an upload of a request, announces it, and takes the body.
  /// - Parameter creation: what the address's own fields say; the draft's are added.
  func create(
    _ request: Request, _ principal: Principal, _ creation: UploadCreation, at address: DraftAddress
  ) async throws -> Response {
    let fields = DraftFields(request)
    let call = DraftCall(
      request: request, principal: principal, spoken: fields.version, address: address, kind: creation.kind)
    var upload: UploadStatus?
    do {
      let (creation, part) = try describe(creation, fields, call)
      if let response = try await pointElsewhere(creation, call, principal) { return response }
      switch try await uploads.begin(creation, part, by: principal) {
      case .stored(.stored(let outcome)): return finished(outcome, at: nil, call)
      // By the rule of its length alone, which the draft does not know.
      case .stored(.opened(let complete)): return answer(complete, call, isCreation: true)
      case .begun(let opened, let writer):
        upload = opened
        let received = try await receive(
          opened, call, by: { writer }, announce: { try await announce(opened, creation, call, principal) })
        if case .complete(let outcome) = received.state, outcome.result.isNew { interim.created(opened.token.text) }
        return answer(received, call, isCreation: true)
      }
    } catch {
      return await answer(to: error, call, upload)
    }
  }

  /// - Throws: what is wrong with the request, before anything is made.
  private func describe(
    _ creation: UploadCreation, _ fields: DraftFields, _ call: DraftCall
  ) throws -> (UploadCreation, UploadPart) {
    let request = call.request
    try request.refuseContentCoding()
    let count = request.body.declaredLength
    // Without a completeness field the address decides, and it takes the request as a whole.
    let isLast = fields.isComplete ?? true
    let length = try fields.wholeLength(from: 0, body: count, isLast: isLast)
    if let largest = [length, count].compactMap({ $0 }).max(), largest > uploads.limits.size {
      throw BackupError.uploadTooLarge(limit: uploads.limits.size)
    }
    var creation = creation
    creation.length = length
    var part = UploadPart(offset: 0, hangUp: request.hangUp)
    (part.count, part.length, part.isLast) = (count, length, isLast)
    let claim = try DigestField("Content-Digest", request).claim
    // An ordinary request has but one part: its digest is compared with the whole's, at the end.
    if fields.isCreation || creation.claimedSHA256 == nil { part.claim = claim }
    return (creation, part)
  }

  /// Where at least 1 MiB of these bytes is here already, the client is told of that upload and cut off: URLSession
  /// goes on there by itself after a cut, but not after an error.
  private func pointElsewhere(
    _ creation: UploadCreation, _ call: DraftCall, _ principal: Principal
  ) async throws -> Response? {
    guard creation.kind == .raw, call.mayHear, let claimed = creation.facts.claimedChecksum,
      interim.allows(call.request),
      let there = try await uploads.partlyHere(claimed, owner: principal.user.id), there.kind == .raw,
      !isMoving(there), there.length == nil || creation.length == nil || there.length == creation.length,
      try await pump.desk.existing(claimed, owner: principal.user.id) == nil,
      interim.mayPoint(to: there.token.text)
    else { return nil }
    guard try await announce(there, creation, call, principal) else { return nil }
    call.request.hangUp()
    // Nobody hears it any more.
    return Response(status: .serviceUnavailable)
  }

  /// Whether another connection brings bytes to it right now: two devices with the same photo would cut each other off
  /// for ever. A writer that was silent for ten seconds is taken for dead.
  private func isMoving(_ upload: UploadStatus) -> Bool {
    upload.isReceiving && Instant.now() < upload.activeAt.adding(seconds: 10)
  }

  /// Sends the 104 with the upload's address where it may be sent.
  /// - Returns: whether it was.
  private func announce(
    _ upload: UploadStatus, _ creation: UploadCreation, _ call: DraftCall, _ principal: Principal
  ) async throws -> Bool {
    guard call.mayHear, interim.allows(call.request) else { return false }
    let target = call.request.target
    let attempt = InterimPolicy.Attempt(
      peer: call.request.peer, owner: principal.user.id, address: target.rawPath + "?" + target.rawQuery,
      digest: creation.facts.claimedChecksum, length: creation.length, name: creation.facts.name)
    guard interim.mayAnnounce(attempt, upload.token.text) else { return false }
    var fields: HTTPFields = [:]
    fields[.location] = location(of: upload, call.address)
    fields.set(DraftVersion.fieldName, String(call.version.rawValue))
    fields.set("Upload-Limit", limits(of: upload, call.version))
    try await call.tell(fields)
    return true
  }

  func location(of upload: UploadStatus, _ address: DraftAddress) -> String {
    switch address {
    case .upload: self.address.location(upload.token)
    case .upstream: "\(self.address.publicURL ?? "")/api/upload/\(upload.asset)"
    }
  }

  /// What a client may send: for OPTIONS too.
  var limits: String { "min-size=1, max-size=\(uploads.limits.size), max-age=\(uploads.limits.lifetime)" }

  func limits(of upload: UploadStatus, _ version: DraftVersion) -> String {
    let left = max(0, (upload.expiresAt.milliseconds - Instant.now().milliseconds) / 1000)
    return "min-size=1, max-size=\(uploads.limits.size), \(version.ageKey)=\(left)"
  }
}

/// Which address the draft is spoken at, and what is said differently there.
enum DraftAddress: Sendable {
  /// `/api/backup/uploads/{token}`, for every door of ours.
  case upload
  /// `/api/upload/{asset id}`, as the draft of an upload API upstream has it.
  case upstream
}

/// One request as the draft's answers need to know it.
struct DraftCall: Sendable {
  let request: Request
  /// Nil where the request knows the upload's address and nothing else.
  let principal: Principal?
  /// The version that it named; nil where it named none that is spoken here.
  let spoken: DraftVersion?
  let address: DraftAddress
  let kind: UploadKind

  var version: DraftVersion { spoken ?? .newest }

  /// Only clients that named a version know what a 104 is.
  var mayHear: Bool { spoken != nil }

  /// Sends a 104.
  func tell(_ fields: HTTPFields) async throws {
    do {
      try await request.sendInterim(HTTPResponse.Status(code: 104, reasonPhrase: "Upload Resumption Supported"), fields)
    } catch {
      throw BodyError.disconnected
    }
  }
}
