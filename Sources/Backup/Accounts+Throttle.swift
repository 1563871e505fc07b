import Ground

/// Slows repeated failed logins, per account and per address: after five failures the next attempt must wait 1, 2, 4 …
/// seconds. An account is closed for at most a minute, so that a stranger cannot lock its owner out for long; an address
/// for at most 15 minutes. A function of what happened and of the time that the caller tells: no clock, no timers.
struct LoginThrottle: Sendable {
  static let freeFailures = 5
  static let longestForAccount = 60.0
  static let longestForAddress = 900.0
  /// Seconds without a failure after which an account or address starts afresh.
  static let memory = 3600.0
  /// Accounts and addresses remembered, each; where there are more, those that failed longest ago go.
  static let capacity = 10_000

  private struct Record: Sendable {
    var failures = 0
    var lastFailure: MonotonicTime
    var closedUntil: MonotonicTime
  }
  private struct Table: Sendable {
    var records: [String: Record] = [:]
    let longest: Double

    func wait(_ key: String, now: MonotonicTime) -> Double { records[key]?.closedUntil.seconds(since: now) ?? 0 }

    mutating func fail(_ key: String, now: MonotonicTime, capacity: Int) {
      var record = records[key] ?? Record(lastFailure: now, closedUntil: now)
      if now.seconds(since: record.lastFailure) > LoginThrottle.memory { record.failures = 0 }
      record.failures += 1
      record.lastFailure = now
      let excess = record.failures - LoginThrottle.freeFailures
      if excess >= 0 { record.closedUntil = now.adding(seconds: min(longest, Double(1 << min(excess, 20)))) }
      records[key] = record
      if records.count > capacity { forgetOldest(capacity) }
    }

    /// Drops an eighth at once, so that a flood of new names costs a sort only now and then.
    private mutating func forgetOldest(_ capacity: Int) {
      let oldest = records.sorted { $0.value.lastFailure < $1.value.lastFailure }.prefix(max(1, capacity / 8))
      for (key, _) in oldest { records[key] = nil }
    }
  }

  private let capacity: Int
  private var accounts = Table(longest: longestForAccount)
  private var addresses = Table(longest: longestForAddress)

  init(capacity: Int = LoginThrottle.capacity) { self.capacity = capacity }

  /// How many accounts and addresses are remembered.
  var count: (accounts: Int, addresses: Int) { (accounts.records.count, addresses.records.count) }

  /// Whole seconds until an attempt is allowed; nil where it is allowed now.
  func wait(account: String, address: String?, now: MonotonicTime) -> Int? {
    let forAddress = address.map { addresses.wait(network(of: $0), now: now) } ?? 0
    let seconds = max(accounts.wait(account, now: now), forAddress)
    return seconds > 0 ? max(1, Int(seconds.rounded(.up))) : nil
  }

  mutating func failed(account: String, address: String?, now: MonotonicTime) {
    accounts.fail(account, now: now, capacity: capacity)
    if let address { addresses.fail(network(of: address), now: now, capacity: capacity) }
  }

  /// Forgets the account's failures; the address keeps its own, or one valid login would let it go on guessing others.
  mutating func succeeded(account: String) { accounts.records[account] = nil }
}

/// An IPv6 peer owns a whole /64 and may change its address at will: its first four groups count. IPv4 counts whole.
private func network(of address: String) -> String {
  guard address.contains(":") else { return address }
  let halves = address.split(separator: ":", omittingEmptySubsequences: false)
  // `::` stands for as many zero groups as are missing from eight; an empty field marks it.
  guard let gap = halves.firstIndex(of: "") else { return halves.prefix(4).joined(separator: ":") }
  let front = halves[..<gap]
  let back = halves[gap...].drop { $0.isEmpty }
  let zeros = Array(repeating: Substring("0"), count: max(0, 8 - front.count - back.count))
  return (Array(front) + zeros + Array(back)).prefix(4).joined(separator: ":")
}
