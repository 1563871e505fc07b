/// Whether a push service may be asked: its `Retry-After`, and a circuit breaker that opens after failures in a row. While it
/// is open nothing is sent; then one send tries it, and the rest waits for what becomes of that.
struct HostGate: Sendable {
  static let failures: UInt8 = 5

  private var failed: UInt8 = 0
  /// How often in a row it opened.
  private var openings: UInt8 = 0
  /// Milliseconds since 1970.
  private(set) var blockedUntil: Int64 = 0
  private var isProbing = false

  /// Nil where a send may go now, else when to ask again.
  func wait(_ now: Int64) -> Int64? {
    if now < blockedUntil { return blockedUntil }
    // Somebody else's send is trying it; a send takes ten seconds at the most.
    return isProbing ? now + 10_000 : nil
  }

  mutating func began() { if failed >= HostGate.failures { isProbing = true } }

  /// Nothing was sent after all: it says nothing of the host.
  mutating func abandoned() { isProbing = false }

  /// What another send was told about patience still holds.
  mutating func succeeded() { (failed, openings, isProbing) = (0, 0, false) }

  mutating func failed(_ now: Int64) {
    isProbing = false
    failed = min(failed + 1, HostGate.failures)
    guard failed == HostGate.failures else { return }
    blockedUntil = max(blockedUntil, now + min(Rules.firstBackoff << Int64(openings), Rules.longestBackoff))
    openings = min(openings + 1, 12)
  }

  /// The clock went back.
  mutating func forget(after now: Int64) { if blockedUntil > now + Rules.longestPatience { blockedUntil = now } }

  /// It is there, and asks for patience.
  mutating func throttled(until: Int64) {
    isProbing = false
    blockedUntil = max(blockedUntil, until)
  }
}
