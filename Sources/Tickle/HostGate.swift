/// Whether a push service may be asked: a pace that it bears, its `Retry-After`, and a circuit breaker that opens after failures
/// in a row. While it is open nothing is sent; then one send tries it, and the rest waits for what becomes of that.
struct HostGate: Sendable {
  static let failures: UInt8 = 5
  /// Sends at once, and milliseconds between two from then on: a little less than a sender lets through, so that people's
  /// messages, and the first ones of registrations, find room beside tickles.
  static let burst: Int64 = 40
  static let pace: Int64 = 125

  /// An event stream is no third party.
  let isPaced: Bool
  private var failed: UInt8 = 0
  /// How often in a row it opened.
  private var openings: UInt8 = 0
  /// Milliseconds since 1970.
  private(set) var blockedUntil: Int64 = 0
  private var isProbing = false
  /// When the sends so far would have ended at that pace, and the last moment that somebody was told to come again at.
  private var booked: Int64 = 0
  private var promised: Int64 = 0

  init(isPaced: Bool) { self.isPaced = isPaced }

  /// Nil where a send may go now, else when to ask again.
  func wait(_ now: Int64) -> Int64? {
    if now < blockedUntil { return blockedUntil }
    // Somebody else's send is trying it; a send takes ten seconds at the most.
    if isProbing { return now + 10_000 }
    return free > now ? free : nil
  }

  /// The same for many: each who waits for the pace has a moment of their own, one behind the other, and is not looked at
  /// before.
  mutating func queue(_ now: Int64) -> Int64? {
    guard let wait = wait(now) else { return nil }
    guard now >= blockedUntil, !isProbing else { return wait }
    promised = max(promised + HostGate.pace, wait)
    return promised
  }

  /// When one more keeps the pace.
  private var free: Int64 { isPaced ? booked - (HostGate.burst - 1) * HostGate.pace : 0 }

  mutating func began(_ now: Int64) {
    booked = max(booked, now) + HostGate.pace
    if failed >= HostGate.failures { isProbing = true }
  }

  /// Nothing was sent after all: it says nothing of the host.
  mutating func abandoned() { isProbing = false }

  /// What another send was told about patience still holds.
  mutating func succeeded() { (failed, openings, isProbing) = (0, 0, false) }

  mutating func failed(_ now: Int64) {
    isProbing = false
    failed = min(failed + 1, HostGate.failures)
    guard failed == HostGate.failures else { return }
    block(until: now + min(Rules.firstBackoff << Int64(openings), Rules.longestBackoff))
    openings = min(openings + 1, 12)
  }

  /// The clock went back.
  mutating func forget(after now: Int64) {
    if blockedUntil > now + Rules.longestPatience { blockedUntil = now }
    (booked, promised) = (min(booked, now), min(promised, now))
  }

  /// It is there, and asks for patience.
  mutating func throttled(until: Int64) {
    isProbing = false
    block(until: until)
  }

  /// Whoever stands in line finds it closed, and lines up anew when it opens.
  private mutating func block(until moment: Int64) {
    blockedUntil = max(blockedUntil, moment)
    promised = 0
  }
}
