import Ground
import Media
import Store

/// One file on its way in. Confined to the lane of its transfer, never shared. Dropped without `finish`, it leaves nothing.
package final class Reception {
  private let file: StagedFile
  private let owner: Owner
  /// Bytes that the owner's quota left when this began; nil without a quota.
  private let room: Int64?
  private let catalog: Catalog
  private let finisher: Finisher
  /// Of the received bytes, once `finish` has compared them.
  package private(set) var digest: SHA1Digest?

  init(file: StagedFile, owner: Owner, room: Int64?, catalog: Catalog, finisher: Finisher) {
    (self.file, self.owner, self.room) = (file, owner, room)
    (self.catalog, self.finisher) = (catalog, finisher)
  }

  /// Bytes written so far.
  package var received: Int64 { file.length }

  /// Hashes and writes the first `block.capacity` bytes of a block that holds at least that many.
  /// - Returns: the block to go on with (perhaps another one), with the bytes beyond `capacity` moved to its front.
  /// - Throws: `.diskFull`, `.quotaExceeded`; the reception is of no use then, the block stays the caller's.
  package func write(_ block: Block) async throws -> Block {
    try checkRoom(block.capacity)
    return try await speaking { try await file.write(block) }
  }

  /// Hashes and writes the first `count` bytes, the last of this file; the caller discards them from the block.
  /// - Throws: as `write`.
  package func writeTail(_ block: Block, count: Int) async throws {
    try checkRoom(count)
    try await speaking { try await file.writeTail(block, count: count) }
  }

  /// Makes it durable and records it: digest compared, synced, renamed, recorded, in that order.
  /// - Parameter sidecar: a finished XMP file that belongs to it.
  /// - Throws: `.checksumMismatch`, `.emptyFile`, `.unsupportedType`, `.quotaExceeded`, `.invalid`, `.diskFull`; nothing is stored then.
  package func finish(_ facts: UploadFacts, sidecar: Reception?) async throws -> UploadResult {
    defer {
      abandon()
      sidecar?.abandon()
    }
    return try await speaking {
      guard received > 0 else { throw BackupError.emptyFile }
      if let id = facts.livePhotoVideo { try await catalog.checkLiveVideo(id, owner: owner) }
      guard let name = facts.name, let createdAt = facts.createdAt, let modifiedAt = facts.modifiedAt else {
        throw BackupError.invalid("A name and both times are required")
      }
      let digest = try await file.seal(modified: modifiedAt.instant)
      if let claimed = facts.claimedChecksum, claimed != digest {
        throw BackupError.checksumMismatch(claimed: claimed, received: digest)
      }
      CrashPoint.digestCompared.pass()
      guard let type = MediaType(fileName: name) else {
        throw BackupError.unsupportedType(name: String(decoding: name, as: UTF8.self))
      }
      // An empty sidecar says nothing: no file is made of it.
      let attached = sidecar.flatMap { $0.received > 0 ? $0.file : nil }
      let sidecarDigest = try await attached?.seal(modified: modifiedAt.instant)
      let asset = NewAsset(
        id: Identifier(), owner: owner, sha1: digest, size: received, kind: type.kind.rawValue, mimeType: type.mimeType,
        originalName: name, wallClock: createdAt.wallClock, fileCreatedAt: createdAt.instant,
        fileModifiedAt: modifiedAt.instant, isFavorite: facts.isFavorite, visibility: facts.visibility.rawValue,
        durationMilliseconds: facts.durationMilliseconds.flatMap { $0 > 0 ? $0 : nil },
        livePhotoVideo: facts.livePhotoVideo, metadata: facts.metadata, sidecarSHA1: sidecarDigest,
        sidecarSize: attached?.length ?? 0)
      file.handOver()
      attached?.handOver()
      self.digest = digest
      switch try await finisher.finish(FinishRequest(asset: asset, staged: file.name, sidecarStaged: attached?.name)) {
      case .created(let id): return .created(id)
      case .duplicate(let id): return .duplicate(id)
      }
    }
  }

  /// Removes what was staged.
  package func abandon() { file.discard() }

  private func checkRoom(_ count: Int) throws {
    if let room, received + Int64(count) > room { throw BackupError.quotaExceeded }
  }
}
