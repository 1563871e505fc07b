import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `/api/backup/uploads`: one resource, two protocols. `Tus-Resumable` means tus 1.0.0, everything else is the IETF draft
/// or an ordinary request; an upload that began in one way may go on in the other.
struct UploadResource: Sendable {
  let uploads: Uploads
  let address: UploadAddress
  let tus: TusDoor
  let draft: DraftDoor
  let raw: RawDoor
  let assets: AssetHandlers

  // MARK: The collection

  /// Discovery: needs no credential, and says nothing that is not in the documentation.
  func discover(_ request: Request) async throws -> Response {
    var response = Response.noContent
    response.fields.set("Tus-Version", TusDoor.version)
    response.fields.set("Tus-Resumable", TusDoor.version)
    response.fields.set("Tus-Extension", TusDoor.extensions)
    response.fields.set("Tus-Max-Size", String(uploads.limits.size))
    response.fields.set("Tus-Checksum-Algorithm", PartClaim.Algorithm.allCases.map(\.rawValue).joined(separator: ","))
    response.fields.set("Accept-Patch", "\(DraftDoor.mediaType), \(TusDoor.contentType)")
    response.fields.set("Upload-Limit", draft.limits)
    response.fields[.allow] =
      request.parameters["id"] == nil ? "POST, GET, HEAD, OPTIONS" : "HEAD, GET, PATCH, DELETE, POST, OPTIONS"
    return response
  }

  func create(_ request: Request, _ principal: Principal) async throws -> Response {
    if UploadResource.isTusCreation(request) { return await tus.create(request, principal) }
    return try await raw.receive(request, principal)
  }

  func list(_ request: Request, _ principal: Principal) async throws -> Response {
    let uploads = try await uploads.list(owner: principal.user.id)
    return await .json(list: uploads.map { OpenUploadShape($0, address) })
  }

  // MARK: An upload

  func head(_ request: Request, _ principal: Principal?) async throws -> Response {
    let upload = try await find(request, principal)
    return UploadResource.isTus(request)
      ? await tus.head(request, upload, principal) : try await draft.head(request, upload)
  }

  func append(_ request: Request, _ principal: Principal?) async throws -> Response {
    let upload = try await find(request, principal)
    let isTus = UploadResource.isTus(request) || request.mediaType == TusDoor.contentType
    return isTus
      ? await tus.append(request, upload, principal) : try await draft.append(request, upload, principal)
  }

  /// tus refuses every request that does not name its version, the draft's DELETE needs no field at all: here an upload
  /// that tus began is tus's, unless the request names the draft's version.
  func cancel(_ request: Request, _ principal: Principal?) async throws -> Response {
    let upload = try await find(request, principal)
    let isDraft = upload.rule == .flag || request.field(DraftVersion.fieldName) != nil
    return UploadResource.isTus(request) || !isDraft
      ? await tus.terminate(request, upload) : try await draft.cancel(request, upload)
  }

  /// What cannot send PATCH, DELETE or HEAD names the method in a field.
  func override(_ request: Request, _ principal: Principal?) async throws -> Response {
    switch request.field("X-HTTP-Method-Override")?.uppercased() {
    case "PATCH": return try await append(request, principal)
    case "DELETE": return try await cancel(request, principal)
    case "HEAD": return try await head(request, principal)
    default:
      // A stranger to the address hears that it is unknown, and nothing of what it takes.
      _ = try await find(request, principal)
      throw WrongMethod(allowed: [.head, .get, .patch, .delete, .options])
    }
  }

  /// The photo where the upload is finished (clients compare it with what they sent), else where it stands. Without
  /// disturbing who writes. The address alone is no key to a photo's bytes: it stands in the logs of every proxy; nor is
  /// the right to upload, with which anybody could have an upload made of a photo whose digest they know.
  func read(_ request: Request, _ principal: Principal) async throws -> Response {
    let upload = try await find(request, principal)
    var response =
      switch upload.state {
      case .complete(let outcome): try await original(outcome.result.id, request, principal)
      case .open, .failed: Response.json(OpenUploadShape(upload, address))
      }
    draft.describe(upload, request, in: &response)
    return response
  }

  private func original(_ id: Identifier, _ request: Request, _ principal: Principal) async throws -> Response {
    try principal.require("asset.download")
    return try await assets.original(request, id, by: principal.reader)
  }

  /// Somebody else's upload is an unknown one. Without a credential the address must do: URLSession is not known to
  /// repeat credentials when it resumes; but then the one that began the upload must still hold.
  private func find(_ request: Request, _ principal: Principal?) async throws -> UploadStatus {
    guard let token = request.parameters["id"].flatMap({ UploadToken($0) }) else { throw BackupError.unknownUpload }
    let upload = try await uploads.find(token)
    if let principal {
      guard principal.user.id == upload.owner else { throw BackupError.unknownUpload }
    } else {
      try await uploads.requireCreatorStillMayUpload(upload)
    }
    return upload
  }

  // MARK: Dialects

  static func isTus(_ request: Request) -> Bool { request.field("Tus-Resumable") != nil }

  /// Whoever sends what only tus knows, without the version, hears which one is missing, rather than that half of the
  /// request was taken for something else.
  private static func isTusCreation(_ request: Request) -> Bool {
    if isTus(request) || request.mediaType == TusDoor.contentType { return true }
    if ["Upload-Metadata", "Upload-Defer-Length", "Upload-Concat"].contains(where: { request.field($0) != nil }) {
      return true
    }
    let draft = ["Upload-Complete", "Upload-Incomplete", "Upload-Draft-Interop-Version"]
    return request.field("Upload-Length") != nil && !draft.contains { request.field($0) != nil }
  }
}
