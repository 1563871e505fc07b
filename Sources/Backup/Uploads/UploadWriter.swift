import FoundationEssentials
import Ground
import Store

/// One connection's hold on an upload, driven on `lane`. Dropped without `end` or `cut`, it counts as cut.
package final class UploadWriter: Sendable {
  let transfer: UploadTransfer
  /// Nil where an outcome is replayed.
  private let ticket: Transfers.Ticket?
  private let transfers: Transfers

  init(uploads: Uploads, held: Uploads.Held, part: UploadPart, length: Int64?, quota: Int64?) {
    transfers = uploads.desk.transfers
    ticket = transfers.begin(
      owner: held.row.ownerID, number: held.row.owner.number, origin: held.details.origin, length: length,
      start: held.file.length, name: held.details.facts.name.map { [UInt8]($0) }, isResumable: true)
    transfer = UploadTransfer(uploads: uploads, held: held, part: part, length: length, quota: quota)
  }

  init(uploads: Uploads, replaying status: UploadStatus) {
    (transfers, ticket) = (uploads.desk.transfers, nil)
    transfer = UploadTransfer(uploads: uploads, replaying: status)
  }

  deinit {
    ended(.quietly)
    guard !transfer.isOver else { return }
    Task { [transfer] in await transfer.lane.run { _ = await transfer.cut() } }
  }

  /// Where `write` and the endings must run.
  package var lane: Lane { transfer.lane }

  /// Bytes that this part may still bring; nil where the length is unknown.
  package var room: Int64? { transfer.room }

  /// How many bytes the next `write` should bring, unless the body ends before. At least 1: where there is no room, the
  /// byte that is too much.
  package func wanted(_ block: Block) -> Int { transfer.wanted(block) }

  /// Some bytes came, if not enough to be written: to be called after every read.
  /// - Throws: `.tooSlow`. Write what there is and call `cut` then.
  package func heard(_ count: Int) throws(BackupError) { try transfer.heard(count) }

  /// Hashes and writes the first `count` bytes of a block; checkpoints now and then. After another connection took
  /// over, `UploadRegistry.lastWrites` more are taken: what this one had in hand, and what had come.
  /// - Returns: the block to go on with (perhaps another one), with the bytes beyond `count` at its front.
  /// - Throws: `.overtaken`, `.tooSlow`, `.diskFull`, `.quotaExceeded`, `.lengthExceeded`, `.uploadTooLarge`, `.storedMeanwhile`. Call `cut`
  ///   then. The block stays the caller's.
  package func write(_ block: Block, _ count: Int) async throws -> Block {
    let next = try await transfer.write(block, count)
    if let ticket { transfers.move(ticket, count) }
    return next
  }

  /// Everything that was accepted so far is on disk and recorded: what a 104 with progress may say.
  package var durable: Int64 { transfer.durable }

  /// The body came to its end: verifies the part's claim, checkpoints, lets go; where the upload is whole by its rule, stores
  /// it. A multipart upload that is whole stays open: its door reads it with `read` and ends it with `record`.
  /// - Parameter authorize: asked again just before storing (the right to upload may have been revoked meanwhile).
  /// - Throws: `.partMismatch` (the part is gone, the offset as before), `.checksumMismatch`, `.unsupportedType`, `.emptyFile`, `.invalid`,
  ///   `.uploadFailed` (SHA-256): failed for ever; `.storedMeanwhile`: complete;
  ///   `.inconsistentLength`, `.quotaExceeded`, `.diskFull`, `.unavailable`, what `authorize` throws: can be ended again later.
  package func end(authorize: () async throws -> Void) async throws -> UploadStatus {
    do {
      let status = try await transfer.end(authorize: authorize)
      if case .complete(let outcome) = status.state, !outcome.result.isNew {
        ended(.duplicate(outcome.result.id))
      } else {
        ended(.quietly)
      }
      return status
    } catch {
      ended(Transfers.End(error))
      throw error
    }
  }

  /// The body broke off: what came is put on disk, unless the part had a claim; lets go.
  @discardableResult
  package func cut() async -> UploadStatus? {
    ended(transfer.refused.map { Transfers.End($0) } ?? (transfer.holdsWholeBody ? .quietly : .broken))
    return await transfer.cut()
  }

  private func ended(_ end: Transfers.End) { if let ticket { transfers.end(ticket, end) } }

  // MARK: Multipart bodies

  /// Whether `end` left a whole multipart body to its door.
  package var holdsWholeBody: Bool { transfer.holdsWholeBody }

  /// Appends the whole body's bytes from `offset` to the block's free space; how many, 0 at its end.
  package func read(into block: Block, at offset: Int64) async throws -> Int {
    try await transfer.read(into: block, at: offset)
  }

  /// The photo in the body was stored: keeps the answer, removes the body.
  package func record(_ outcome: UploadOutcome) async throws -> UploadStatus { try await transfer.record(outcome) }

  /// The body can never be stored.
  package func fail(_ failure: UploadFailure) async { await transfer.fail(failure) }
}
