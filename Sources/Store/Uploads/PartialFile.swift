import Glibc
import Ground

/// The bytes of an upload that may be interrupted: a file in `staging/` that outlives connections and restarts, and the
/// digest that runs along. Dropped, it leaves its file where it is; a `checkpoint` or `rollBack` must come before that,
/// so that nothing is on its way to the file any more.
///
/// `@unchecked Sendable`: touched by whoever holds the upload's seat (`UploadRegistry`) and by nobody else; the seat is
/// handed on when its holder is done.
package final class PartialFile: @unchecked Sendable {
  /// In `staging/`.
  package let name: String
  /// Bytes accepted so far; some may still be on their way to the disk.
  package var length: Int64 { tail.length }
  /// Bytes that are on disk and recorded: what may be told to anyone.
  package var durable: Int64 { progress.durable.offset }
  /// Syncing failed, which is final.
  package var isLost: Bool { progress.loss != nil }

  private let staging: Staging
  private let tail: FileTail
  private let progress: UploadProgress
  private var isSealed = false
  /// What is behind `durable` belongs to a part whose checksum is not verified yet.
  private var isClaimed = false

  init(name: String, staging: Staging, tail: FileTail, progress: UploadProgress) {
    (self.name, self.staging, self.tail, self.progress) = (name, staging, tail, progress)
  }

  // MARK: Growing

  /// How many bytes the next `write` should bring, unless the body ends before: so many that the offset behind them is a
  /// multiple of a block, for direct I/O.
  package func wanted(_ block: Block) -> Int { block.capacity - Int(length % Int64(block.capacity)) }

  /// Sets free space aside for the next `bytes`, until `release` or the file's end; nothing is needed for 0.
  /// - Throws: `StoreError.diskFull` where they do not fit.
  package func reserve(_ bytes: Int64) throws(StoreError) { try tail.reserve(bytes) }

  /// Nobody writes for now: what was set aside is anybody's again.
  package func release() { tail.release() }

  /// What comes now belongs to a part with a checksum: until the next `checkpoint`, `seal` or `rollBack` a crash
  /// counts none of it. Everything accepted before is `durable`.
  package func beginClaimed() throws(StoreError) {
    guard length == durable else { throw .broken("a part with a checksum begins behind what is recorded") }
    // A mark beside the file: it must outlive this process only, for after a reboot nothing behind `durable` counts anyway.
    do { _ = try Descriptor(open: staging.path(PartialFile.claim(name)), O_WRONLY | O_CREAT) } catch {
      throw StoreError(error)
    }
    isClaimed = true
  }

  /// Hashes and writes the first `count` bytes of a block; `count` is `wanted` or, at the end of a body, less.
  /// - Returns: the block to go on with (perhaps another one), with the bytes beyond `count` at its front.
  /// - Throws: `StoreError.diskFull`, `.disk`: what was accepted before can still be checkpointed; where the disk itself
  ///   refused, that is only what was recorded. The block stays the caller's.
  package func write(_ block: Block, _ count: Int) async throws(StoreError) -> Block {
    try mayGrow()
    do { return try await tail.write(block, count) } catch {
      await mend()
      throw error
    }
  }

  /// Appends another upload's whole file (a part of a concatenation), by `copy_file_range` where the file system can.
  /// - Throws: as `write`.
  package func append(contentsOf part: PartialFile) async throws(StoreError) {
    try mayGrow()
    try await part.tail.drain()
    let block = staging.blocks.take()
    defer { staging.blocks.give(block) }
    do throws(StoreError) {
      let source = try part.reader()
      var offset: Int64 = 0
      while offset < part.length {
        let count = Int(min(part.length - offset, PartialFile.copyPiece))
        let done = try await tail.copy(source, from: offset, count: count, block)
        guard done > 0 else { throw .uploadLost }
        offset += Int64(done)
        // A large copy lets other transfers of its lane take turns.
        await Task.yield()
      }
    } catch {
      await mend()
      throw error
    }
  }

  private static let copyPiece: Int64 = 8 << 20

  private func mayGrow() throws(StoreError) {
    if let loss = progress.loss { throw StoreError(loss) }
    if isSealed { throw .broken("an upload grows after its end") }
  }

  // MARK: Safe points

  /// Puts what was accepted on disk and records it; `durable` is `length` then.
  /// - Throws: where syncing failed, which is final for this file (`isLost`): the kernel may have dropped what it could
  ///   not write. `StoreError.uploadEnded` where the upload is not open any more.
  package func checkpoint(length: Int64?, expiresAt: Instant) async throws {
    await progress.waitBehind()
    do { try await tail.drain() } catch {
      await mend()
      throw error
    }
    try await progress.advance(to: here, length: length, expiresAt: expiresAt)
    try endClaim()
  }

  /// As `checkpoint`, without waiting for it: for a transfer that goes on meanwhile. At most one is under way; false
  /// where one was, and within a part with a checksum. `durable` follows by itself.
  package func checkpointBehind(length: Int64?, expiresAt: Instant) -> Bool {
    guard !isClaimed, !isSealed, !isLost, progress.beginBehind() else { return false }
    let offset = tail.length
    tail.mark { [progress] sum in progress.advanceBehind(to: offset, sum, length: length, expiresAt: expiresAt) }
    return true
  }

  /// Takes back what was accepted behind `offset`, which is at least `durable`. A sealed file takes nothing back.
  package func rollBack(to offset: Int64) async throws(StoreError) {
    // It may lie in originals by now, under the same descriptor.
    guard !isSealed else { throw .broken("a sealed upload takes nothing back") }
    await progress.waitBehind()
    // What could not be written is not wanted any more.
    try? await tail.drain()
    let durable = progress.durable
    guard offset >= durable.offset, offset <= length else { throw .broken("an upload cannot go back to \(offset)") }
    guard let sha1 = RunningSHA1(state: durable.sha1State) else { throw .broken("the state of a digest is lost") }
    do throws(SystemError) {
      try await hash(sha1, from: durable.offset, to: offset)
      try tail.rewind(to: offset, sha1: sha1)
    } catch {
      // The file holds what nobody vouches for.
      progress.lose(error)
      throw StoreError(error)
    }
    progress.cut(to: offset)
    try endClaim()
  }

  /// After a failed write: back to what is recorded, so that the disk has its room again. Where that fails too, the file
  /// is given up.
  private func mend() async {
    guard tail.isTorn else { return }
    try? await rollBack(to: progress.durable.offset)
  }

  private var here: UploadProgress.Point { UploadProgress.Point(offset: tail.length, sha1State: tail.sha1State) }

  private func hash(_ sha1: RunningSHA1, from start: Int64, to end: Int64) async throws(SystemError) {
    guard start < end else { return }
    let block = staging.blocks.take()
    defer { staging.blocks.give(block) }
    let file = try Descriptor(open: staging.path(name), O_RDONLY)
    try await sha1.update(reading: file, from: start, to: end, block)
  }

  private func endClaim() throws(StoreError) {
    guard isClaimed else { return }
    do { try FileSystem.remove(staging.path(PartialFile.claim(name))) } catch { throw StoreError(error) }
    isClaimed = false
  }

  /// The mark of a part whose checksum is not verified yet, beside the file of that name.
  static func claim(_ name: String) -> String { name + ".claimed" }

  // MARK: Whole

  /// Everything is on disk and will not grow any more; it can still be recorded by `checkpoint`. A part with a checksum
  /// was verified before.
  /// - Parameter modified: the file's time of modification.
  package func seal(modified: Instant?) async throws(StoreError) -> SHA1Digest {
    await progress.waitBehind()
    if let loss = progress.loss { throw StoreError(loss) }
    do { try await tail.drain() } catch {
      await mend()
      throw error
    }
    do throws(SystemError) {
      if let modified { try FileSystem.setModified(tail.file, modified) }
      // Not fdatasync, which leaves out the time of modification.
      do { try tail.file.sync() } catch {
        progress.lose(error)
        throw error
      }
    } catch { throw StoreError(error) }
    progress.sealed(at: length)
    isSealed = true
    tail.settleAll()
    try endClaim()
    CrashPoint.stagedSynced.pass()
    return tail.digest
  }

  /// SHA-256 of the sealed file, read at disk speed: other work of the lane takes turns with it, and the page cache keeps
  /// nothing of it.
  package func sha256() async throws(StoreError) -> [UInt8] {
    let running = RunningDigest(.sha256)
    let block = staging.blocks.take()
    defer { staging.blocks.give(block) }
    let file = try reader()
    var offset: Int64 = 0
    while offset < length {
      block.count = 0
      let count = try read(file, block, at: offset)
      guard count > 0 else { throw .uploadLost }
      running.update(block.bytes)
      file.dropCache(from: offset, count: count)
      offset += Int64(count)
      // 8 MiB of SHA-256 take some 5 ms.
      if offset % (8 << 20) < Int64(count) { await Task.yield() }
    }
    return running.finish()
  }

  /// Appends to the block's free space what stands at `offset` of the sealed file: for a stored multipart body.
  /// - Returns: how many bytes were added; 0 at the end.
  package func read(into block: Block, at offset: Int64) throws(StoreError) -> Int {
    try read(reader(), block, at: offset)
  }

  private func read(_ file: Descriptor, _ block: Block, at offset: Int64) throws(StoreError) -> Int {
    let room = Int(max(0, min(Int64(block.space.count), length - offset)))
    do {
      let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: block.space[..<room]), at: offset)
      block.count += count
      return count
    } catch { throw StoreError(error) }
  }

  /// For reading: the descriptor that is written to may ask for aligned memory.
  private func reader() throws(StoreError) -> Descriptor {
    if let opened { return opened }
    do {
      let file = try Descriptor(open: staging.path(name), O_RDONLY)
      opened = file
      return file
    } catch { throw StoreError(error) }
  }
  private var opened: Descriptor?

  /// Removes the file. What could not be removed goes with the sweep, an hour later.
  package func remove() {
    isSealed = true
    tail.settleAll()
    for name in [name, PartialFile.claim(name)] { _ = try? FileSystem.remove(staging.path(name)) }
  }
}
