import Ground
import Logging
import Store
import Synchronization

/// What happened without a transaction of its own: transfers that stored nothing, failed logins. Written a second later,
/// all that came up meanwhile in one transaction, so that a flood of them costs one sync a second.
package final class ActivityLog: Sendable {
  static let pause = 1.0
  /// Entries that wait; beyond that each kind of a device is one entry with a count.
  static let capacity = 1000

  private struct Kind: Hashable {
    let kind: ActivityKind
    let user: Int64?
    let device: Int64?
    let reason: String?
  }
  private struct State {
    var waiting: [ActivityEntry] = []
    /// What found no place.
    var counts: [Kind: Int64] = [:]
    var writer: Task<Void, Never>?
    var isClosed = false
  }
  private let state = Mutex(State())
  private let catalog: Catalog
  private let live: LiveSignal
  private let logger: Logger

  init(catalog: Catalog, live: LiveSignal, logger: Logger) {
    (self.catalog, self.live, self.logger) = (catalog, live, logger)
  }

  func note(_ entry: ActivityEntry) {
    state.withLock { state in
      // Strangers fail to log in as often as they like: one line for each account and second.
      let isCounted = entry.kind == .loginFailed && state.waiting.contains { $0.isAlike(entry) }
      if isCounted || state.waiting.count >= ActivityLog.capacity {
        let kind = Kind(kind: entry.kind, user: entry.user, device: entry.device, reason: entry.reason)
        if state.counts[kind] != nil || state.counts.count < ActivityLog.capacity {
          state.counts[kind, default: 0] += entry.count ?? 1
        }
      } else {
        state.waiting.append(entry)
      }
      if state.writer == nil, !state.isClosed { state.writer = Task { [weak self] in await self?.write() } }
    }
  }

  private func write() async {
    // Who cancels writes, too: in a cancelled task no transaction begins, and what it should write would be lost.
    do { try await Task.sleep(for: .seconds(ActivityLog.pause)) } catch { return }
    state.withLock { $0.writer = nil }
    await flush()
  }

  /// Writes what waits now.
  package func flush() async {
    let (waiting, counts) = state.withLock { state in
      defer { (state.waiting, state.counts) = ([], [:]) }
      return (state.waiting, state.counts)
    }
    guard let at = waiting.last?.at else { return }
    let rest = counts.map { kind, count in
      ActivityEntry(
        at: at, kind: kind.kind, user: kind.user, device: kind.device, count: count, reason: kind.reason,
        detail: "and \(count) more")
    }
    do {
      try await catalog.record(waiting + rest)
      live.ring()
    } catch {
      logger.warning("could not record what happened", metadata: ["error": "\(error)", "entries": "\(waiting.count)"])
    }
  }

  func close() async {
    let writer = state.withLock { state in
      state.isClosed = true
      return state.writer
    }
    writer?.cancel()
    await writer?.value
    await flush()
  }
}

extension ActivityEntry {
  fileprivate func isAlike(_ other: ActivityEntry) -> Bool { kind == other.kind && user == other.user }
}
