import Ground
import Synchronization

/// Wakes whoever watches: something happened. It carries nothing; everybody looks for themselves what they missed, so
/// that there is no queue which a slow watcher could fill.
package final class LiveSignal: Sendable {
  /// Watchers at once, of one person and in all: those that show what happens, and devices that wait to be woken. Open tabs
  /// take no device's place.
  package enum Kind: Sendable {
    case page, device

    package var perPerson: Int { self == .page ? 8 : 16 }
    package var inAll: Int { self == .page ? 64 : 512 }
  }
  /// Seconds after which watchers are woken although nothing happened: what moves is told, and that they are still there.
  static let heartbeat = 2.0

  package enum Call: Sendable, Equatable {
    case news, heartbeat, closed
    /// To the device that watches: bring what you have. The number of the tickle; of several the last one.
    case wake(Int64)
  }

  private struct State {
    var watchers: [UInt64: Watcher] = [:]
    var next: UInt64 = 0
    var beat: Task<Void, Never>?
    var isClosed = false
  }
  private struct Watcher {
    let person: Identifier
    let kind: Kind
    /// `device.number`.
    let device: Int64?
    var waiting: CheckedContinuation<Call, Never>?
    /// Rung while nobody was waiting.
    var isRung = false
    /// Woken while nobody was waiting.
    var tickle: Int64?
  }
  private let state = Mutex(State())

  package init() {}

  /// A place among the watchers; nil where there are too many. Give it back with `leave`.
  package func enter(_ person: Identifier, device: Int64? = nil, as kind: Kind = .page) -> UInt64? {
    state.withLock { state in
      let others = state.watchers.values.filter { $0.kind == kind }
      guard !state.isClosed, others.count < kind.inAll,
        others.count(where: { $0.person == person }) < kind.perPerson
      else { return nil }
      state.next += 1
      state.watchers[state.next] = Watcher(person: person, kind: kind, device: device)
      if state.beat == nil {
        state.beat = Task { [weak self] in
          while true {
            do { try await Task.sleep(for: .seconds(LiveSignal.heartbeat)) } catch { return }
            guard let self else { return }
            self.call(.heartbeat)
          }
        }
      }
      return state.next
    }
  }

  package func leave(_ place: UInt64) {
    let waiting = state.withLock { state in
      let waiting = state.watchers.removeValue(forKey: place)?.waiting
      if state.watchers.isEmpty {
        state.beat?.cancel()
        state.beat = nil
      }
      return waiting
    }
    waiting?.resume(returning: .closed)
  }

  /// Returns at the next ring, at once where it rang since the last time, and now and then where it does not ring.
  package func wait(_ place: UInt64) async -> Call {
    await withCheckedContinuation { continuation in
      let answer = state.withLock { state -> Call? in
        guard !state.isClosed, var watcher = state.watchers[place] else { return .closed }
        defer { state.watchers[place] = watcher }
        if let tickle = watcher.tickle {
          watcher.tickle = nil
          return .wake(tickle)
        }
        if watcher.isRung {
          watcher.isRung = false
          return .news
        }
        watcher.waiting = continuation
        return nil
      }
      if let answer { continuation.resume(returning: answer) }
    }
  }

  /// Something happened. Costs nothing where nobody watches.
  package func ring() {
    let waiting = state.withLock { state in
      var waiting: [CheckedContinuation<Call, Never>] = []
      for key in state.watchers.keys {
        if let continuation = state.watchers[key]?.waiting {
          waiting.append(continuation)
          state.watchers[key]?.waiting = nil
        } else {
          state.watchers[key]?.isRung = true
        }
      }
      return waiting
    }
    for continuation in waiting { continuation.resume(returning: .news) }
  }

  /// Wakes a device that watches.
  /// - Returns: whether it does.
  package func wake(_ device: Int64, tickle: Int64) -> Bool {
    let (waiting, isThere) = state.withLock { state in
      var waiting: [CheckedContinuation<Call, Never>] = []
      var isThere = false
      for (key, watcher) in state.watchers where watcher.device == device {
        isThere = true
        if let continuation = watcher.waiting {
          waiting.append(continuation)
          state.watchers[key]?.waiting = nil
        } else {
          state.watchers[key]?.tickle = tickle
        }
      }
      return (waiting, isThere)
    }
    for continuation in waiting { continuation.resume(returning: .wake(tickle)) }
    return isThere
  }

  /// Sends everybody home.
  package func close() { call(.closed) }

  private func call(_ call: Call) {
    let waiting = state.withLock { state in
      if call == .closed {
        state.isClosed = true
        state.beat?.cancel()
      }
      let waiting = state.watchers.values.compactMap(\.waiting)
      for key in state.watchers.keys { state.watchers[key]?.waiting = nil }
      return waiting
    }
    for continuation in waiting { continuation.resume(returning: call) }
  }

  /// How many watch.
  var count: Int { state.withLock { $0.watchers.count } }
}
