import Ground
import Synchronization

/// Who may have a stream now: each holds a connection to the catalog and keeps its log from shrinking. First come, first
/// served, but a slow phone must not keep others from their backup: one stream per login, two per person, and nobody waits
/// for long.
final class SyncPlaces: Sendable {
  struct Limits: Sendable {
    /// Streams at once, of everybody and of one person.
    var streams = 8
    var perPerson = 2
    /// Requests that wait for a place; and for how many seconds: far less than the app's time-out of a minute.
    var waiting = 64
    var patience = 8.0
    var pace = SyncPlace.Pace()
  }

  private struct Holder {
    let session: Identifier
    let user: Identifier
    let hangUp: @Sendable () -> Void
  }
  private struct Waiter {
    let id: UInt64
    let holder: Holder
    let continuation: CheckedContinuation<Void, any Error>
  }
  private struct State {
    var last: UInt64 = 0
    var held: [UInt64: Holder] = [:]
    var waiting: [Waiter] = []
  }
  private let state = Mutex(State())
  private let limits: Limits

  init(_ limits: Limits = Limits()) { self.limits = limits }

  /// A place; the login's older stream, where it has one, is ended for it.
  /// - Parameter hangUp: ends the connection of the one that asks, from whatever thread.
  /// - Throws: `.syncBusy` where none comes free in time; `CancellationError`.
  func take(session: Identifier, user: Identifier, hangUp: @escaping @Sendable () -> Void) async throws -> SyncPlace {
    let holder = Holder(session: session, user: user, hangUp: hangUp)
    let id = state.withLock { state in
      state.last += 1
      return state.last
    }
    let patience = limits.patience
    let timer = Task {
      try await Task.sleep(for: .seconds(patience))
      self.refuse(id, BackupError.syncBusy(retryAfter: 5))
    }
    defer { timer.cancel() }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { self.enter(Waiter(id: id, holder: holder, continuation: $0)) }
    } onCancel: {
      self.refuse(id, CancellationError())
    }
    return SyncPlace(limits.pace, hangUp: hangUp) { self.leave(id) }
  }

  private func enter(_ waiter: Waiter) {
    let (refused, ended, admitted) = state.withLock { state -> ([Waiter], [Holder], [Waiter]) in
      let older = state.waiting.filter { $0.holder.session == waiter.holder.session }
      state.waiting.removeAll { $0.holder.session == waiter.holder.session }
      guard state.waiting.count < limits.waiting else { return (older + [waiter], [], []) }
      state.waiting.append(waiter)
      let held = state.held.values.filter { $0.session == waiter.holder.session }
      return (older, held, admit(&state))
    }
    for waiter in refused { waiter.continuation.resume(throwing: BackupError.syncBusy(retryAfter: 5)) }
    for holder in ended { holder.hangUp() }
    for waiter in admitted { waiter.continuation.resume() }
    // Cancelled before it was in the list, where the handler looks; later it finds it there.
    if Task.isCancelled { refuse(waiter.id, CancellationError()) }
  }

  /// Gives free places to those that may have one, in their order.
  private func admit(_ state: inout State) -> [Waiter] {
    var admitted: [Waiter] = []
    state.waiting.removeAll { waiter in
      let mayHave =
        state.held.count < limits.streams
        && state.held.values.count { $0.user == waiter.holder.user } < limits.perPerson
        && !state.held.values.contains { $0.session == waiter.holder.session }
      if mayHave {
        state.held[waiter.id] = waiter.holder
        admitted.append(waiter)
      }
      return mayHave
    }
    return admitted
  }

  private func leave(_ id: UInt64) {
    let admitted = state.withLock { state in
      state.held[id] = nil
      return admit(&state)
    }
    for waiter in admitted { waiter.continuation.resume() }
  }

  private func refuse(_ id: UInt64, _ error: any Error) {
    let waiter = state.withLock { state -> Waiter? in
      guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
      return state.waiting.remove(at: index)
    }
    waiter?.continuation.resume(throwing: error)
  }
}

/// The right to one stream; it ends with `leave`, or with the last reference.
package final class SyncPlace: Sendable {
  /// How slowly a phone may read; time that the server needs for itself does not count.
  struct Pace: Sendable {
    /// Seconds that every stream may take, and the bytes a second beyond them: as a request's body may.
    var grace = 15.0
    var slowest = 16_384.0
    /// Seconds of one stream, however fast: the catalog's log grows meanwhile. The phone goes on from what it acknowledged.
    var longest = 900.0
  }
  private struct State {
    var sent = 0
    var spent = 0.0
    var hasLeft = false
  }
  private let state = Mutex(State())
  private let pace: Pace
  private let hangUp: @Sendable () -> Void
  private let release: @Sendable () -> Void

  fileprivate init(_ pace: Pace, hangUp: @escaping @Sendable () -> Void, release: @escaping @Sendable () -> Void) {
    (self.pace, self.hangUp, self.release) = (pace, hangUp, release)
  }

  deinit { leave() }

  /// Lets `write` send so many bytes; where the phone takes them too slowly, its connection is ended.
  package func send(_ count: Int, _ write: () async throws -> Void) async throws {
    let left = state.withLock { state in
      state.sent += count
      return min(pace.grace + Double(state.sent) / pace.slowest, pace.longest) - state.spent
    }
    let began = MonotonicTime.now()
    let hangUp = hangUp
    let watch = Task {
      try await Task.sleep(for: .seconds(max(0, left)))
      hangUp()
    }
    defer {
      watch.cancel()
      state.withLock { $0.spent += MonotonicTime.now().seconds(since: began) }
    }
    try await write()
  }

  /// Others may have the place.
  package func leave() {
    let isFirst = state.withLock { state in
      defer { state.hasLeft = true }
      return !state.hasLeft
    }
    if isFirst { release() }
  }
}
