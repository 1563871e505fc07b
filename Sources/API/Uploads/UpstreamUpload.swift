import Backup
import FoundationEssentials
import Ground
import HTTPServer
import HTTPTypes

/// `/api/upload`: the resumable uploads that Immich's developers have drafted (pull request 22385), so that a client
/// which comes to speak them finds a server. The draft may change; what is taken here is what its branch had.
struct UpstreamUpload: Sendable {
  let uploads: Uploads
  let draft: DraftDoor

  /// POST. `Repr-Digest` with a SHA-1 is required; the file's description comes in `X-Immich-Asset-Data`.
  func create(_ request: Request, _ principal: Principal) async throws -> Response {
    do {
      _ = try draft.isWanted(by: request)
      var raw = try RawFacts(request)
      guard let digest = try DigestField("Repr-Digest", request).sha1 else {
        throw BackupError.invalid("Repr-Digest: sha=:<base64 of the SHA-1>: is required")
      }
      raw.facts.claimedChecksum = digest
      if let data = request.field("X-Immich-Asset-Data") { try UpstreamAssetData(data).apply(to: &raw.facts) }
      return try await draft.create(request, principal, raw.creation, at: .upstream)
    } catch {
      var response = draft.failures.answer(to: error, request)
      response.fields.setError(error)
      return response
    }
  }

  func head(_ request: Request, _ principal: Principal) async throws -> Response {
    try await draft.head(request, try await upload(request, principal), at: .upstream)
  }

  func append(_ request: Request, _ principal: Principal) async throws -> Response {
    try await draft.append(request, try await upload(request, principal), principal, at: .upstream)
  }

  func cancel(_ request: Request, _ principal: Principal) async throws -> Response {
    try await draft.cancel(request, try await upload(request, principal), at: .upstream)
  }

  private func upload(_ request: Request, _ principal: Principal) async throws -> UploadStatus {
    try await uploads.find(asset: try request.id(), owner: principal.user.id)
  }
}

/// `X-Immich-Asset-Data`: a dictionary of structured fields, or base64 of a JSON object as in earlier revisions.
struct UpstreamAssetData: Sendable {
  private var members: [String: String] = [:]

  init(_ text: String) throws(ValidationFailure) {
    // Base64 may look like the name of a flag, but no flag like base64 of an object.
    if let bytes = Base64.decode(text), let object = UpstreamAssetData.object(bytes) {
      members = object
    } else if let dictionary = StructuredField.dictionary(text), !dictionary.isEmpty {
      for (name, item) in dictionary { members[name] = UpstreamAssetData.text(item) }
    } else {
      throw ValidationFailure("X-Immich-Asset-Data", "must be a dictionary, or base64 of a JSON object")
    }
  }

  /// - Throws: `ValidationFailure` for what cannot be understood.
  func apply(to facts: inout UploadFacts) throws(ValidationFailure) {
    var form = UploadForm()
    for (key, name) in [
      ("filename", "filename"), ("file-created-at", "fileCreatedAt"), ("file-modified-at", "fileModifiedAt"),
      ("is-favorite", "isFavorite"), ("duration", "duration"), ("live-photo-video-id", "livePhotoVideoId"),
    ] {
      guard let text = members[key] ?? members[name], !text.isEmpty else { continue }
      try form.set(name, Array(text.utf8))
    }
    let said = form.looseFacts
    facts.name = said.name ?? facts.name
    facts.createdAt = said.createdAt ?? facts.createdAt
    facts.modifiedAt = said.modifiedAt ?? facts.modifiedAt
    facts.isFavorite = said.isFavorite || facts.isFavorite
    facts.durationMilliseconds = said.durationMilliseconds ?? facts.durationMilliseconds
    facts.livePhotoVideo = said.livePhotoVideo ?? facts.livePhotoVideo
  }

  private static func text(_ item: StructuredItem) -> String? {
    switch item {
    case .string(let text), .token(let text), .display(let text): text
    case .date(let seconds): Instant(milliseconds: seconds * 1000).iso8601
    case .boolean(let flag): flag ? "true" : "false"
    case .integer(let number): String(number)
    // A name that is not ASCII travels as bytes.
    case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
    case .decimal, .innerList: nil
    }
  }

  private enum Value: Decodable {
    case text(String)
    case none

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let flag = try? container.decode(Bool.self) {
        self = .text(flag ? "true" : "false")
      } else if let number = try? container.decode(Int64.self) {
        self = .text(String(number))
      } else if let text = try? container.decode(String.self) {
        self = .text(text)
      } else {
        self = .none
      }
    }
  }

  private static func object(_ bytes: [UInt8]) -> [String: String]? {
    guard let object = try? JSONDecoder().decode([String: Value].self, from: Data(bytes)) else { return nil }
    return object.compactMapValues { if case .text(let text) = $0 { text } else { nil } }
  }
}
