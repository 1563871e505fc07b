import Glibc
import Synchronization

/// A piece of page-aligned memory that travels with one transfer: the socket fills it, the digest reads it, the disk
/// takes it, without a copy in between. Page alignment is what direct I/O asks for.
///
/// `@unchecked Sendable`: a block has one holder at a time, who hands it on whole; nobody keeps a second reference.
package final class Block: @unchecked Sendable {
  /// The usual size of a block on the byte path: 1 MiB, which direct I/O and SHA-1 both run at full speed with.
  package static let standard = 1 << 20
  /// Room behind `capacity` that holds what was read past it, such as the start of a multipart delimiter.
  package static let slack = 4096

  package let memory: UnsafeMutableRawBufferPointer
  /// The size that is written at once; a multiple of 4096.
  package let capacity: Int
  /// Bytes at the front that hold data.
  package var count = 0

  package init(capacity: Int) {
    precondition(capacity % 4096 == 0)
    self.capacity = capacity
    memory = .allocate(byteCount: capacity + Block.slack, alignment: 4096)
  }

  deinit { memory.deallocate() }

  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[0..<count]) }
  /// What is still free, slack included.
  package var space: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: memory[count...]) }

  /// Drops the first `length` bytes and moves the rest to the front.
  package func discard(_ length: Int) {
    precondition(length >= 0 && length <= count)
    count -= length
    guard count > 0, length > 0, let base = memory.baseAddress else { return }
    memmove(base, base + length, count)
  }

  /// Appends bytes held elsewhere; the caller has checked the space.
  package func append(_ more: UnsafeRawBufferPointer) {
    precondition(more.count <= memory.count - count)
    UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: more)
    count += more.count
  }
}

/// Blocks of one size: made when first needed, kept for the next transfer (one allocation per request made
/// downloads four times slower), given back to the system after a quiet time. At most `limit` exist.
package final class BlockPool: Sendable {
  /// What a transfer gets when all standard blocks are in use: slower, but it moves on.
  package static let small = 64 << 10

  private struct State {
    var free: [Block] = []
    var lent = 0
    /// Since the last `trim`.
    var wasUsed = false
  }
  private let state = Mutex(State())
  private let limit: Int
  private let size: Int

  /// - Parameters:
  ///   - limit: how many blocks of `size` may exist; 48 MiB by default.
  ///   - size: bytes, a multiple of 4096.
  package init(limit: Int = 48, size: Int = Block.standard) { (self.limit, self.size) = (limit, size) }

  /// A block of the pool's size, or a small one while the pool is exhausted. The content is whatever was there before.
  package func take() -> Block {
    let pooled: Block?? = state.withLock { state in
      state.wasUsed = true
      if let block = state.free.popLast() {
        state.lent += 1
        return .some(.some(block))
      }
      guard state.lent < limit else { return .none }
      state.lent += 1
      return .some(.none)
    }
    switch pooled {
    case .some(.some(let block)): return block
    case .some(.none): return Block(capacity: size)
    case .none: return Block(capacity: BlockPool.small)
    }
  }

  package func give(_ block: Block) {
    block.count = 0
    guard block.capacity == size else { return }
    state.withLock { state in
      state.lent -= 1
      state.free.append(block)
    }
  }

  /// Gives blocks back to the system that nobody has used since the last call.
  /// - Returns: whether there were any.
  package func trim() -> Bool {
    state.withLock { state in
      let isQuiet = state.lent == 0 && !state.wasUsed
      state.wasUsed = false
      guard isQuiet, !state.free.isEmpty else { return false }
      state.free = []
      return true
    }
  }
}
