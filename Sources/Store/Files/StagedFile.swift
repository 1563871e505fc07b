import Ground

/// A file on its way in: what was received so far, and the digest that runs along. Confined to the lane of its transfer;
/// removed when it is dropped before someone took it over.
package final class StagedFile {
  /// In `staging/`.
  package let name: String
  /// Bytes accepted so far.
  package private(set) var length: Int64 = 0
  /// The digest of everything, once sealed.
  package private(set) var digest: SHA1Digest?

  private let staging: Staging
  private let sha1 = RunningSHA1()
  private var writer: StagedWriter?
  private var pipeline: Pipeline?
  private var checkedLength: Int64 = 0
  /// Free space is set aside for the file's bytes before `promised`; those before `settled` are written.
  private var promised: Int64
  private var settled: Int64 = 0
  private var isOwned = true

  /// - Parameter promised: bytes that `staging` has set aside for it already.
  init(name: String, file: Descriptor, staging: Staging, promised: Int64) {
    (self.name, self.staging, self.promised) = (name, staging, promised)
    writer = StagedWriter(file: file, mode: staging.mode)
  }

  deinit { discard() }

  /// Hashes and writes the first `block.capacity` bytes of a block that holds at least that many.
  /// - Returns: the block to go on with (perhaps another one), with the bytes beyond `capacity` at its front.
  /// - Throws: `StoreError.diskFull`, `.disk`; the file is of no use then. The block stays the caller's.
  package func write(_ block: Block) async throws(StoreError) -> Block {
    guard let writer else { throw .broken("written to after its end") }
    precondition(block.count >= block.capacity)
    let count = block.capacity
    do {
      try checkSpace(count)
      if pipeline == nil, length >= Staging.pipelineThreshold {
        pipeline = Pipeline(sha1: sha1, writer: writer, staging: staging)
      }
      let offset = length
      length += Int64(count)
      guard let pipeline else {
        let bytes = UnsafeRawBufferPointer(rebasing: block.memory[..<count])
        sha1.update(bytes)
        try writer.write(bytes, at: offset)
        settle(length)
        block.discard(count)
        return block
      }
      let next = staging.blocks.take()
      next.append(UnsafeRawBufferPointer(rebasing: block.memory[count..<block.count]))
      do { try await pipeline.submit(block, count: count, at: offset) } catch {
        staging.blocks.give(next)
        throw error
      }
      // What is still on its way is not on the disk.
      settle(length - Int64((Pipeline.depth + 1) * count))
      return next
    } catch let error as SystemError { throw StoreError(error) } catch let error as StoreError { throw error } catch {
      throw .broken("\(error)")
    }
  }

  /// Hashes and writes the first `count` bytes of a block: the last ones of this file.
  package func writeTail(_ block: Block, count: Int) async throws(StoreError) {
    guard let writer else { throw .broken("written to after its end") }
    do {
      try await leavePipeline()
      guard count > 0 else { return }
      try checkSpace(count)
      let bytes = UnsafeRawBufferPointer(rebasing: block.memory[..<count])
      sha1.update(bytes)
      try writer.write(bytes, at: length)
      length += Int64(count)
      settle(length)
    } catch let error as SystemError { throw StoreError(error) } catch let error as StoreError { throw error } catch {
      throw .broken("\(error)")
    }
  }

  /// Puts everything on disk and ends the file. Runs on the transfer's lane, beside other transfers.
  /// - Parameter modified: set before the sync, so that it is on disk with the content.
  /// - Throws: also where syncing failed, which is final: the kernel may have dropped what it could not write.
  package func seal(modified: Instant) async throws(StoreError) -> SHA1Digest {
    if let digest { return digest }
    guard let writer else { throw .broken("sealed after it was discarded") }
    do {
      try await leavePipeline()
      try FileSystem.setModified(writer.file, modified)
      // Not fdatasync, which leaves out the time of modification.
      try writer.file.sync()
    } catch { throw StoreError(error) }
    self.writer = nil
    settle(promised)
    let digest = sha1.finish()
    self.digest = digest
    CrashPoint.stagedSynced.pass()
    return digest
  }

  /// Somebody else takes over the sealed file, named `name`, and removes it if need be.
  package func handOver() {
    precondition(digest != nil)
    isOwned = false
  }

  /// Removes what was staged.
  package func discard() {
    guard isOwned else { return }
    isOwned = false
    writer = nil
    pipeline = nil
    settle(promised)
    // What could not be removed goes with the next start's sweep.
    _ = try? FileSystem.remove(staging.path(name))
  }

  private func leavePipeline() async throws(SystemError) {
    try await pipeline?.drain()
    pipeline = nil
  }

  private func checkSpace(_ count: Int) throws(StoreError) {
    let need = length + Int64(count) - promised
    if need > 0 {
      var bytes = max(need, Staging.slice)
      do { try staging.promise(bytes) } catch {
        // The last of a nearly full disk goes in exact pieces.
        guard error == .diskFull, need < bytes else { throw error }
        bytes = need
        try staging.promise(bytes)
      }
      promised += bytes
    } else if length + Int64(count) - checkedLength >= Staging.spaceInterval {
      checkedLength = length
      try staging.promise(0)
    }
  }

  /// The first `end` bytes need no promise any more.
  private func settle(_ end: Int64) {
    let end = min(end, promised)
    guard end > settled else { return }
    staging.settle(end - settled)
    settled = end
  }
}
