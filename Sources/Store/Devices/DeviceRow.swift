import GRDB
import Ground

/// What a device is, as far as its requests and check-ins say; nil where nothing was said.
package struct DeviceFacts: Sendable, Equatable {
  /// `phone`, `desktop`, `browser` or `program`.
  package var kind: String
  package var maker: String?
  package var model: String?
  package var os: String?
  package var osVersion: String?
  package var client: String?
  package var clientVersion: String?

  package init(
    kind: String, maker: String? = nil, model: String? = nil, os: String? = nil, osVersion: String? = nil,
    client: String? = nil, clientVersion: String? = nil
  ) {
    (self.kind, self.maker, self.model, self.os, self.osVersion) = (kind, maker, model, os, osVersion)
    (self.client, self.clientVersion) = (client, clientVersion)
  }
}

/// Where an upload comes from.
package struct Origin: Sendable, Equatable, Codable {
  /// `device.number`.
  package let device: Int64
  /// Name and version, such as `Immich for Android 3.1.0`.
  package let client: String?

  package init(device: Int64, client: String?) { (self.device, self.client) = (device, client) }
}

/// A device as the catalog knows it.
package struct DeviceRow: Sendable, Equatable {
  package let number: Int64
  package let id: Identifier
  package let user: Identifier
  package let userName: String
  package let name: String?
  package let label: String?
  package let facts: DeviceFacts
  package let firstContact: Instant
  package let lastContact: Instant
  package let lastUpload: Instant?
  package let stored: Int64
  package let storedBytes: Int64
  package let duplicates: Int64
  package let rejected: Int64
  package let broken: Int64
  package let snoozedUntil: Instant?
  package let revokedAt: Instant?
  /// JSON of the floor above.
  package let checkIn: String?
  package let checkedInAt: Instant?
  /// What it brought since then, new or known.
  package let arrivedSinceCheckIn: Int64
  /// JSON of the floor above.
  package let ticks: String
  package let reopenedAt: Instant?
  package let reopenReason: String?
  /// The alarm's last word.
  package let level: String?
  package let reason: String?
  package let stateSince: Instant?
  /// JSON of the floor above.
  package let policy: String
  /// When somebody had its app open, as far as its requests tell.
  package let openedAt: Instant?
  /// When the first photo came while nobody had.
  package let backgroundAt: Instant?
  package let canary: Canary?
  /// Since when it says that something is left; nil where nothing is.
  package let backlogSince: Instant?
  /// How often it came with a login that had ended, and when it did last.
  package let refused: Int64
  package let refusedAt: Instant?

  /// The last test with a photo: when it arrived, and how many seconds after it was taken.
  package struct Canary: Sendable, Equatable {
    package let at: Instant
    package let seconds: Int64
  }

  static let selection = """
    SELECT device.*, user.id AS user_id, user.name AS user_name
    FROM device JOIN user ON user.number = device.user
    """

  init(_ row: Row) {
    (number, id, user, userName) = (row["number"], row["id"], row["user_id"], row["user_name"])
    (name, label) = (row["name"], row["label"])
    facts = DeviceFacts(
      kind: row["kind"], maker: row["maker"], model: row["model"], os: row["os"], osVersion: row["os_version"],
      client: row["client"], clientVersion: row["client_version"])
    (firstContact, lastContact) = (row["first_contact"], row["last_contact"])
    (lastUpload, stored, storedBytes) = (row["last_upload"], row["stored"], row["stored_bytes"])
    (duplicates, rejected, broken) = (row["duplicates"], row["rejected"], row["broken"])
    (snoozedUntil, revokedAt) = (row["snoozed_until"], row["revoked_at"])
    (checkIn, checkedInAt, ticks) = (row["check_in"], row["checked_in_at"], row["ticks"])
    arrivedSinceCheckIn = max(0, stored + duplicates - ((row["checked_in_count"] as Int64?) ?? (stored + duplicates)))
    (reopenedAt, reopenReason) = (row["reopened_at"], row["reopen_reason"])
    (level, reason, stateSince) = (row["level"], row["reason"], row["state_since"])
    (policy, openedAt, backgroundAt) = (row["policy"], row["opened_at"], row["background_at"])
    (refused, refusedAt) = (row["refused"], row["refused_at"])
    backlogSince = row["backlog_since"]
    canary = (row["canary_at"] as Instant?).map { Canary(at: $0, seconds: row["canary_seconds"] ?? 0) }
  }
}

/// One day of one device.
package struct DeviceDay: Sendable, Equatable {
  /// Days since 1970, UTC.
  package let day: Int64
  /// One bit for each hour in which it was in contact, the lowest for midnight.
  package let hours: UInt32
  package let stored: Int64
  package let bytes: Int64
  package let duplicates: Int64
  package let rejected: Int64
  package let broken: Int64

  package init(
    day: Int64, hours: UInt32, stored: Int64 = 0, bytes: Int64 = 0, duplicates: Int64 = 0, rejected: Int64 = 0,
    broken: Int64 = 0
  ) {
    (self.day, self.hours, self.stored, self.bytes) = (day, hours, stored, bytes)
    (self.duplicates, self.rejected, self.broken) = (duplicates, rejected, broken)
  }

  init(_ row: Row) {
    (day, stored, bytes) = (row["day"], row["stored"], row["bytes"])
    hours = UInt32(truncatingIfNeeded: row["hours"] as Int64)
    (duplicates, rejected, broken) = (row["duplicates"], row["rejected"], row["broken"])
  }
}

/// A login or a key of a device.
package struct DeviceCredential: Sendable, Equatable {
  package let id: Identifier
  package let isKey: Bool
  package let name: String
  /// Of a key; a login may do everything.
  package let permissions: [String]?
  package let createdAt: Instant
}

/// Everything that is known of a device, as of one moment.
package struct DeviceRecord: Sendable {
  package let device: DeviceRow
  package let days: [DeviceDay]
  package let credentials: [DeviceCredential]
  /// Of its last transfers, the newest first.
  package let transfers: [Transfer]
  /// Milliseconds from capture to storage of the last photos that were taken while it was known, the newest first.
  package let latencies: [Int64]
  /// Nil for one that was never tickled.
  package let tickles: TickleSummary?

  package struct Transfer: Sendable, Equatable {
    /// `stored`, `duplicate`, `rejected` or `broken`.
    package let kind: String
    package let at: Instant
    /// Of a rejection.
    package let reason: String?
    /// How long it took until it broke, in seconds.
    package let seconds: Int64?

    package init(kind: String, at: Instant, reason: String?, seconds: Int64?) {
      (self.kind, self.at, self.reason, self.seconds) = (kind, at, reason, seconds)
    }
  }
}

extension Instant {
  /// Days since 1970, UTC.
  package var day: Int64 { milliseconds.floorDivided(by: 86_400_000) }
  /// Hours since 1970.
  package var hour: Int64 { milliseconds.floorDivided(by: 3_600_000) }
  /// The bit of its hour in `DeviceDay.hours`.
  package var hourBit: UInt32 { 1 << UInt32(hour - day * 24) }
}
