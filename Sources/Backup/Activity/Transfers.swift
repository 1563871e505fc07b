import Ground
import Store
import Synchronization

/// The transfers under way, and how each of them ends. Every door's bytes pass here as one number that moves.
package final class Transfers: Sendable {
  /// One transfer under way.
  package final class Ticket: Sendable {
    package let number: UInt64
    package let owner: Identifier
    let ownerNumber: Int64
    package let origin: Origin?
    /// Of the whole, where it was announced.
    package let length: Int64?
    package let begun: Instant
    /// Goes on where it broke off.
    package let isResumable: Bool
    /// What was here when this connection began.
    let start: Int64
    private let moved = Counter()
    /// Milliseconds since 1970.
    private let last: Counter
    private let fileName: Mutex<String?>

    fileprivate init(
      number: UInt64, owner: Identifier, ownerNumber: Int64, origin: Origin?, length: Int64?, start: Int64,
      name: String?, begun: Instant, isResumable: Bool
    ) {
      (self.number, self.owner, self.ownerNumber, self.origin) = (number, owner, ownerNumber, origin)
      (self.length, self.start, self.begun, self.isResumable) = (length, start, begun, isResumable)
      last = Counter(UInt64(max(0, begun.milliseconds)))
      fileName = Mutex(name)
    }

    /// Bytes of the whole that are here.
    package var received: Int64 { start + Int64(moved.current) }
    package var lastByte: Instant { Instant(milliseconds: Int64(last.current)) }
    package var name: String? { fileName.withLock { $0 } }

    func move(_ count: Int, now: Instant) {
      moved.add(UInt64(count))
      let milliseconds = UInt64(max(0, now.milliseconds))
      last.add(milliseconds &- last.current)
    }

    func named(_ name: [UInt8]?) {
      guard let name else { return }
      fileName.withLock { $0 = String(decoding: name, as: UTF8.self) }
    }

    /// Since this connection began.
    package func bytesPerSecond(now: Instant) -> Int64 {
      let elapsed = max(1, now.milliseconds - begun.milliseconds)
      return Int64(moved.current) * 1000 / elapsed
    }
  }

  private struct State {
    var tickets: [UInt64: Ticket] = [:]
    var next: UInt64 = 0
  }
  private let state = Mutex(State())
  private let log: ActivityLog
  private let live: LiveSignal
  private let now: @Sendable () -> Instant

  init(log: ActivityLog, live: LiveSignal, now: @escaping @Sendable () -> Instant) {
    (self.log, self.live, self.now) = (log, live, now)
  }

  /// As many as there are connections.
  package var underWay: [Ticket] { state.withLock { $0.tickets.values.sorted { $0.number < $1.number } } }

  func begin(
    owner: Identifier, number: Int64, origin: Origin?, length: Int64?, start: Int64 = 0, name: [UInt8]? = nil,
    isResumable: Bool = false
  ) -> Ticket {
    let ticket = state.withLock { state in
      state.next += 1
      let ticket = Ticket(
        number: state.next, owner: owner, ownerNumber: number, origin: origin, length: length, start: start,
        name: name.map { String(decoding: $0, as: UTF8.self) }, begun: now(), isResumable: isResumable)
      state.tickets[state.next] = ticket
      return ticket
    }
    live.ring()
    return ticket
  }

  func move(_ ticket: Ticket, _ count: Int) { ticket.move(count, now: now()) }

  /// How one ended.
  enum End {
    /// A line of activity was written with it, or it goes on another time.
    case quietly
    case duplicate(Identifier)
    /// A slug.
    case rejected(String)
    /// The connection broke.
    case broken
  }

  /// Once for each ticket; later calls change nothing.
  func end(_ ticket: Ticket, _ end: End) {
    guard state.withLock({ $0.tickets.removeValue(forKey: ticket.number) }) != nil else { return }
    let now = now()
    let seconds = (now.milliseconds - ticket.begun.milliseconds) / 1000
    var entry = ActivityEntry(
      at: now, kind: .broken, user: ticket.ownerNumber, device: ticket.origin?.device, name: ticket.name,
      bytes: ticket.received, seconds: seconds)
    switch end {
    case .quietly: return live.ring()
    case .duplicate(let asset): (entry.kind, entry.asset) = (.duplicate, asset)
    case .rejected(let reason): (entry.kind, entry.reason) = (.rejected, reason)
    case .broken: break
    }
    log.note(entry)
  }

  /// What ended before a byte was taken.
  func note(_ end: End, owner: Int64, origin: Origin?, name: [UInt8]?, bytes: Int64?) {
    var entry = ActivityEntry(
      at: now(), kind: .duplicate, user: owner, device: origin?.device,
      name: name.map { String(decoding: $0, as: UTF8.self) }, bytes: bytes)
    switch end {
    case .quietly, .broken: return
    case .duplicate(let asset): entry.asset = asset
    case .rejected(let reason): (entry.kind, entry.reason) = (.rejected, reason)
    }
    log.note(entry)
  }
}

extension Transfers.End {
  /// What an error means for the photo.
  init(_ error: any Error) {
    switch error {
    case BackupError.storedMeanwhile(let asset): self = .duplicate(asset)
    case BackupError.quotaExceeded: self = .rejected("quota_exceeded")
    case BackupError.diskFull: self = .rejected("disk_full")
    case BackupError.overtaken, BackupError.uploadBusy, BackupError.tooManyUploads, BackupError.offsetMismatch:
      self = .quietly
    case BackupError.partMismatch, BackupError.tooSlow: self = .broken
    case BackupError.uploadTooLarge: self = .rejected("too_large")
    default:
      if let failure = UploadFailure(error, isLost: false) {
        self = .rejected(failure.code)
      } else {
        // A connection that broke, whatever its name is on the floor above.
        self = error is BackupError ? .quietly : .broken
      }
    }
  }
}
