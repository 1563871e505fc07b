import GRDB
import Ground

/// The kinds of things that happen.
package enum ActivityKind: String, Sendable, CaseIterable {
  case stored, duplicate, rejected, broken, trashed, restored, deleted, login, logout, alarm
  case canary
  case diskLevel = "disk_level"
  case loginFailed = "login_failed"
  case deviceNew = "device_new"
  case deviceRenamed = "device_renamed"
  case deviceMerged = "device_merged"
  case deviceRevoked = "device_revoked"
  case deviceSnoozed = "device_snoozed"
  case deviceCheckedIn = "device_checked_in"
  case osChanged = "os_changed"
  case clientChanged = "client_changed"
  case keyCreated = "key_created"
  case keyDeleted = "key_deleted"
  case userCreated = "user_created"
  case userDeleted = "user_deleted"
  case passwordChanged = "password_changed"
  case pushConfirmed = "push_confirmed"
  case pushMoved = "push_moved"
  case pushGone = "push_gone"
  case pushRemoved = "push_removed"
  case pushExpired = "push_expired"
  case outboundHostsChanged = "outbound_hosts_changed"
}

/// Something that happened, to be written.
package struct ActivityEntry: Sendable, Equatable {
  package var at: Instant
  package var kind: ActivityKind
  /// `user.number`.
  package var user: Int64?
  /// `device.number`.
  package var device: Int64?
  package var asset: Identifier?
  package var name: String?
  package var bytes: Int64?
  package var capturedAt: Instant?
  package var count: Int64?
  /// How long it took.
  package var seconds: Int64?
  package var reason: String?
  package var detail: String?

  package init(
    at: Instant, kind: ActivityKind, user: Int64?, device: Int64? = nil, asset: Identifier? = nil, name: String? = nil,
    bytes: Int64? = nil, capturedAt: Instant? = nil, count: Int64? = nil, seconds: Int64? = nil, reason: String? = nil,
    detail: String? = nil
  ) {
    (self.at, self.kind, self.user, self.device, self.asset) = (at, kind, user, device, asset)
    (self.name, self.bytes, self.capturedAt, self.count) = (name, bytes, capturedAt, count)
    (self.seconds, self.reason, self.detail) = (seconds, reason, detail)
  }

  /// Unicode scalars of a text that are kept.
  static let longestText = 300

  /// Nothing where its person is gone by now: their line must not keep the others of a transaction from being written.
  func insert(_ db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO activity (at, kind, user, device, asset, name, bytes, captured_at, count, seconds,
          reason, detail)
        SELECT ?, ?, ?3, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE ?3 IS NULL OR EXISTS (SELECT 1 FROM user WHERE number = ?3)
        """
    ).execute(arguments: [
      at, kind.rawValue, user, device, asset, name.map(ActivityEntry.short), bytes, capturedAt, count,
      seconds, reason.map(ActivityEntry.short), detail.map(ActivityEntry.short),
    ])
  }

  /// Without control characters: it is shown in lists.
  private static func short(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(longestText) {
      out.append(scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar)
    }
    return String(out)
  }
}

/// Something that happened, as it is shown.
package struct ActivityRow: Sendable, Equatable {
  package let number: Int64
  package let at: Instant
  package let kind: String
  package let user: Identifier?
  package let userName: String?
  package let device: Identifier?
  /// What names a device: its owner's name for it, or what it is made of.
  package let deviceName: String?
  package let deviceLabel: String?
  package let deviceFacts: DeviceFacts?
  package let asset: Identifier?
  package let name: String?
  package let bytes: Int64?
  package let capturedAt: Instant?
  package let count: Int64?
  package let seconds: Int64?
  package let reason: String?
  package let detail: String?

  /// A device that was merged is shown as the one it is part of.
  static let selection = """
    SELECT activity.*, user.id AS user_id, user.name AS user_name, device.id AS device_id, device.name AS device_name,
      device.label AS device_label, device.kind AS device_kind, device.maker, device.model, device.os, device.client
    FROM activity LEFT JOIN user ON user.number = activity.user
      LEFT JOIN device AS source ON source.number = activity.device
      LEFT JOIN device ON device.number = coalesce(source.merged_into, source.number)
    """

  init(_ row: Row) {
    (number, at, kind, user, userName) = (row["number"], row["at"], row["kind"], row["user_id"], row["user_name"])
    (device, deviceName, deviceLabel) = (row["device_id"], row["device_name"], row["device_label"])
    deviceFacts = (row["device_kind"] as String?).map { kind in
      DeviceFacts(kind: kind, maker: row["maker"], model: row["model"], os: row["os"], client: row["client"])
    }
    (asset, name, bytes, capturedAt) = (row["asset"], row["name"], row["bytes"], row["captured_at"])
    (count, seconds, reason, detail) = (row["count"], row["seconds"], row["reason"], row["detail"])
  }
}
