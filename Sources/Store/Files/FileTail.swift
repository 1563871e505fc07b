import Ground

/// The growing end of a file in staging: blocks are hashed and written there, in line while the file is small, in three
/// stages when it is large, and only into space that was promised. Touched by its transfer alone.
final class FileTail {
  let file: Descriptor
  /// Bytes accepted so far; some may still be on their way.
  private(set) var length: Int64
  /// A write failed: the file holds less than `length` says, until `rewind`.
  private(set) var isTorn = false

  private let staging: Staging
  private let writer: StagedWriter
  private var sha1: RunningSHA1
  private var pipeline: Pipeline?
  private var checkedLength: Int64
  /// Free space is set aside for the file's bytes before `promised`; those before `settled` are written.
  private var promised: Int64
  private var settled: Int64

  /// - Parameters:
  ///   - length: bytes that are in the file already, and in `sha1`.
  ///   - promised: bytes behind them for which `staging` has set space aside.
  init(file: Descriptor, staging: Staging, length: Int64 = 0, sha1: RunningSHA1 = RunningSHA1(), promised: Int64) {
    (self.file, self.staging, self.length, self.sha1) = (file, staging, length, sha1)
    writer = StagedWriter(file: file, mode: staging.mode)
    (checkedLength, settled, self.promised) = (length, length, length + promised)
  }

  deinit { settleAll() }

  /// Hashes and writes the first `count` bytes of a block.
  /// - Returns: the block to go on with (perhaps another one), with the bytes beyond `count` at its front.
  /// - Throws: `StoreError.diskFull`, `.disk`. The block stays the caller's.
  func write(_ block: Block, _ count: Int) async throws(StoreError) -> Block {
    precondition(count <= block.count)
    try checkSpace(count)
    do throws(SystemError) {
      if pipeline == nil, length >= Staging.pipelineThreshold {
        pipeline = Pipeline(sha1: sha1, writer: writer, staging: staging)
      }
      // What is left must fit into any block, also into a small one.
      guard let pipeline, block.count - count <= Block.slack else {
        try await leavePipeline()
        try writeInLine(block, count)
        block.discard(count)
        return block
      }
      let next = staging.blocks.take()
      next.append(UnsafeRawBufferPointer(rebasing: block.memory[count..<block.count]))
      do { try await pipeline.submit(block, count: count, at: length) } catch {
        staging.blocks.give(next)
        throw error
      }
      length += Int64(count)
      // What is still on its way is not on the disk.
      settle(length - Int64((Pipeline.depth + 1) * Block.standard))
      return next
    } catch {
      isTorn = true
      throw StoreError(error)
    }
  }

  /// Hashes and writes the first `count` bytes of a block, which stays as it is.
  func writeTail(_ block: Block, _ count: Int) async throws(StoreError) {
    try await drain()
    guard count > 0 else { return }
    try checkSpace(count)
    do { try writeInLine(block, count) } catch {
      isTorn = true
      throw StoreError(error)
    }
  }

  private func writeInLine(_ block: Block, _ count: Int) throws(SystemError) {
    let bytes = UnsafeRawBufferPointer(rebasing: block.memory[..<count])
    sha1.update(bytes)
    try writer.write(bytes, at: length)
    length += Int64(count)
    settle(length)
  }

  /// Appends up to `count` bytes of `source` from `offset`; how many, 0 at its end. Uses `block` to read them.
  func copy(_ source: Descriptor, from offset: Int64, count: Int, _ block: Block) async throws(StoreError) -> Int {
    try await drain()
    try checkSpace(count)
    do throws(SystemError) {
      let done = try writer.copy(source, from: offset, to: length, count: count, block)
      try sha1.update(reading: source, from: offset, count: done, block)
      source.dropCache(from: offset, count: done)
      length += Int64(done)
      settle(length)
      return done
    } catch {
      isTorn = true
      throw StoreError(error)
    }
  }

  /// Everything accepted is hashed and written when this returns.
  func drain() async throws(StoreError) {
    do { try await leavePipeline() } catch {
      isTorn = true
      throw StoreError(error)
    }
    settle(length)
  }

  private func leavePipeline() async throws(SystemError) {
    // Gone also where it failed: nothing of it is on its way any more.
    defer { pipeline = nil }
    try await pipeline?.drain()
  }

  /// The state of SHA-1 after everything; call it after `drain`.
  var sha1State: [UInt8] { sha1.state }
  /// The digest of everything; call it after `drain`.
  var digest: SHA1Digest { sha1.copy().finish() }

  /// Calls `reached` once with the state of SHA-1 after everything accepted so far, when all of it is written, on some
  /// queue; with an error where it could not be.
  func mark(_ reached: @escaping @Sendable (Result<[UInt8], SystemError>) -> Void) {
    if let pipeline { pipeline.mark(reached) } else { reached(.success(sha1.state)) }
  }

  /// Takes back what was accepted behind `length`; `sha1` is that of the rest. Call it after `drain`, which may have failed.
  func rewind(to length: Int64, sha1: RunningSHA1) throws(SystemError) {
    try file.truncate(to: length)
    (self.length, self.sha1, isTorn) = (length, sha1, false)
    // What was promised and not used is still promised, for what comes instead.
    let outstanding = promised - settled
    (settled, promised) = (length, length + outstanding)
    checkedLength = min(checkedLength, length)
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

  /// Sets space aside for the next `bytes`, in place of what was.
  func reserve(_ bytes: Int64) throws(StoreError) {
    let more = bytes - (promised - length)
    guard more > 0 else { return }
    try staging.promise(more)
    promised += more
  }

  /// What was set aside is anybody's again; a write sets aside what it needs. Call it after `drain`.
  func release() {
    settleAll()
    (settled, promised) = (length, length)
  }

  /// The first `end` bytes need no promise any more.
  private func settle(_ end: Int64) {
    let end = min(end, promised)
    guard end > settled else { return }
    staging.settle(end - settled)
    settled = end
  }

  /// Nothing more will come.
  func settleAll() { settle(promised) }
}
