import Ground
import Store

/// What a client asks for: where it can be reached.
package struct PushRequest: Sendable, Equatable {
  package var place: PushPlace
  package var quiet: PushQuiet

  package init(_ place: PushPlace, quiet: PushQuiet = PushQuiet()) { (self.place, self.quiet) = (place, quiet) }
}

/// A registration, as its device's people see it. Of what a push service answered they hear the class alone, or this server
/// would look around in its network for strangers.
package struct PushStatus: Sendable, Equatable {
  package let kind: String
  package let host: String
  package let state: PushState
  /// Not refreshed for two months: nothing is sent until the app is opened.
  package let isAsleep: Bool
  /// Whether its app can show something.
  package let canShow: Bool
  package let registeredAt: Instant
  package let refreshedAt: Instant
  package let confirmedAt: Instant?
  package let retryAt: Instant?
  /// `gone`, `throttled`, `distributor_offline`, `key_changed`, `refused`, `no_answer`, `4xx`, `5xx`; nil where the last message got through.
  package let problem: String?
}

/// Whom else somebody wants to be sent to.
package struct WantedHost: Sendable, Equatable {
  /// As it goes into the list.
  package let host: String
  package let user: Identifier
  package let device: Identifier
  package let at: Instant
}

extension PushStatus {
  init(_ row: PushRow, host: String, now: Instant) {
    (kind, self.host, state) = (row.place.kind, host, row.state)
    (isAsleep, canShow) = (PushLife.isAsleep(row, now: now), row.quiet.canShow)
    (registeredAt, refreshedAt, confirmedAt, retryAt) = (
      row.registeredAt, row.refreshedAt, row.confirmedAt, row.retryAt
    )
    problem = row.word.map(PushStatus.problem)
  }

  private static func problem(_ word: String) -> String {
    if ["gone", "throttled", "distributor_offline", "key_changed"].contains(word) { return word }
    if word.hasPrefix("refused_") { return "refused" }
    if let status = Int(word), (100..<600).contains(status) { return "\(status / 100)xx" }
    // Reasons of APNs and FCM, which the operator's own account gets.
    if word.first?.isUppercase == true { return "4xx" }
    return "no_answer"
  }
}
