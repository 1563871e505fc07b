import Ground
import Push
import Store

/// How a registration moves by what becomes of its messages: a function of the row, the reply and the clock.
enum PushLife {
  /// Seconds of the first pause after a failure, and of the longest.
  static let firstPause: Int64 = 60
  static let longestPause: Int64 = 6 * 3600
  /// Seconds without a refresh by the client after which nothing is sent, and after which it is forgotten.
  static let asleep: Int64 = 60 * 86_400
  static let forgotten: Int64 = 270 * 86_400
  /// Seconds for which a token is good.
  static let tokenLife: Int64 = 5 * 60

  /// The row after a reply. Only a push service's word that nobody is there ends it; whatever else may pass, and the record
  /// of a phone that lies in a drawer must still be there afterwards.
  static func after(_ reply: PushReply, _ row: PushRow, now: Instant) -> PushRow {
    var row = row
    switch reply {
    case .accepted:
      if row.state == .backoff { row.state = .active }
      (row.failures, row.retryAt, row.word) = (0, nil, nil)
    case .gone(let since):
      // APNs means a token that was registered before that moment; the app may have got it again since.
      if let since, row.refreshedAt.milliseconds >= since { return row }
      (row.state, row.retryAt, row.word) = (.gone, nil, "gone")
    case .throttled(let seconds, _):
      // It asks for patience, which is no failure; exactly as long as it said.
      (row.retryAt, row.word) = (now.adding(seconds: seconds), "throttled")
    case .offline: fail("distributor_offline")
    case .failed(let word), .lost(let word), .refused(let word): fail(word)
    // Our own trouble says nothing of the registration.
    case .unsent: break
    }
    func fail(_ word: String) {
      row.failures += 1
      row.retryAt = now.adding(seconds: pause(row.failures))
      row.word = word
      if row.state == .active { row.state = .backoff }
    }
    return row
  }

  /// 1 minute, doubled by every failure in a row.
  static func pause(_ failures: Int64) -> Int64 {
    min(longestPause, firstPause << min(max(0, failures - 1), 20))
  }

  static func isAsleep(_ row: PushRow, now: Instant) -> Bool {
    row.refreshedAt < now.adding(seconds: -asleep)
  }
}
