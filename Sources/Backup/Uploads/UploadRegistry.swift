import Ground
import Store
import Synchronization

/// Who holds which upload, and who waits for it. Each upload's state is its `UploadMachine`; here is who drives it.
final class UploadRegistry: Sendable {
  /// Files that nobody holds stay open, with their digest's state, up to this many; the rest are opened again from the catalog.
  static let parkedLimit = 64
  /// Blocks of 1 MiB that a connection may still write after a newcomer hung it up: the one in hand, and what lies in its
  /// socket, which Linux lets grow to 6 MiB, and to 32 since lately (`net.ipv4.tcp_rmem`). Its peer has sent them; taken
  /// now, they need not come again.
  static let lastWrites = 40

  /// How a newcomer treats a connection that writes.
  enum Manner: Sendable {
    /// Hangs it up.
    case atOnce
    /// Hangs it up once nothing has come for `Limits.courtesy` seconds: of several twins, the first one ends in peace.
    case courteous
  }

  /// The hold on one upload.
  struct Seat: Sendable {
    let token: UploadToken
    let generation: UInt64
    /// The open file, where it was parked.
    let file: PartialFile?
  }

  private struct Waiter {
    let ticket: UInt64
    var continuation: CheckedContinuation<Void, Never>?
    var isWoken = false
  }

  private struct Entry {
    var machine = UploadMachine.open
    /// In the order of their coming.
    var queue: [Waiter] = []
    /// Of the connection that writes.
    var hangUp: (@Sendable () -> Void)?
    var owner: Identifier?
    /// When the connection that writes last brought something.
    var movedAt = MonotonicTime(nanoseconds: 0)
    /// When the holder before let go: each gets the whole patience of those who wait.
    var leftAt = MonotonicTime(nanoseconds: 0)
    /// `turn` grows: the lowest went unused for the longest time.
    var parked: (file: PartialFile, turn: UInt64)?
  }

  private struct State {
    var entries: [UploadToken: Entry] = [:]
    /// Source of generations, tickets and turns.
    var counter: UInt64 = 0
    var parkedCount = 0
    /// Connections that write, by owner.
    var writers: [Identifier: Int] = [:]
    var isDraining = false
    var drainer: CheckedContinuation<Void, Never>?

    mutating func next() -> UInt64 {
      counter += 1
      return counter
    }

    var isIdle: Bool { entries.values.allSatisfy { $0.machine.holder == nil } }
  }

  private let state = Mutex(State())
  private let limits: Uploads.Limits
  private let clock: Accounts.Clock

  init(limits: Uploads.Limits, clock: Accounts.Clock) { (self.limits, self.clock) = (limits, clock) }

  // MARK: Coming

  /// Holds the upload. Newcomers are served one by one, in the order of their coming.
  /// - Throws: `.uploadBusy` where the holder does not let go in time; `.unavailable` while the server stops.
  func visit(_ token: UploadToken, _ manner: Manner) async throws(BackupError) -> Seat {
    let ticket = state.withLock { $0.next() }
    let begun = clock.monotonic()
    while true {
      switch state.withLock({ look(&$0, token, ticket, manner, since: begun) }) {
      case .seated(let seat): return seat
      case .refused(let error): throw error
      case .wait(let seconds, let hangUp):
        hangUp?()
        await pause(token, ticket, seconds)
      }
    }
  }

  /// Holds the upload where nobody does or waits for it; for the sweep.
  func visitIfIdle(_ token: UploadToken) -> Seat? {
    state.withLock { state in
      guard !state.isDraining, state.entries[token].map({ $0.machine == .open && $0.queue.isEmpty }) ?? true else {
        return nil
      }
      return UploadRegistry.seat(&state, token)
    }
  }

  private enum Look: Sendable {
    case seated(Seat)
    case wait(seconds: Double, hangUp: (@Sendable () -> Void)?)
    case refused(BackupError)
  }

  private func look(
    _ state: inout State, _ token: UploadToken, _ ticket: UInt64, _ manner: Manner, since begun: MonotonicTime
  ) -> Look {
    var entry = state.entries[token] ?? Entry()
    if state.isDraining {
      entry.queue.removeAll { $0.ticket == ticket }
      UploadRegistry.put(&state, token, entry)
      return .refused(.unavailable("The server is stopping"))
    }
    if !entry.queue.contains(where: { $0.ticket == ticket }) { entry.queue.append(Waiter(ticket: ticket)) }
    if entry.machine == .open, entry.queue[0].ticket == ticket {
      entry.queue.removeFirst()
      state.entries[token] = entry
      return .seated(UploadRegistry.seat(&state, token))
    }
    let now = clock.monotonic()
    let finishPatience = max(limits.patience, limits.finishPatience)
    let patience = entry.machine.isFinishing ? finishPatience : limits.patience
    let waited = now.seconds(since: max(begun, entry.leftAt))
    guard waited < patience, now.seconds(since: begun) < limits.patience + finishPatience else {
      entry.queue.removeAll { $0.ticket == ticket }
      // The next in the queue may be served now.
      UploadRegistry.wake(&entry)
      UploadRegistry.put(&state, token, entry)
      return .refused(.uploadBusy(retryAfter: 1))
    }
    var seconds = patience - waited
    var hangUp: (@Sendable () -> Void)?
    if case .receiving = entry.machine {
      let silence = now.seconds(since: entry.movedAt)
      if manner == .atOnce || silence >= limits.courtesy {
        if let next = entry.machine.after(.knock(writes: UploadRegistry.lastWrites)) { entry.machine = next }
        hangUp = entry.hangUp
      } else {
        seconds = min(seconds, limits.courtesy - silence)
      }
    }
    state.entries[token] = entry
    return .wait(seconds: seconds, hangUp: hangUp)
  }

  private static func seat(_ state: inout State, _ token: UploadToken) -> Seat {
    let generation = state.next()
    var entry = state.entries[token] ?? Entry()
    guard let machine = entry.machine.after(.visit(generation)) else {
      preconditionFailure("only an open upload is given away")
    }
    entry.machine = machine
    let file = entry.parked?.file
    if file != nil { state.parkedCount -= 1 }
    entry.parked = nil
    state.entries[token] = entry
    return Seat(token: token, generation: generation, file: file)
  }

  /// Waits until something happened to the upload, at most `seconds`.
  private func pause(_ token: UploadToken, _ ticket: UInt64, _ seconds: Double) async {
    let timer = Task { [weak self] in
      do { try await Task.sleep(for: .seconds(max(seconds, 0.001))) } catch { return }
      self?.wake(token, ticket)
    }
    await withCheckedContinuation { continuation in
      let isDue = state.withLock { state -> Bool in
        guard var entry = state.entries[token],
          let index = entry.queue.firstIndex(where: { $0.ticket == ticket })
        else { return true }
        defer { state.entries[token] = entry }
        if entry.queue[index].isWoken {
          entry.queue[index].isWoken = false
          return true
        }
        entry.queue[index].continuation = continuation
        return false
      }
      if isDue { continuation.resume() }
    }
    timer.cancel()
  }

  private func wake(_ token: UploadToken, _ ticket: UInt64) {
    state.withLock { state in
      guard var entry = state.entries[token],
        let index = entry.queue.firstIndex(where: { $0.ticket == ticket })
      else { return }
      UploadRegistry.wake(&entry.queue[index])
      state.entries[token] = entry
    }
  }

  private static func wake(_ waiter: inout Waiter) {
    if let continuation = waiter.continuation {
      waiter.continuation = nil
      continuation.resume()
    } else {
      waiter.isWoken = true
    }
  }

  private static func wake(_ entry: inout Entry) {
    for index in entry.queue.indices { wake(&entry.queue[index]) }
  }

  // MARK: Holding

  /// The visitor becomes a connection that writes.
  /// - Throws: `.tooManyUploads`.
  func receive(_ seat: Seat, owner: Identifier, hangUp: @escaping @Sendable () -> Void) throws(BackupError) {
    let isAdmitted = state.withLock { state -> Bool in
      guard var entry = state.entries[seat.token], let machine = entry.machine.after(.receive(seat.generation)),
        state.writers[owner, default: 0] < limits.writers
      else { return false }
      entry.machine = machine
      (entry.hangUp, entry.owner, entry.movedAt) = (hangUp, owner, clock.monotonic())
      // Who came between the visit and this could not hang anybody up yet.
      UploadRegistry.wake(&entry)
      state.entries[seat.token] = entry
      state.writers[owner, default: 0] += 1
      return true
    }
    guard isAdmitted else { throw .tooManyUploads(retryAfter: 1) }
  }

  /// Whether the holder may write just now; asked before every write.
  func mayWrite(_ seat: Seat) -> Bool {
    state.withLock { state in
      guard var entry = state.entries[seat.token], let machine = entry.machine.after(.write(seat.generation)) else {
        return false
      }
      entry.machine = machine
      entry.movedAt = clock.monotonic()
      state.entries[seat.token] = entry
      return true
    }
  }

  /// Something came for the holder, if not enough to be written.
  func noteMovement(_ seat: Seat) {
    state.withLock { state in
      guard state.entries[seat.token]?.machine == .receiving(seat.generation) else { return }
      state.entries[seat.token]?.movedAt = clock.monotonic()
    }
  }

  /// The upload is whole and is being stored from here on.
  func finish(_ seat: Seat) -> Bool {
    state.withLock { state in
      guard var entry = state.entries[seat.token], let machine = entry.machine.after(.finish(seat.generation)) else {
        return false
      }
      entry.machine = machine
      // Newcomers that wait may wait longer now.
      UploadRegistry.wake(&entry)
      state.entries[seat.token] = entry
      return true
    }
  }

  enum Ending { case letGo, store, fail, remove }

  /// The holder is done. - Parameter file: kept open for the next one, where the upload stays open.
  func leave(_ seat: Seat, _ ending: Ending, parking file: PartialFile? = nil) {
    let event: UploadMachine.Event =
      switch ending {
      case .letGo: .letGo(seat.generation)
      case .store: .store(seat.generation)
      case .fail: .fail(seat.generation)
      case .remove: .remove(seat.generation)
      }
    // Who is not there keeps no room from others.
    file?.release()
    // Closed outside of the lock.
    var dropped: PartialFile?
    let drainer = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard var entry = state.entries[seat.token], let machine = entry.machine.after(event) else { return nil }
      if let owner = entry.owner {
        state.writers[owner] = (state.writers[owner] ?? 1) - 1
        if state.writers[owner] == 0 { state.writers[owner] = nil }
      }
      (entry.hangUp, entry.owner) = (nil, nil)
      (entry.machine, entry.leftAt) = (machine, clock.monotonic())
      if machine == .open, let file, !state.isDraining {
        entry.parked = (file, state.next())
        state.parkedCount += 1
      }
      UploadRegistry.wake(&entry)
      UploadRegistry.put(&state, seat.token, entry)
      if state.parkedCount > UploadRegistry.parkedLimit { dropped = UploadRegistry.dropOldest(&state) }
      guard state.isDraining, state.isIdle else { return nil }
      defer { state.drainer = nil }
      return state.drainer
    }
    drainer?.resume()
    _ = dropped
  }

  /// Keeps an entry only where there is something to know. Whoever waits for one that is over finds its row.
  private static func put(_ state: inout State, _ token: UploadToken, _ entry: Entry) {
    var entry = entry
    if entry.machine.isOver { entry.machine = .open }
    state.entries[token] =
      entry.machine == .open && entry.queue.isEmpty && entry.parked == nil ? nil : entry
  }

  private static func dropOldest(_ state: inout State) -> PartialFile? {
    let oldest = state.entries.compactMap { entry in entry.value.parked.map { (entry.key, $0.turn) } }
      .min { $0.1 < $1.1 }
    guard let token = oldest?.0, var entry = state.entries[token] else { return nil }
    let file = entry.parked?.file
    entry.parked = nil
    state.parkedCount -= 1
    put(&state, token, entry)
    return file
  }

  // MARK: All of them

  func isReceiving(_ token: UploadToken) -> Bool { state.withLock { $0.entries[token]?.machine.isReceiving ?? false } }

  /// Nobody comes any more; every connection that writes is hung up. Returns when nobody holds an upload, or after
  /// `seconds`: a crash at any step of storing costs nothing, and so does leaving it.
  func drain(within seconds: Double) async {
    let (hangUps, isIdle) = state.withLock { state -> ([@Sendable () -> Void], Bool) in
      state.isDraining = true
      var hangUps: [@Sendable () -> Void] = []
      for token in state.entries.keys {
        guard var entry = state.entries[token] else { continue }
        if case .receiving = entry.machine, let machine = entry.machine.after(.knock(writes: 1)) {
          entry.machine = machine
          if let hangUp = entry.hangUp { hangUps.append(hangUp) }
        }
        if entry.parked != nil { state.parkedCount -= 1 }
        entry.parked = nil
        UploadRegistry.wake(&entry)
        UploadRegistry.put(&state, token, entry)
      }
      return (hangUps, state.isIdle)
    }
    for hangUp in hangUps { hangUp() }
    guard !isIdle else { return }
    let timer = Task { [weak self] in
      do { try await Task.sleep(for: .seconds(seconds)) } catch { return }
      let drainer = self?.state.withLock { state in
        defer { state.drainer = nil }
        return state.drainer
      }
      drainer??.resume()
    }
    await withCheckedContinuation { continuation in
      let isDue = state.withLock { state -> Bool in
        if state.isIdle { return true }
        state.drainer = continuation
        return false
      }
      if isDue { continuation.resume() }
    }
    timer.cancel()
  }
}
