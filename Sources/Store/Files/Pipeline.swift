import Dispatch
import Ground
import Synchronization

/// How many uploads may hash and write on queues of their own; each pair of queues is made once and handed on.
final class PipelineSlots: Sendable {
  struct Queues: Sendable {
    let hash: DispatchQueue
    let write: DispatchQueue
  }
  private let free: Mutex<[Queues]>

  init(limit: Int) {
    free = Mutex(
      (0..<limit).map {
        Queues(
          hash: DispatchQueue(label: "staging.hash.\($0)", qos: .userInitiated),
          write: DispatchQueue(label: "staging.write.\($0)", qos: .userInitiated))
      })
  }

  var available: Int { free.withLock { $0.count } }
  func take() -> Queues? { free.withLock { $0.popLast() } }
  func give(_ queues: Queues) { free.withLock { $0.append(queues) } }
}

/// The second speed of a large upload: while its lane receives a block, the one before is hashed and the one before that
/// written. Blocks pass through in order; at most `depth` are on their way.
///
/// `@unchecked Sendable`: `sha1` is touched on the hash queue only and `writer` on the write queue only, from `submit`
/// until `drain` has returned; before and after both belong to the upload's lane.
final class Pipeline: @unchecked Sendable {
  static let depth = 4

  private struct State {
    var inFlight = 0
    var failure: SystemError?
    var waiter: (limit: Int, continuation: CheckedContinuation<Void, Never>)?
  }
  private let state = Mutex(State())
  private let sha1: RunningSHA1
  private let writer: StagedWriter
  private let blocks: BlockPool
  private let slots: PipelineSlots
  private let queues: PipelineSlots.Queues

  init?(sha1: RunningSHA1, writer: StagedWriter, staging: Staging) {
    guard let queues = staging.slots.take() else { return nil }
    (self.sha1, self.writer, self.queues) = (sha1, writer, queues)
    (blocks, slots) = (staging.blocks, staging.slots)
  }

  // Closures on the queues hold the pipeline: when this runs, both queues are done with it.
  deinit { slots.give(queues) }

  /// Takes over `block` and writes its first `count` bytes at `offset`; waits while too many are on their way.
  /// - Throws: what an earlier block met; `block` stays the caller's then.
  func submit(_ block: Block, count: Int, at offset: Int64) async throws(SystemError) {
    await wait(below: Pipeline.depth)
    let failure = state.withLock { state in
      if state.failure == nil { state.inFlight += 1 }
      return state.failure
    }
    if let failure { throw failure }
    queues.hash.async { [self] in
      sha1.update(UnsafeRawBufferPointer(rebasing: block.memory[..<count]))
      queues.write.async { [self] in
        var failure = state.withLock { $0.failure }
        if failure == nil {
          do throws(SystemError) {
            try writer.write(UnsafeRawBufferPointer(rebasing: block.memory[..<count]), at: offset)
          } catch { failure = error }
        }
        blocks.give(block)
        finishOne(failure)
      }
    }
  }

  /// Calls `reached` on the write queue with the digest's state behind everything submitted so far, when all of it is
  /// written or could not be.
  func mark(_ reached: @escaping @Sendable (Result<[UInt8], SystemError>) -> Void) {
    queues.hash.async { [self] in
      let sum = sha1.state
      queues.write.async { [self] in
        if let failure = state.withLock({ $0.failure }) { reached(.failure(failure)) } else { reached(.success(sum)) }
      }
    }
  }

  /// Everything submitted is hashed and written when this returns.
  func drain() async throws(SystemError) {
    await wait(below: 1)
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }

  /// One waiter at most: the upload's lane.
  private func wait(below limit: Int) async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        if state.inFlight < limit { return true }
        state.waiter = (limit, continuation)
        return false
      }
      if isFree { continuation.resume() }
    }
  }

  private func finishOne(_ failure: SystemError?) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.inFlight -= 1
      if state.failure == nil { state.failure = failure }
      guard let waiter = state.waiter, state.inFlight < waiter.limit else { return nil }
      state.waiter = nil
      return waiter.continuation
    }
    waiter?.resume()
  }
}
