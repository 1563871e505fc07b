import Ground
import HTTPServer
import Logging
import Synchronization

/// When `104 Upload Resumption Supported` is sent.
package enum InterimResponses: String, Sendable, CaseIterable {
  /// To clients that nothing stands before, as far as can be seen, and through proxies that the operator named.
  case auto
  /// To every client that can read it.
  case always
  case never
}

/// What the operator decides about interim answers.
package struct InterimOptions: Sendable {
  package var responses = InterimResponses.auto
  /// Addresses of proxies that are known to hand 1xx answers on, such as Caddy and HAProxy.
  package var trustedProxies: Set<String> = []

  package init() {}
}

/// Decides whether a request may be answered by a 104 first. nginx takes a 104 for the final answer: the upload would be
/// stored, and its client would hear of a failure. So `auto` sends none where a proxy shows itself, and stops for an
/// address whose clients begin the same upload again and again after one.
final class InterimPolicy: Sendable {
  /// Seconds within which the same creation again, its Location untouched, counts as a failure.
  static let window = 120.0
  /// So many repetitions open the breaker.
  static let strikes = 2
  /// Seconds for which the breaker stays open: a day.
  static let pause = 86_400.0
  /// Creations that are watched and addresses that are remembered, at most; beyond that the oldest are forgotten.
  static let memory = 1024

  /// What makes two creations the same attempt.
  struct Attempt: Hashable, Sendable {
    let peer: PeerAddress
    let owner: Identifier
    /// Path and query.
    let address: String
    let digest: SHA1Digest?
    let length: Int64?
    let name: [UInt8]?
  }

  private struct Watch {
    var token: String
    var since: MonotonicTime
    var strikes = 0
  }

  private struct State {
    var watched: [Attempt: Watch] = [:]
    /// By the address that its 104 names: as many as `watched`.
    var attempts: [String: Attempt] = [:]
    var open: [PeerAddress: MonotonicTime] = [:]
    var pointed: [String: MonotonicTime] = [:]

    mutating func watch(_ attempt: Attempt, _ watch: Watch) {
      forget(attempt)
      // Several may be pointed to one upload: the newest counts.
      if let other = attempts[watch.token] { forget(other) }
      for old in InterimPolicy.surplus(of: watched, age: { $0.since }) { forget(old) }
      watched[attempt] = watch
      attempts[watch.token] = attempt
    }

    mutating func forget(_ attempt: Attempt) {
      if let watch = watched.removeValue(forKey: attempt) { attempts[watch.token] = nil }
    }
  }

  private let options: InterimOptions
  private let logger: Logger
  private let now: @Sendable () -> MonotonicTime
  private let state = Mutex(State())

  /// - Parameter now: the clock.
  init(_ options: InterimOptions, logger: Logger, now: @escaping @Sendable () -> MonotonicTime = MonotonicTime.now) {
    (self.options, self.logger, self.now) = (options, logger, now)
  }

  /// Whether this client may get a 104.
  func allows(_ request: Request) -> Bool {
    // HTTP/1.0 knows no 1xx (RFC 9110 section 15.2).
    guard request.takesInterim else { return false }
    switch options.responses {
    case .always: return true
    case .never: return false
    case .auto:
      if options.trustedProxies.contains(request.peer.text) { return true }
      return !InterimPolicy.showsProxy(request) && !isOpen(for: request.peer)
    }
  }

  /// Whether something before us left its name in the request.
  static func showsProxy(_ request: Request) -> Bool {
    ["via", "forwarded", "x-real-ip"].contains { request.field($0) != nil }
      || ["x-forwarded-", "cf-"].contains { request.fields.hasName(beginningWith: $0) }
  }

  private func isOpen(for peer: PeerAddress) -> Bool {
    let now = now()
    return state.withLock { state in
      guard let until = state.open[peer] else { return false }
      if now < until { return true }
      state.open[peer] = nil
      return false
    }
  }

  /// A creation came for which a 104 may be sent; call it before. One that names neither a digest nor a file is not
  /// watched: it could be any.
  /// - Parameter upload: where the 104 will point.
  /// - Returns: whether to send it: false where this is the repetition that opens the breaker.
  func mayAnnounce(_ attempt: Attempt, _ upload: String) -> Bool {
    // Elsewhere the operator has decided.
    guard options.responses == .auto, !options.trustedProxies.contains(attempt.peer.text) else { return true }
    guard attempt.digest != nil || attempt.name != nil else { return true }
    let now = now()
    let opens = state.withLock { state -> Bool in
      var watch = Watch(token: upload, since: now)
      if let earlier = state.watched[attempt], now.seconds(since: earlier.since) <= InterimPolicy.window {
        watch.strikes = earlier.strikes + 1
      }
      guard watch.strikes < InterimPolicy.strikes else {
        state.forget(attempt)
        InterimPolicy.makeRoom(in: &state.open)
        state.open[attempt.peer] = now.adding(seconds: InterimPolicy.pause)
        return true
      }
      state.watch(attempt, watch)
      return false
    }
    guard opens else { return true }
    logger.warning(
      """
      no 104 to this address for a day: its clients begin the same upload again and again after one; \
      a proxy seems to stand there that cannot hand on 1xx answers
      """, metadata: ["peer": "\(attempt.peer)"])
    return false
  }

  /// Whether a client may be sent away to an upload that holds a part of its bytes already: once in two minutes, unless
  /// somebody went there. Whoever does not follow shall be able to send everything again.
  func mayPoint(to upload: String) -> Bool {
    let now = now()
    return state.withLock { state in
      if let earlier = state.pointed[upload], now.seconds(since: earlier) <= InterimPolicy.window { return false }
      InterimPolicy.makeRoom(in: &state.pointed)
      state.pointed[upload] = now
      return true
    }
  }

  /// Somebody used the address: the 104 with it arrived.
  func touched(_ upload: String) {
    state.withLock { state in
      state.pointed[upload] = nil
      if let attempt = state.attempts[upload] { state.forget(attempt) }
    }
  }

  /// The upload became a new photo: its creation was no repetition of another, which would have become a duplicate.
  func created(_ upload: String) {
    state.withLock { state in
      if let attempt = state.attempts[upload] { state.watched[attempt]?.strikes = 0 }
    }
  }

  /// Forgets the oldest quarter of a full table, so that the search for them is rare.
  private static func makeRoom<Key>(in table: inout [Key: MonotonicTime]) {
    for old in surplus(of: table, age: { $0 }) { table[old] = nil }
  }

  private static func surplus<Key, Value>(of table: [Key: Value], age: (Value) -> MonotonicTime) -> [Key] {
    guard table.count >= memory else { return [] }
    return table.sorted { age($0.value) < age($1.value) }.prefix(memory / 4).map(\.key)
  }

  /// How much is remembered just now: never more than `memory` each.
  var load: (watched: Int, attempts: Int, open: Int, pointed: Int) {
    state.withLock { ($0.watched.count, $0.attempts.count, $0.open.count, $0.pointed.count) }
  }
}
