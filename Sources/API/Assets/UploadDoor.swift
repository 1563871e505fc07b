import Backup
import Ground
import HTTPServer
import HTTPTypes
import Media

/// `POST /api/assets`: one file and what its owner says of it, as multipart/form-data.
struct UploadDoor: Sendable {
  let desk: ReceiveDesk

  /// Bytes of an XMP file.
  static let sidecarLimit: Int64 = 32 << 20
  /// What the form's other fields and delimiters may take of a Content-Length, at most; an upload is refused before its
  /// file has come only where the rest alone does not fit.
  private static let formAllowance: Int64 = 64 << 10

  func receive(_ request: Request, _ principal: Principal) async throws -> Response {
    let owner = principal.user.id
    let claimed = try UploadDoor.claimedChecksum(request)
    // Known: the body is not even read. The server drains or closes so that the client can read this first.
    if let claimed, let id = try await desk.existing(claimed, owner: owner) {
      return UploadDoor.answer(.duplicate(id))
    }
    guard let boundary = request[.contentType].flatMap({ MultipartBoundary(contentType: $0) }) else {
      throw BackupError.invalid("The request must be multipart/form-data with a boundary")
    }
    // Receiving, hashing and writing stay on one lane: no change of thread between two blocks.
    let result = try await desk.lane().run {
      try await receiveFile(request, boundary, owner: owner, claimed: claimed)
    }
    return UploadDoor.answer(result)
  }

  private static func answer(_ result: UploadResult) -> Response {
    switch result {
    case .created(let id): .json(UploadShape(id: id, status: "created"), status: .created)
    case .duplicate(let id): .json(UploadShape(id: id, status: "duplicate"))
    }
  }

  private static func claimedChecksum(_ request: Request) throws(ValidationFailure) -> SHA1Digest? {
    let header = "x-immich-checksum"
    guard let text = HTTPField.Name(header).flatMap({ request[$0] }), !text.isEmpty else { return nil }
    guard let digest = SHA1Digest(text: text) else {
      throw ValidationFailure(header, "must be a SHA-1 digest, 40 hexadecimal or 28 base64 characters")
    }
    return digest
  }

  private func receiveFile(
    _ request: Request, _ boundary: MultipartBoundary, owner: Identifier, claimed: SHA1Digest?
  ) async throws -> UploadResult {
    let reader = MultipartReader(request.body, boundary: boundary, block: desk.blocks.take())
    var form = UploadForm()
    var file: Reception?
    var sidecar: Reception?
    defer { desk.blocks.give(reader.block) }
    do {
      while let part = try await reader.nextPart() {
        switch part.name {
        case "assetData":
          guard file == nil else { throw ValidationFailure("assetData", "must not be repeated") }
          guard let name = part.filename else { throw ValidationFailure("assetData", "must be a file") }
          form.partName = UploadDoor.decoded(name, request)
          // As in Immich: whoever names the part after a temporary file sends `filename` before it. What cannot be
          // taken is refused before a long film has come for nothing; a later `filename` is checked at the end.
          if let name = form.fieldName ?? form.partName, !name.isEmpty { try UploadDoor.checkType(name) }
          let expected = request.body.declaredLength.map { max(0, $0 - UploadDoor.formAllowance) }
          file = try await receive(reader, try await desk.open(owner: owner, expectedLength: expected), limit: nil)
        case "sidecarData":
          guard sidecar == nil else { throw ValidationFailure("sidecarData", "must not be repeated") }
          sidecar = try await receive(
            reader, try await desk.open(owner: owner, expectedLength: nil), limit: UploadDoor.sidecarLimit)
        default:
          if let limit = UploadForm.limit(of: part.name) {
            try form.set(part.name, try await reader.text(limit: limit))
          }
        }
      }
      let facts = try form.facts(claimedChecksum: claimed, hasFile: file != nil)
      guard let file else { throw ValidationFailure("assetData", "a file is required") }
      return try await file.finish(facts, sidecar: sidecar)
    } catch {
      file?.abandon()
      sidecar?.abandon()
      throw error
    }
  }

  private func receive(_ reader: MultipartReader, _ reception: Reception, limit: Int64?) async throws -> Reception {
    func check(_ more: Int) throws(BodyError) {
      if let limit, reception.received + Int64(more) > limit { throw .tooLarge(limit: limit) }
    }
    do {
      try await reader.file {
        try check($0.capacity)
        return try await reception.write($0)
      } tail: {
        try check($1)
        try await reception.writeTail($0, count: $1)
      }
    } catch {
      reception.abandon()
      throw error
    }
    return reception
  }

  private static func checkType(_ name: [UInt8]) throws(BackupError) {
    guard MediaType(fileName: name) != nil else {
      throw .unsupportedType(name: String(decoding: name, as: UTF8.self))
    }
  }

  /// Python's HTTP clients percent-encode a part's file name as in a URL; everybody else sends it as it is, and there
  /// `100%25.jpg` is a name of its own. Immich keeps `my%20photo.jpg`; undoing it for the clients that are known to do
  /// so gives their users the names back that their files have.
  static func decoded(_ name: [UInt8], _ request: Request) -> [UInt8] {
    let agent = request[.userAgent]?.lowercased() ?? ""
    guard ["immichpy", "aiohttp", "homeassistant", "home assistant"].contains(where: { agent.contains($0) }),
      let text = String(validating: name, as: UTF8.self), let decoded = percentDecoded(text, plusIsSpace: false)
    else { return name }
    return Array(decoded.utf8)
  }
}
