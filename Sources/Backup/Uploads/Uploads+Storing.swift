import Ground
import Media
import Store

extension Uploads {
  /// Makes a whole upload an asset: everything on disk, digests compared, type known, then the finisher's order of
  /// intent, rename and row. The upload is let go whatever happens.
  /// - Parameters:
  ///   - length: of the whole, which is all that was received.
  ///   - head: the file's first bytes, where they are known.
  /// - Throws: as `UploadWriter.end`.
  func store(_ held: Held, length: Int64, head: [UInt8]?) async throws -> UploadStatus {
    do {
      let (result, sha1) = try await speaking { try await finish(held, length, head) }
      registry.leave(held.seat, .store)
      desk.flights.land(held.row.ownerID, sha1, as: result.id)
      var row = held.row
      (row.offset, row.length) = (length, length)
      row.state = .complete(isNew: result.isNew, asset: result.id, sha1: sha1)
      row.expiresAt = clock.wall().adding(seconds: UploadRow.answerKept)
      return try status(row, held.details)
    } catch {
      if let failure = UploadFailure(error, isLost: held.file.isLost) {
        await fail(held, failure, size: held.file.isLost ? nil : length)
      } else {
        await keep(held, length: length)
      }
      throw error
    }
  }

  private func finish(
    _ held: Held, _ length: Int64, _ knownHead: [UInt8]?
  ) async throws -> (UploadResult, SHA1Digest) {
    guard let finisher else { throw StoreError.broken("the command line receives no uploads") }
    let (row, details, file) = (held.row, held.details, held.file)
    guard length > 0 else { throw BackupError.emptyFile }
    let facts = UploadFacts(details.facts, claim: row.claimedSHA1)
    let modified = facts.modifiedAt?.instant ?? facts.createdAt?.instant ?? row.createdAt
    let digest = try await file.seal(modified: modified)
    if let claimed = row.claimedSHA1, claimed != digest {
      throw BackupError.checksumMismatch(claimed: claimed, received: digest)
    }
    if let claimed = row.claimedSHA256, try await file.sha256() != claimed {
      throw BackupError.uploadFailed(
        UploadFailure(
          code: UploadFailure.checksumMismatch, message: "The received bytes do not have the announced SHA-256"))
    }
    CrashPoint.digestCompared.pass()
    let filled = try facts.filled(
      head: facts.needsHead ? try knownHead ?? head(of: file) : [], begun: row.createdAt)
    if let id = facts.livePhotoVideo { try await catalog.checkLiveVideo(id, owner: row.owner) }
    var asset = NewAsset(
      id: row.asset, owner: row.owner, sha1: digest, size: length, facts: facts, filled: filled, sidecar: nil)
    asset.origin = details.origin
    switch try await finisher.finish(FinishRequest(asset: asset, staged: file.name, upload: row.number)) {
    case .created(let id): return (.created(id), digest)
    case .duplicate(let id): return (.duplicate(id), digest)
    }
  }

  private func head(of file: PartialFile) throws -> [UInt8] {
    let block = desk.blocks.take()
    defer { desk.blocks.give(block) }
    _ = try file.read(into: block, at: 0)
    return block.head(UploadFacts.headLength)
  }

  /// The held upload can never be stored: the reason is kept, the bytes are removed.
  /// - Parameter size: of the whole, where all of it had come.
  func fail(_ held: Held, _ failure: UploadFailure, size: Int64? = nil) async {
    do {
      try await end(held.row, .failed(code: failure.code, message: failure.message), size: size)
      await removeFile(held.row, held.file)
      registry.leave(held.seat, .fail)
    } catch {
      logger.error("the failure of an upload could not be recorded: \(error)")
      registry.leave(held.seat, .letGo)
    }
  }

  /// The held upload is whole and could not be stored for a cause that passes: it stays open. Its file is sealed, so
  /// that whoever ends it opens it again. Not a byte is taken back: where the catalog broke while it recorded, the file
  /// may be an original already, and the next start decides.
  func keep(_ held: Held, length: Int64) async {
    defer { registry.leave(held.seat, .letGo) }
    guard finisher?.isBroken == false else { return }
    do { try await held.file.checkpoint(length: length, expiresAt: expiry) } catch {
      logger.warning("a whole upload could neither be stored nor recorded: \(error)")
    }
  }

  /// What came could not be put on disk: back to what is there.
  /// - Throws: `error` in the product's words, always.
  func recover(_ held: Held, from error: any Error) async throws {
    if held.file.isLost {
      // The kernel may have dropped what it could not write: nothing behind the last sync can be trusted.
      logger.critical("the disk could not take an upload's bytes: \(error)")
      await fail(held, .storageFailed)
    } else {
      // Without the file in memory the next one opens it from its row.
      do {
        try await held.file.rollBack(to: held.file.durable)
        registry.leave(held.seat, .letGo, parking: held.file)
      } catch { registry.leave(held.seat, .letGo) }
    }
    if case StoreError.uploadEnded = error { throw BackupError.uploadGone }
    try await speaking { throw error }
  }
}

extension NewAsset {
  init(
    id: Identifier, owner: Owner, sha1: SHA1Digest, size: Int64, facts: UploadFacts, filled: FilledFacts,
    sidecar: (sha1: SHA1Digest, size: Int64)?
  ) {
    self.init(
      id: id, owner: owner, sha1: sha1, size: size, kind: filled.type.kind.rawValue, mimeType: filled.type.mimeType,
      originalName: filled.name, wallClock: filled.createdAt.wallClock, fileCreatedAt: filled.createdAt.instant,
      fileModifiedAt: filled.modifiedAt.instant, isFavorite: facts.isFavorite, visibility: facts.visibility.rawValue,
      durationMilliseconds: facts.durationMilliseconds.flatMap { $0 > 0 ? $0 : nil },
      livePhotoVideo: facts.livePhotoVideo, metadata: facts.metadata, sidecarSHA1: sidecar?.sha1,
      sidecarSize: sidecar?.size ?? 0)
  }
}

extension UploadFailure {
  package static let checksumMismatch = "checksum_mismatch"
  package static let unsupportedType = "unsupported_type"
  static let lengthExceeded = UploadFailure(
    code: "length_exceeded", message: "More bytes came than the upload was to have")
  static let storageFailed = UploadFailure(
    code: "storage_failed", message: "The server's disk could not take the bytes; send them again as a new upload")

  /// Nil for causes that can pass.
  init?(_ error: any Error, isLost: Bool) {
    switch error {
    case BackupError.emptyFile: self.init(code: "empty_file", message: "File is empty")
    case BackupError.unsupportedType(let name):
      self.init(code: UploadFailure.unsupportedType, message: "Unsupported file type \(name)")
    case BackupError.checksumMismatch(let claimed, let received):
      self.init(
        code: UploadFailure.checksumMismatch,
        message: "The received bytes have the SHA-1 \(received.hex), but \(claimed.hex) was announced")
    case BackupError.invalid(let message): self.init(code: "invalid", message: message)
    case BackupError.uploadFailed(let failure): self = failure
    default:
      guard isLost else { return nil }
      self = .storageFailed
    }
  }
}
