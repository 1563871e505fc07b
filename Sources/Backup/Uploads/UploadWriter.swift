import Ground
import Store

/// One connection's hold on an upload. Confined to `lane`. Dropped without `end` or `cut`, it counts as cut.
package final class UploadWriter: Sendable {
  /// Where `write` and the endings must run.
  package let lane: Lane
  /// Bytes that this part may still bring; nil where the length is unknown.
  package var room: Int64? { fatalError("to be written") }

  init(lane: Lane) { self.lane = lane }

  /// How many bytes the next `write` should bring, unless the body ends before.
  package func wanted(_ block: Block) -> Int { fatalError("to be written") }

  /// Bytes came on the connection: its speed is measured.
  /// - Throws: `.tooSlow`. Write what the block holds, then call `cut`.
  package func heard(_ count: Int) throws { fatalError("to be written") }

  /// Hashes and writes the first `count` bytes of a block; checkpoints now and then.
  /// - Returns: the block to go on with (perhaps another one), with the bytes beyond `count` at its front.
  /// - Throws: `.overtaken`, `.tooSlow`, `.diskFull`, `.quotaExceeded`, `.lengthExceeded`. Call `cut` then. The block stays the caller's.
  package func write(_ block: Block, _ count: Int) async throws -> Block { fatalError("to be written") }

  /// Everything that was accepted so far is on disk and recorded: what a 104 with progress may say.
  package var durable: Int64 { fatalError("to be written") }

  /// The body came to its end: verifies the part's claim, checkpoints, lets go; where the upload is whole by its rule, stores
  /// it. A multipart upload that is whole stays open: its door reads it with `storedBody` and ends it with `record`.
  /// - Parameter authorize: asked again just before storing (the right to upload may have been revoked meanwhile).
  /// - Throws: `.partMismatch` (the part is gone, the offset as before), `.checksumMismatch`, `.unsupportedType`, `.emptyFile`: failed for ever;
  ///   `.quotaExceeded`, `.diskFull`, `.unavailable`, what `authorize` throws: can be ended again later.
  package func end(authorize: () async throws -> Void) async throws -> UploadStatus { fatalError("to be written") }

  /// The body broke off: what came is put on disk, unless the part had a claim; lets go.
  @discardableResult
  package func cut() async -> UploadStatus? { fatalError("to be written") }

  // MARK: Multipart bodies

  /// Whether `end` left a whole multipart body to its door.
  package var holdsWholeBody: Bool { fatalError("to be written") }

  /// Fills the block with the whole body's bytes from `offset`; 0 at its end.
  package func read(into block: Block, at offset: Int64) async throws -> Int { fatalError("to be written") }

  /// The photo in the body was stored: keeps the answer, removes the body.
  package func record(_ outcome: UploadOutcome) async throws -> UploadStatus { fatalError("to be written") }

  /// The body can never be stored.
  package func fail(_ failure: UploadFailure) async { fatalError("to be written") }
}
