import Ground
import Media
import Store

/// One file on its way in. Confined to the lane of its transfer, never shared. Dropped without `finish`, it leaves nothing.
package final class Reception {
  private let file: StagedFile
  private let owner: Owner
  /// Bytes that the owner's quota left when this began; nil without a quota.
  private let room: Int64?
  private let ownerID: Identifier
  private let flight: Flight?
  private let flights: Flights
  private let catalog: Catalog
  private let finisher: Finisher
  private let transfers: Transfers
  private let ticket: Transfers.Ticket
  private let begun = Instant.now()
  /// The file's first bytes.
  private var head: [UInt8] = []
  /// Of the received bytes, once `finish` has compared them.
  package private(set) var digest: SHA1Digest?

  init(
    file: StagedFile, owner: Owner, ownerID: Identifier, room: Int64?, flight: Flight?, flights: Flights,
    catalog: Catalog, finisher: Finisher, transfers: Transfers, ticket: Transfers.Ticket
  ) {
    (self.file, self.owner, self.ownerID, self.room) = (file, owner, ownerID, room)
    (self.flight, self.flights, self.catalog, self.finisher) = (flight, flights, catalog, finisher)
    (self.transfers, self.ticket) = (transfers, ticket)
  }

  /// Bytes written so far.
  package var received: Int64 { file.length }

  /// Hashes and writes the first `block.capacity` bytes of a block that holds at least that many.
  /// - Returns: the block to go on with (perhaps another one), with the bytes beyond `capacity` moved to its front.
  /// - Throws: `.diskFull`, `.quotaExceeded`, `.storedMeanwhile`; the reception is of no use then, the block stays the caller's.
  package func write(_ block: Block) async throws -> Block {
    try check(block, block.capacity)
    let count = block.capacity
    defer { transfers.move(ticket, count) }
    return try await speaking { try await file.write(block) }
  }

  /// Hashes and writes the first `count` bytes, the last of this file; the caller discards them from the block.
  /// - Throws: as `write`.
  package func writeTail(_ block: Block, count: Int) async throws {
    try check(block, count)
    transfers.move(ticket, count)
    try await speaking { try await file.writeTail(block, count: count) }
  }

  /// Makes it durable and records it: digest compared, synced, renamed, recorded, in that order.
  /// - Parameter sidecar: a finished XMP file that belongs to it.
  /// - Throws: `.checksumMismatch`, `.emptyFile`, `.unsupportedType`, `.quotaExceeded`, `.invalid`,
  ///   `.diskFull`, `.storedMeanwhile`, `.authenticationRequired` (deleted meanwhile); nothing is stored then.
  package func finish(_ facts: UploadFacts, sidecar: Reception?) async throws -> UploadResult {
    defer {
      abandon()
      sidecar?.abandon()
    }
    ticket.named(facts.name)
    do {
      let result = try await record(facts, sidecar: sidecar)
      transfers.end(ticket, result.isNew ? .quietly : .duplicate(result.id))
      return result
    } catch {
      transfers.end(ticket, Transfers.End(error))
      throw error
    }
  }

  private func record(_ facts: UploadFacts, sidecar: Reception?) async throws -> UploadResult {
    try await speaking {
      try flight?.check()
      guard received > 0 else { throw BackupError.emptyFile }
      if let id = facts.livePhotoVideo { try await catalog.checkLiveVideo(id, owner: owner) }
      let digest = try await file.seal(
        modified: facts.modifiedAt?.instant ?? facts.createdAt?.instant ?? begun)
      if let claimed = facts.claimedChecksum, claimed != digest {
        throw BackupError.checksumMismatch(claimed: claimed, received: digest)
      }
      CrashPoint.digestCompared.pass()
      let filled = try facts.filled(head: head, begun: begun)
      // An empty sidecar says nothing: no file is made of it.
      let attached = sidecar.flatMap { $0.received > 0 ? $0.file : nil }
      let sidecarDigest = try await attached?.seal(modified: filled.modifiedAt.instant)
      var asset = NewAsset(
        id: Identifier(), owner: owner, sha1: digest, size: received, facts: facts, filled: filled,
        sidecar: sidecarDigest.map { ($0, attached?.length ?? 0) })
      asset.origin = ticket.origin
      self.digest = digest
      file.handOver()
      attached?.handOver()
      let request = FinishRequest(asset: asset, staged: file.name, sidecarStaged: attached?.name)
      let result: UploadResult =
        switch try await finisher.finish(request) {
        case .created(let id): .created(id)
        case .duplicate(let id): .duplicate(id)
        }
      flights.land(ownerID, digest, as: result.id)
      return result
    }
  }

  /// Removes what was staged.
  /// - Parameter error: why, where it was not stored.
  package func abandon(because error: (any Error)? = nil) {
    file.discard()
    transfers.end(ticket, error.map { Transfers.End($0) } ?? .quietly)
  }

  /// As `abandon`, of a file that was refused for what a form says of it.
  package func refuse(_ reason: String) {
    file.discard()
    transfers.end(ticket, .rejected(reason))
  }

  /// What it is called, as far as is known.
  package func named(_ name: [UInt8]?) { ticket.named(name) }

  deinit { transfers.end(ticket, .quietly) }

  private func check(_ block: Block, _ count: Int) throws {
    try flight?.check()
    if let room, received + Int64(count) > room { throw BackupError.quotaExceeded }
    if received == 0 { head = block.head(min(count, UploadFacts.headLength)) }
  }
}
