import Ground

/// A file on its way in: what was received so far, and the digest that runs along. Touched by its transfer alone;
/// removed when it is dropped before someone took it over.
package final class StagedFile {
  /// In `staging/`.
  package let name: String
  /// Bytes accepted so far.
  package private(set) var length: Int64 = 0
  /// The digest of everything, once sealed.
  package private(set) var digest: SHA1Digest?

  private let staging: Staging
  /// Nil once it is sealed or discarded.
  private var tail: FileTail?
  private var isOwned = true

  /// - Parameter promised: bytes that `staging` has set aside for it already.
  init(name: String, file: Descriptor, staging: Staging, promised: Int64) {
    (self.name, self.staging) = (name, staging)
    tail = FileTail(file: file, staging: staging, promised: promised)
    staging.enter(name)
  }

  deinit { discard() }

  /// Hashes and writes the first `block.capacity` bytes of a block that holds at least that many.
  /// - Returns: the block to go on with (perhaps another one), with the bytes beyond `capacity` at its front.
  /// - Throws: `StoreError.diskFull`, `.disk`; the file is of no use then. The block stays the caller's.
  package func write(_ block: Block) async throws(StoreError) -> Block {
    guard let tail else { throw .broken("written to after its end") }
    precondition(block.count >= block.capacity)
    defer { length = tail.length }
    return try await tail.write(block, block.capacity)
  }

  /// Hashes and writes the first `count` bytes of a block: the last ones of this file.
  package func writeTail(_ block: Block, count: Int) async throws(StoreError) {
    guard let tail else { throw .broken("written to after its end") }
    defer { length = tail.length }
    try await tail.writeTail(block, count)
  }

  /// Puts everything on disk and ends the file. Runs on the transfer's lane, beside other transfers.
  /// - Parameter modified: set before the sync, so that it is on disk with the content.
  /// - Throws: also where syncing failed, which is final: the kernel may have dropped what it could not write.
  package func seal(modified: Instant) async throws(StoreError) -> SHA1Digest {
    if let digest { return digest }
    guard let tail else { throw .broken("sealed after it was discarded") }
    try await tail.drain()
    do {
      try FileSystem.setModified(tail.file, modified)
      // Not fdatasync, which leaves out the time of modification.
      try tail.file.sync()
    } catch { throw StoreError(error) }
    self.tail = nil
    let digest = tail.digest
    self.digest = digest
    tail.settleAll()
    CrashPoint.stagedSynced.pass()
    return digest
  }

  /// Somebody else takes over the sealed file, named `name`, and removes it if need be.
  package func handOver() {
    precondition(digest != nil)
    isOwned = false
    // Its last change was the seal, a moment ago: the sweep spares it until it is recorded.
    staging.exit(name)
  }

  /// Removes what was staged.
  package func discard() {
    guard isOwned else { return }
    isOwned = false
    tail?.settleAll()
    tail = nil
    // What could not be removed goes with the sweep, an hour later.
    _ = try? FileSystem.remove(staging.path(name))
    staging.exit(name)
  }
}
