import Ground

/// Where uploads come in, whatever door they came through.
package final class ReceiveDesk: Sendable {
  init() {}

  /// Where transfers take their memory from.
  package var blocks: BlockPool { fatalError() }
  /// A lane for one transfer: receiving, hashing and writing happen on it.
  package func lane() -> Lane { fatalError() }

  /// The asset the owner already has with these bytes (in the trash too).
  package func existing(_ digest: SHA1Digest, owner: Identifier) async throws -> Identifier? { fatalError() }

  /// Starts a file in staging. - Parameter expectedLength: bytes, where known; refused early with `.diskFull` or
  /// `.quotaExceeded` where it cannot fit.
  package func open(owner: Identifier, expectedLength: Int64?) async throws -> Reception { fatalError() }
}

/// One file on its way in. Confined to the lane of its transfer, never shared. Dropped without `finish`, it leaves nothing.
package final class Reception {
  /// Bytes written so far.
  package var received: Int64 { fatalError() }

  /// Hashes and writes the first `block.capacity` bytes of a block that holds at least that many.
  /// - Returns: the block to go on with (perhaps another one), with the bytes beyond `capacity` moved to its front.
  package func write(_ block: Block) async throws -> Block { fatalError() }
  /// Hashes and writes the first `count` bytes, the last of this file; the caller discards them from the block.
  package func writeTail(_ block: Block, count: Int) async throws { fatalError() }

  /// Makes it durable and records it: digest compared, synced, renamed, recorded, in that order.
  /// - Parameter sidecar: a finished XMP file that belongs to it.
  /// - Throws: `.checksumMismatch`, `.emptyFile`, `.unsupportedType`, `.quotaExceeded`, `.invalid`, `.diskFull`; nothing is stored then.
  package func finish(_ facts: UploadFacts, sidecar: Reception?) async throws -> UploadResult { fatalError() }
  /// Removes what was staged.
  package func abandon() { fatalError() }
}
