import Backup
import Ground
import HTTPServer
import HTTPTypes
import Media

/// Reads a multipart form with one file, block by block, and stores the file: from the socket, or from an upload that was
/// received in pieces.
struct FormReception: Sendable {
  let desk: ReceiveDesk
  /// `User-Agent`: some clients percent-encode names.
  let agent: String?
  let account: Account
  /// What brings it.
  let origin: Origin?
  /// The photo's, not the form's.
  let claimed: SHA1Digest?

  /// Bytes of an XMP file.
  static let sidecarLimit: Int64 = 32 << 20
  /// What the form's other fields and delimiters may take of a Content-Length, at most; an upload is refused before its
  /// file has come only where the rest alone does not fit.
  private static let formAllowance: Int64 = 64 << 10

  /// Runs on the transfer's lane. Where another connection stores the same announced bytes meanwhile, the rest is not read.
  /// - Throws: `ValidationFailure`, `BodyError`, and what the desk throws; nothing is stored then.
  func receive(_ body: RequestBody, _ boundary: MultipartBoundary) async throws -> UploadOutcome {
    let reader = MultipartReader(body, boundary: boundary, block: desk.blocks.take())
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
          form.partName = FormReception.decoded(name, agent: agent)
          // As in Immich: whoever names the part after a temporary file sends `filename` before it. What cannot be
          // taken is refused before a long film has come for nothing; a later `filename` is checked at the end.
          if let name = form.fieldName ?? form.partName, !name.isEmpty { try FormReception.checkType(name) }
          let expected = body.declaredLength.map { max(0, $0 - FormReception.formAllowance) }
          file = try await receive(
            reader,
            try await desk.open(
              account, expectedLength: expected, claimed: claimed, origin: origin,
              name: form.fieldName ?? form.partName), limit: nil)
        case "sidecarData":
          guard sidecar == nil else { throw ValidationFailure("sidecarData", "must not be repeated") }
          sidecar = try await receive(
            reader, try await desk.open(account, expectedLength: nil), limit: FormReception.sidecarLimit)
        default:
          if let limit = UploadForm.limit(of: part.name) {
            try form.set(part.name, try await reader.text(limit: limit))
          }
        }
      }
      let facts = try form.facts(claimedChecksum: claimed, hasFile: file != nil)
      guard let file else { throw ValidationFailure("assetData", "a file is required") }
      return try await file.outcome(facts, sidecar: sidecar)
    } catch {
      if let file {
        file.named(form.fieldName ?? form.partName)
        if error is ValidationFailure { file.refuse("invalid") } else { file.abandon(because: error) }
      } else if case BackupError.unsupportedType = error {
        desk.note(
          .failure(error), owner: account.owner, origin: origin, name: form.fieldName ?? form.partName,
          bytes: body.declaredLength)
      }
      sidecar?.abandon()
      return try UploadOutcome(meanwhile: error, claimed)
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
      reception.abandon(because: error)
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
  static func decoded(_ name: [UInt8], agent: String?) -> [UInt8] {
    let agent = agent?.lowercased() ?? ""
    guard ["immichpy", "aiohttp", "homeassistant", "home assistant"].contains(where: { agent.contains($0) }),
      let text = String(validating: name, as: UTF8.self), let decoded = percentDecoded(text, plusIsSpace: false)
    else { return name }
    return Array(decoded.utf8)
  }
}

extension UploadOutcome {
  /// Another connection brought the announced bytes and was first: for whoever announced them too that is a duplicate.
  /// - Throws: every other error.
  init(meanwhile error: any Error, _ claimed: SHA1Digest?) throws {
    guard case BackupError.storedMeanwhile(let id) = error, let claimed else { throw error }
    self.init(result: .duplicate(id), sha1: claimed)
  }
}

extension Reception {
  /// `finish`, with the digest of what was received.
  func outcome(_ facts: UploadFacts, sidecar: Reception?) async throws -> UploadOutcome {
    let result = try await finish(facts, sidecar: sidecar)
    guard let digest else { preconditionFailure("a finished file has its digest") }
    return UploadOutcome(result: result, sha1: digest)
  }
}
