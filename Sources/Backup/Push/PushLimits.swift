import Ground
import Synchronization

/// How often strangers' addresses are written to, in memory: an address that nobody has confirmed gets one message, and a
/// host no more than a push service would bear.
final class PushLimits: Sendable {
  /// Messages to one unconfirmed address: one, and another when its token has run out, each pause twice as long.
  static let firstPause = PushLife.tokenLife
  static let longestPause: Int64 = 6 * 3600
  /// Messages that ask for a confirmation, of one person in an hour.
  static let announcements = 20
  /// Of one host: at once, and in a second from then on.
  static let burst = 60.0
  static let rate = 10.0
  /// Addresses, people and hosts that are remembered; then the oldest half is forgotten.
  static let capacity = 4096

  private struct Attempt {
    var count: Int64
    var last: Instant
  }
  private struct Bucket {
    var tokens: Double
    var at: Instant
  }
  private struct State {
    var addresses: [String: Attempt] = [:]
    var people: [Identifier: [Instant]] = [:]
    var hosts: [String: Bucket] = [:]
  }
  private let state = Mutex(State())

  /// Takes the right to send one message to an address that nobody has confirmed.
  /// - Returns: nil where it may be sent, else the seconds until then.
  func claim(_ address: String, by person: Identifier, now: Instant) -> Int64? {
    state.withLock { state in
      if let attempt = state.addresses[address] {
        let pause = min(PushLimits.longestPause, PushLimits.firstPause << min(attempt.count - 1, 12))
        let due = attempt.last.adding(seconds: pause)
        if now < due { return PushLimits.seconds(due, now) }
      }
      let hour = now.adding(seconds: -3600)
      let sent = (state.people[person] ?? []).filter { $0 > hour }
      if sent.count >= PushLimits.announcements, let first = sent.first {
        return PushLimits.seconds(first.adding(seconds: 3600), now)
      }
      state.people[person] = sent + [now]
      state.addresses[address] = Attempt(count: (state.addresses[address]?.count ?? 0) + 1, last: now)
      if state.addresses.count > PushLimits.capacity {
        let oldest = state.addresses.values.map(\.last).sorted()[PushLimits.capacity / 2]
        state.addresses = state.addresses.filter { $0.value.last > oldest }
      }
      if state.people.count > PushLimits.capacity { state.people = [person: state.people[person] ?? []] }
      return nil
    }
  }

  /// Nothing left for this address after all, or it was confirmed.
  func forgive(_ address: String) { state.withLock { $0.addresses[address] = nil } }

  /// Other rules hold from now on.
  func forgiveAll() { state.withLock { $0.addresses = [:] } }

  /// Takes a place in a host's rate.
  /// - Returns: nil where a message may go, else the seconds until then.
  func take(host: String, now: Instant) -> Int64? {
    state.withLock { state in
      var bucket = state.hosts[host] ?? Bucket(tokens: PushLimits.burst, at: now)
      let passed = max(0, Double(now.milliseconds - bucket.at.milliseconds) / 1000)
      bucket = Bucket(tokens: min(PushLimits.burst, bucket.tokens + passed * PushLimits.rate), at: now)
      let isFree = bucket.tokens >= 1
      if isFree { bucket.tokens -= 1 }
      if state.hosts.count >= PushLimits.capacity { state.hosts.removeAll() }
      state.hosts[host] = bucket
      return isFree ? nil : 1
    }
  }

  private static func seconds(_ due: Instant, _ now: Instant) -> Int64 {
    max(1, (due.milliseconds - now.milliseconds + 999) / 1000)
  }
}
