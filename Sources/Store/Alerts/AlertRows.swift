import FoundationEssentials
import GRDB
import Ground

/// Where a person is told.
package struct AlertChannelRow: Sendable, Equatable {
  package let number: Int64
  package let id: Identifier
  /// `user.number`.
  package let user: Int64
  package let userID: Identifier
  package let email: String
  package let kind: String
  package let target: String
  package let secret: [UInt8]?
  package let key: [UInt8]?
  package let createdAt: Instant
  package let deliveredAt: Instant?
  package let failures: Int64
  package let word: String?
  package let disabledAt: Instant?
  package let confirmedAt: Instant?
  /// Whether messages may go there: mail must have been confirmed by the address that the person has now.
  package let isConfirmed: Bool

  static let isConfirmed = "(alert_channel.kind <> 'mail' OR alert_channel.address IS user.email)"

  static let selection = """
    SELECT alert_channel.*, user.email, user.id AS user_id, \(isConfirmed) AS is_confirmed FROM alert_channel JOIN user ON user.number = alert_channel.user
    """

  init(_ row: Row) {
    (number, id, user, email) = (row["number"], row["id"], row["user"], row["email"])
    (userID, confirmedAt, isConfirmed) = (row["user_id"], row["confirmed_at"], row["is_confirmed"])
    (kind, target, createdAt) = (row["kind"], row["target"], row["created_at"])
    secret = (row["secret"] as Data?).map { Array($0) }
    key = (row["key"] as Data?).map { Array($0) }
    (deliveredAt, failures, word) = (row["delivered_at"], row["failures"], row["word"])
    disabledAt = row["disabled_at"]
  }
}

/// When a person wants to be left alone.
package struct AlertSettingsRow: Sendable, Equatable {
  /// Minutes of the day; both or neither.
  package var quietFrom: Int64?
  package var quietTo: Int64?
  package var timeZone: String?
  package var snoozedUntil: Instant?

  package init() {}

  init(_ row: Row) {
    (quietFrom, quietTo, timeZone) = (row["quiet_from"], row["quiet_to"], row["time_zone"])
    snoozedUntil = row["snoozed_until"]
  }
}

/// A change of a device's state that somebody may have to hear of.
package struct AlertRow: Sendable, Equatable {
  package let number: Int64
  package let device: Int64
  package let owner: Int64
  package let at: Instant
  package let level: String
  package let isOwnerDone: Bool
  package let isAdminDone: Bool
  /// When the trouble began that this is a part of; nil where all is well.
  package let since: Instant?
  /// Admins who have their messages: `user.number`.
  package let asked: Set<Int64>
  /// Whether the device's state has changed again since.
  package let isOvertaken: Bool

  init(_ row: Row, asked: Set<Int64>) {
    (number, device, owner, at, level) = (row["number"], row["device"], row["owner"], row["at"], row["level"])
    (isOwnerDone, isAdminDone) = (row["owner_done"], row["admin_done"])
    (since, isOvertaken) = (row["since"], row["overtaken"])
    self.asked = asked
  }
}

/// A message on its way.
package struct AlertDeliveryRow: Sendable, Equatable {
  package let alert: Int64
  package let device: Identifier
  package let level: String
  package let at: Instant
  package let isForAdmin: Bool
  package let tries: Int64
  package let isOvertaken: Bool
  package let channel: AlertChannelRow
}
