import Dispatch
import GRDB
import Ground
import Synchronization

/// Small writes of many uploads in one transaction: whoever waits when one ends is in the next. No timer, so a lone
/// write waits for nobody, and a hundred share one sync.
final class GroupCommit: Sendable {
  /// Writes in one transaction: some milliseconds of the writer's time.
  static let limit = 256

  /// One write; a failure of its own is undone by itself and kept until the transaction's end is known.
  private struct Waiting: Sendable {
    let write: @Sendable (Database) throws -> Void
    let end: @Sendable ((any Error)?) -> Void
  }
  private struct State {
    var waiting: [Waiting] = []
    var isRunning = false
  }
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "catalog.group", qos: .userInitiated)
  private let pool: DatabasePool

  init(pool: DatabasePool) { self.pool = pool }

  /// On disk when this returns; undone when it throws.
  func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      let result = Mutex<T?>(nil)
      let waiting = Waiting(
        write: { db in
          let value = try body(db)
          result.withLock { $0 = value }
        },
        end: { error in
          if let error { return continuation.resume(throwing: error) }
          guard let value = result.withLock({ $0 }) else {
            return continuation.resume(throwing: StoreError.broken("a write ended without its result"))
          }
          continuation.resume(returning: value)
        })
      let mustStart = state.withLock { state in
        state.waiting.append(waiting)
        defer { state.isRunning = true }
        return !state.isRunning
      }
      if mustStart { queue.async { self.run() } }
    }
  }

  /// How many transactions it took so far, for tests.
  let transactions = Counter()

  private func run() {
    while let batch = nextBatch() {
      var failures = [(any Error)?](repeating: nil, count: batch.count)
      do {
        transactions.increment()
        try pool.write { db in
          for (index, waiting) in batch.enumerated() {
            do {
              try db.inSavepoint {
                try waiting.write(db)
                return .commit
              }
            } catch let error as DatabaseError where error.resultCode != .SQLITE_CONSTRAINT {
              // The catalog cannot be written: nothing of the transaction is.
              throw error
            } catch { failures[index] = error }
          }
        }
      } catch { failures = batch.map { _ in error } }
      for (waiting, failure) in zip(batch, failures) { waiting.end(failure) }
    }
  }

  private func nextBatch() -> [Waiting]? {
    state.withLock { state in
      guard !state.waiting.isEmpty else {
        state.isRunning = false
        return nil
      }
      let batch = Array(state.waiting.prefix(GroupCommit.limit))
      state.waiting.removeFirst(batch.count)
      return batch
    }
  }
}
