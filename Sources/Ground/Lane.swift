import Dispatch

/// A serial Dispatch queue as a Swift executor: what runs on it runs one after the other, and may block.
/// (`DispatchSerialQueue` does not exist on Linux.)
package final class QueueExecutor: SerialExecutor {
  package let queue: DispatchQueue

  package init(label: String, qos: DispatchQoS = .userInitiated) {
    queue = DispatchQueue(label: label, qos: qos)
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }

  package func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}

/// Where blocking work runs: file input and output, hashing, subprocesses. Never a connection's own queue.
/// `await lane.run { … }` moves to the lane, runs there (awaits inside come back to it) and returns to the caller.
package actor Lane {
  private let executor: QueueExecutor
  package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Pieces of work begun here. Writing it is also what makes `perform` hop: Swift 6.3 drops the hop of an actor's method
  /// that touches none of its state, and the work would then run on the caller's thread until it first waits.
  package private(set) var begun: UInt64 = 0

  /// Pieces of work that are here now, or on their way.
  fileprivate nonisolated let load = Counter()

  package init(label: String, qos: DispatchQoS = .userInitiated) {
    executor = QueueExecutor(label: label, qos: qos)
  }

  package nonisolated func run<T: Sendable, Failure: Error>(
    _ work: @Sendable () async throws(Failure) -> T
  ) async throws(Failure) -> T {
    load.increment()
    return try await perform(work)
  }

  private func perform<T: Sendable, Failure: Error>(
    _ work: @Sendable () async throws(Failure) -> T
  ) async throws(Failure) -> T {
    begun &+= 1
    // Here, on the lane: the way back to the caller is no work of its own.
    defer { load.decrement() }
    return try await work()
  }
}

/// A fixed number of lanes: the bound on how much of one kind of blocking work runs at once.
package final class Lanes: Sendable {
  private let lanes: [Lane]
  private let turn = Counter()

  package init(label: String, count: Int, qos: DispatchQoS = .userInitiated) {
    precondition(count > 0)
    lanes = (0..<count).map { Lane(label: "\(label).\($0)", qos: qos) }
  }

  package var count: Int { lanes.count }

  /// The lane with the fewest pieces of work just now, and among equals the next in turn: whoever waited for a lane by its
  /// turn alone would stand behind somebody's large file while another lane has nothing to do. A hint: what is taken and
  /// not begun does not count yet.
  package func next() -> Lane {
    let first = Int(turn.next() % UInt64(lanes.count))
    var best = lanes[first]
    var least = best.load.current
    for offset in 1..<max(1, lanes.count) where least > 0 {
      let lane = lanes[(first + offset) % lanes.count]
      let load = lane.load.current
      if load < least { (best, least) = (lane, load) }
    }
    return best
  }
}
