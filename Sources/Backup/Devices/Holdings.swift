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

  private struct Batch {
    let device: Int64
    let owner: Identifier
    let digests: [SHA1Digest]
  }
  private struct State {
    var waiting: [Batch] = []
    var count = 0
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
    state.withLock { state in
      guard !state.isClosed, state.count + digests.count <= Holdings.capacity else { return }
      state.waiting.append(Batch(device: device, owner: owner, digests: digests))
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
      var start = 0
      while start < batch.digests.count, !state.withLock({ $0.isClosed }) {
        let end = min(start + Holdings.piece, batch.digests.count)
        do {
          try await catalog.noteHolder(
            batch.device, of: Array(batch.digests[start..<end]), owner: batch.owner, now: now())
        } catch {
          logger.warning("which device has which photos could not be noted", metadata: ["error": "\(error)"])
          break
        }
        start = end
      }
    }
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
