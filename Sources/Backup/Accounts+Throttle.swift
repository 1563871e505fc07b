import Ground

/// Slows repeated failed logins. A function of what happened and of the time that the caller tells: no clock, no timers.
///
/// - Per account and network (IPv4 /24, IPv6 /64): after five failures the next attempt from there must wait 1, 2, 4 …
///   seconds, a minute at most. The owner, who is elsewhere, waits for nobody.
/// - Per address, whatever the account: after five failures, 15 minutes at most.
/// - Per account, wherever from: after 50 failures a minute at most, which bounds a guesser with many networks. A network
///   from which somebody logged in to this account before is spared, so that no stranger can lock the owner out.
struct LoginThrottle: Sendable {
  static let freeFailures = 5
  static let freeFailuresOfAccount = 50
  static let longestForAccount = 60.0
  static let longestForAddress = 900.0
  /// Seconds without a failure after which a record starts afresh.
  static let memory = 3600.0
  /// Records in each table; where there are more, those that were touched longest ago go.
  static let capacity = 10_000

  private struct Record: Sendable {
    var failures = 0
    var lastFailure: MonotonicTime
    var closedUntil: MonotonicTime
  }
  private struct Table: Sendable {
    var records: [String: Record] = [:]
    let free: Int
    let longest: Double

    func wait(_ key: String, now: MonotonicTime) -> Double { records[key]?.closedUntil.seconds(since: now) ?? 0 }

    mutating func fail(_ key: String, now: MonotonicTime, capacity: Int) {
      var record = records[key] ?? Record(lastFailure: now, closedUntil: now)
      if now.seconds(since: record.lastFailure) > LoginThrottle.memory { record.failures = 0 }
      record.failures += 1
      record.lastFailure = now
      let excess = record.failures - free
      if excess >= 0 { record.closedUntil = now.adding(seconds: min(longest, Double(1 << min(excess, 20)))) }
      records[key] = record
      forgetOldest(&records, beyond: capacity, by: \.lastFailure)
    }
  }

  private let capacity: Int
  private var pairs = Table(free: freeFailures, longest: longestForAccount)
  private var addresses = Table(free: freeFailures, longest: longestForAddress)
  private var accounts = Table(free: freeFailuresOfAccount, longest: longestForAccount)
  /// From where each account was logged in to, and when last.
  private var known: [String: MonotonicTime] = [:]

  init(capacity: Int = LoginThrottle.capacity) { self.capacity = capacity }

  /// How many records the fullest table has.
  var count: Int { max(pairs.records.count, addresses.records.count, accounts.records.count, known.count) }

  /// Whole seconds until an attempt is allowed; nil where it is allowed now.
  /// - Parameter address: nil where a session already proves who asks.
  func wait(account: String, address: String?, now: MonotonicTime) -> Int? {
    let pair = LoginThrottle.pair(account, address)
    var seconds = pairs.wait(pair, now: now)
    if let address {
      seconds = max(seconds, addresses.wait(network(of: address, isWide: false), now: now))
      if known[pair] == nil { seconds = max(seconds, accounts.wait(account, now: now)) }
    }
    return seconds > 0 ? max(1, Int(seconds.rounded(.up))) : nil
  }

  mutating func failed(account: String, address: String?, now: MonotonicTime) {
    pairs.fail(LoginThrottle.pair(account, address), now: now, capacity: capacity)
    guard let address else { return }
    addresses.fail(network(of: address, isWide: false), now: now, capacity: capacity)
    accounts.fail(account, now: now, capacity: capacity)
  }

  /// Forgets the failures of this account from this network, which is known from now on. The address keeps its own, or
  /// one valid login would let it go on guessing others; the account keeps its own, or the owner's logins would let
  /// strangers go on.
  mutating func succeeded(account: String, address: String?, now: MonotonicTime) {
    let pair = LoginThrottle.pair(account, address)
    pairs.records[pair] = nil
    guard address != nil else { return }
    known[pair] = now
    forgetOldest(&known, beyond: capacity, by: \.self)
  }

  /// An e-mail has no line feed that could make two pairs look alike: what follows the last one is a network.
  private static func pair(_ account: String, _ address: String?) -> String {
    "\(account)\n\(address.map { network(of: $0, isWide: true) } ?? "")"
  }
}

/// Drops an eighth at once, so that a flood of new names costs a sort only now and then.
private func forgetOldest<Value>(
  _ table: inout [String: Value], beyond capacity: Int, by time: (Value) -> MonotonicTime
) {
  guard table.count > capacity else { return }
  for (key, _) in table.sorted(by: { time($0.value) < time($1.value) }).prefix(max(1, capacity / 8)) {
    table[key] = nil
  }
}

/// An IPv6 peer owns a whole /64 and may change its address at will: its first four groups count. IPv4 counts whole, or
/// its /24 where `isWide`: people behind one provider's changing addresses.
private func network(of address: String, isWide: Bool) -> String {
  guard address.contains(":") else {
    return isWide ? address.split(separator: ".").prefix(3).joined(separator: ".") : address
  }
  let halves = address.split(separator: ":", omittingEmptySubsequences: false)
  // `::` stands for as many zero groups as are missing from eight; an empty field marks it.
  guard let gap = halves.firstIndex(of: "") else { return halves.prefix(4).joined(separator: ":") }
  let front = halves[..<gap]
  let back = halves[gap...].drop { $0.isEmpty }
  let zeros = Array(repeating: Substring("0"), count: max(0, 8 - front.count - back.count))
  return (Array(front) + zeros + Array(back)).prefix(4).joined(separator: ":")
}
