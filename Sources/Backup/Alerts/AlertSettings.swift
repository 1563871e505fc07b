import Ground
import Store
import Tickle

/// Where somebody is told, as they see it: no secrets.
package struct AlertChannel: Sendable {
  package enum Kind: String, Sendable, CaseIterable { case ntfy, webhook, mail, webpush }

  package let id: Identifier
  package let kind: Kind
  /// An address; of a browser only its host, of mail the person's own.
  package let target: String
  package let createdAt: Instant
  package let deliveredAt: Instant?
  package let problem: String?
  package let isDisabled: Bool
  /// Nil for mail that nobody has confirmed, or that was confirmed by another address.
  package let confirmedAt: Instant?

  init(_ row: AlertChannelRow) {
    (id, kind, createdAt) = (row.id, Kind(rawValue: row.kind) ?? .webhook, row.createdAt)
    target = AlertChannel.shown(kind, row)
    (deliveredAt, problem, isDisabled) = (row.deliveredAt, row.word, row.disabledAt != nil)
    confirmedAt = row.isConfirmed ? row.confirmedAt : nil
  }

  /// A topic is ntfy's password, a path is many a webhook's: the host is enough to know it again.
  private static func shown(_ kind: Kind, _ row: AlertChannelRow) -> String {
    if kind == .mail { return row.email }
    guard let scheme = row.target.firstRange(of: "://") else { return "" }
    let end = row.target[scheme.upperBound...].firstIndex { $0 == "/" || $0 == "?" } ?? row.target.endIndex
    return String(row.target[..<end])
  }
}

/// A channel that somebody wants.
package struct AlertChannelInput: Sendable {
  package var kind: AlertChannel.Kind
  package var target = ""
  package var secret: [UInt8]?
  /// Of a browser.
  package var key: [UInt8]?

  package init(kind: AlertChannel.Kind) { self.kind = kind }

  func checked() throws(BackupError) -> AlertChannelInput {
    switch kind {
    case .mail: return AlertChannelInput(kind: .mail)
    case .ntfy:
      if let secret, !(1...200).contains(secret.count) || !secret.allSatisfy({ (0x21...0x7E).contains($0) }) {
        throw .invalid("token must be of 1 to 200 plain characters")
      }
    case .webhook:
      if let secret, !(16...200).contains(secret.count) {
        throw .invalid("secret must be of 16 to 200 bytes")
      }
    case .webpush:
      guard secret != nil, key != nil else { throw .invalid("keys must be p256dh and auth, in base64url") }
    }
    return self
  }
}

/// When somebody wants to be left alone.
package struct AlertSettings: Sendable, Equatable {
  /// Minutes of the day.
  package var quiet: (from: Int, to: Int)?
  package var timeZone: String?
  package var snoozedUntil: Instant?

  package init() {}

  init(_ row: AlertSettingsRow) {
    if let from = row.quietFrom, let to = row.quietTo { quiet = (Int(from), Int(to)) }
    (timeZone, snoozedUntil) = (row.timeZone, row.snoozedUntil)
  }

  package static func == (left: AlertSettings, right: AlertSettings) -> Bool {
    left.quiet?.from == right.quiet?.from && left.quiet?.to == right.quiet?.to && left.timeZone == right.timeZone
      && left.snoozedUntil == right.snoozedUntil
  }

  /// By the clocks of their place.
  func quietHours(_ zones: QuietZones, now: Instant) -> QuietHours? {
    quiet.flatMap { zones.hours(from: $0.from, to: $0.to, in: timeZone, now: now) }
  }

  func checked(now: Instant) throws(BackupError) -> AlertSettingsRow {
    var row = AlertSettingsRow()
    if let quiet {
      guard QuietHours(from: quiet.from, to: quiet.to) != nil else {
        throw .invalid("quietHours must be two different times of the day")
      }
      (row.quietFrom, row.quietTo) = (Int64(quiet.from), Int64(quiet.to))
    }
    if let timeZone {
      guard TimeZoneRules(timeZone) != nil else { throw .invalid("timeZone must be one that the system knows") }
      row.timeZone = timeZone
    }
    if let until = snoozedUntil {
      guard until > now, until <= now.adding(seconds: Devices.longestSnooze) else {
        throw .invalid("snoozedUntil must lie ahead, by 366 days at the most")
      }
      row.snoozedUntil = until
    }
    return row
  }
}
