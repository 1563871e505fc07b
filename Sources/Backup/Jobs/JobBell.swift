import Synchronization

/// Wakes workers that have nothing to do. A ring while nobody waits is kept, so that none is lost.
final class JobBell: Sendable {
  private struct State {
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var turn = 0
    var rings = 0
    var photos = 0
    var isClosed = false
  }
  private let state = Mutex(State())

  /// How often it rang; hand it to `wait`.
  var rings: Int { state.withLock { $0.rings } }

  /// How many photos it was told of.
  var photos: Int { state.withLock { $0.photos } }

  /// Everybody who waits goes on.
  /// - Parameter photos: how many were stored.
  func ring(photos: Int = 0) {
    let waiting = state.withLock { state in
      state.rings += 1
      state.photos += photos
      defer { state.waiting = [:] }
      return state.waiting.values
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Nobody waits any more.
  func close() {
    state.withLock { $0.isClosed = true }
    ring()
  }

  /// Returns when it rings, at once where it did after `heard`, and after `seconds` at the latest.
  func wait(heard: Int, seconds: Double) async {
    let turn = state.withLock { state in
      state.turn += 1
      return state.turn
    }
    let alarm = Task {
      try? await Task.sleep(for: .seconds(seconds))
      wake(turn)
    }
    await withCheckedContinuation { continuation in
      let isDue = state.withLock { state in
        if state.isClosed || state.rings != heard { return true }
        state.waiting[turn] = continuation
        return false
      }
      if isDue { continuation.resume() }
    }
    alarm.cancel()
  }

  private func wake(_ turn: Int) {
    state.withLock { $0.waiting.removeValue(forKey: turn) }?.resume()
  }
}
