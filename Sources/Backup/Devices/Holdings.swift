import Ground
import Logging
import Store
import Synchronization

/// Which devices have which photos, by what they ask for: who checks a hash has the file. Noted behind the answer, one piece
/// after the other, so that nobody waits for it; what finds no room is noted at the next check, which asks for the same.
package final class Holdings: Sendable {
  /// Digests that wait, of everybody; 20 bytes each.
  static let capacity = 100_000
  /// Digests in one transaction: some milliseconds of the writer's time.
  private static let piece = 1000
  /// Between two of them, in milliseconds: a library that is checked as a whole leaves the cores to the checks themselves.
  private static let rest = 100

  /// Batches that are known to be noted; each for a day, because an app asks for the same at every start.
  private static let memory = 4096

  private struct Batch {
    let key: Int
    let device: Int64
    let owner: Identifier
    let digests: [SHA1Digest]
  }
  private struct State {
    var waiting: [Batch] = []
    var count = 0
    /// The day on which a batch was noted, by its hash.
    var noted: [Int: Int64] = [:]
    var worker: Task<Void, Never>?
    var isClosed = false
  }
  private let state = Mutex(State())
  private let catalog: Catalog
  private let logger: Logger
  private let now: @Sendable () -> Instant

  init(catalog: Catalog, logger: Logger, now: @escaping @Sendable () -> Instant) {
    (self.catalog, self.logger, self.now) = (catalog, logger, now)
  }

  /// - Parameters:
  ///   - device: `device.number`; nil for a credential that belongs to none.
  ///   - digests: of what it has and what is here.
  package func note(_ device: Int64?, _ digests: [SHA1Digest], owner: Identifier) {
    guard let device, !digests.isEmpty else { return }
    var hasher = Hasher()
    hasher.combine(device)
    hasher.combine(digests)
    let (key, today) = (hasher.finalize(), now().day)
    state.withLock { state in
      guard !state.isClosed, state.noted[key] != today, state.count + digests.count <= Holdings.capacity else { return }
      state.waiting.append(Batch(key: key, device: device, owner: owner, digests: digests))
      state.count += digests.count
      if state.worker == nil { state.worker = Task { await self.work() } }
    }
  }

  private func next() -> Batch? {
    state.withLock { state in
      guard !state.isClosed, !state.waiting.isEmpty else {
        state.worker = nil
        return nil
      }
      let batch = state.waiting.removeFirst()
      state.count -= batch.digests.count
      return batch
    }
  }

  private func work() async {
    while let batch = next() {
      do {
        guard try await note(batch) else { continue }
        let today = now().day
        state.withLock { state in
          if state.noted.count >= Holdings.memory { state.noted = [:] }
          state.noted[batch.key] = today
        }
      } catch {
        logger.warning("which device has which photos could not be noted", metadata: ["error": "\(error)"])
      }
    }
  }

  /// - Returns: whether all of it was noted before the end.
  private func note(_ batch: Batch) async throws -> Bool {
    var start = 0
    while start < batch.digests.count {
      guard !state.withLock({ $0.isClosed }) else { return false }
      let end = min(start + Holdings.piece, batch.digests.count)
      try await catalog.noteHolder(batch.device, of: Array(batch.digests[start..<end]), owner: batch.owner, now: now())
      start = end
      try await Task.sleep(for: .milliseconds(Holdings.rest))
    }
    return true
  }

  /// What waits is left to the next check.
  func close() async {
    let worker = state.withLock { state in
      (state.isClosed, state.waiting, state.count) = (true, [], 0)
      return state.worker
    }
    await worker?.value
  }
}
