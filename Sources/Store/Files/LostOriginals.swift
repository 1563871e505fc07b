import Ground
import Synchronization

/// Assets whose row is there and whose file is not whole: their owner's clients are asked for the bytes again.
package final class LostOriginals: Sendable {
  /// Ids that are remembered; more are found again when somebody asks for one of them.
  package static let limit = 10_000

  private let ids = Mutex<Set<Identifier>>([])

  init() {}

  package var all: Set<Identifier> { ids.withLock { $0 } }

  package func insert(_ id: Identifier) {
    ids.withLock { if $0.count < LostOriginals.limit { $0.insert(id) } }
  }

  package func remove(_ id: Identifier) { ids.withLock { _ = $0.remove(id) } }
}
