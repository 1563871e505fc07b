import Ground

/// What the alarm says of a device.
package struct DeviceState: Sendable, Equatable {
  package enum Level: String, Sendable, CaseIterable {
    case green, amber, red
    /// Within its first two days, and nothing uploaded yet.
    case new
    case snoozed
    /// The OS paused it in the middle of a batch.
    case paused
    /// Only videos are left, which wait for Wi-Fi or an open app.
    case deferred
    /// Nothing to watch: a browser or a program that never uploaded.
    case none
    case revoked

    /// For lists: the worst first.
    package var rank: Int {
      switch self {
      case .red: 0
      case .amber: 1
      case .paused: 2
      case .deferred: 3
      case .new: 4
      case .green: 5
      case .snoozed: 6
      case .none: 7
      case .revoked: 8
      }
    }
  }

  package enum Reason: String, Sendable, CaseIterable {
    case ok, quiet, snoozed, revoked
    case newDevice = "new_device"
    case noUploadYet = "no_upload_yet"
    case signedOut = "signed_out"
    case permissionLimited = "permission_limited"
    case permissionDenied = "permission_denied"
    case backgroundOff = "background_off"
    case lowPower = "low_power"
    case pausedByOS = "paused_by_os"
    case videosDeferred = "videos_deferred"
    case transfersBreak = "transfers_break"
    case uploadsRejected = "uploads_rejected"
    case quotaFull = "quota_full"
    case diskFull = "disk_full"
    case backlogStuck = "backlog_stuck"
    case noNewPhotos = "no_new_photos"
    case osUpdated = "os_updated"
    case notABackupDevice = "not_a_backup_device"
    /// Of a person, not of a device.
    case filesLost = "files_lost"
  }

  package let level: Level
  package let reason: Reason
  /// Windows of its habit without a contact.
  package var missedWindows = 0
  /// For a person.
  package var sentence: String

  package init(_ level: Level, _ reason: Reason, missedWindows: Int = 0, _ sentence: String) {
    (self.level, self.reason, self.missedWindows, self.sentence) = (level, reason, missedWindows, sentence)
  }
}

/// All that the alarm looks at: what the server saw of a device, and what the device said.
package struct DeviceHistory: Sendable, Equatable {
  /// `phone`, `desktop`, `browser` or `program`.
  package var kind: String
  package var firstContact: Instant
  package var lastContact: Instant
  package var lastUpload: Instant?
  package var hasUploaded: Bool
  /// Hours since 1970 in which it was in contact, ascending.
  package var contacts: [Int64]
  /// It has no login and no key any more, and was not revoked.
  package var isSignedOut = false
  package var isRevoked = false
  package var snoozedUntil: Instant?
  package var checkIn: CheckIn?
  package var checkedInAt: Instant?
  /// What it brought since, new or known.
  package var arrivedSinceCheckIn: Int64 = 0
  /// Since when it says that something is left.
  package var backlogSince: Instant?
  /// An update of the OS or the client that nobody has looked at yet.
  package var reopenedAt: Instant?
  /// The same, where it was the system's.
  package var systemUpdatedAt: Instant?
  /// Of its last transfers, the newest first.
  package var transfers: [Transfer] = []

  package struct Transfer: Sendable, Equatable {
    package enum End: Sendable, Equatable {
      case arrived, broke
      /// The upload's slug, such as `quota_exceeded`.
      case refused(String)
    }
    package let end: End
    package let at: Instant

    package init(_ end: End, _ at: Instant) { (self.end, self.at) = (end, at) }
  }

  /// What it said is left, without what arrived since; nil where it said nothing.
  var remaining: Int64? { checkIn?.remaining.map { max(0, min($0, CheckIn.most) - arrivedSinceCheckIn) } }

  /// Without what lies ahead: the server's clock was wrong once, and must not vouch for the device until then.
  func known(by now: Instant) -> DeviceHistory {
    guard lastContact > now || (lastUpload ?? now) > now else { return self }
    var device = self
    device.contacts.removeAll { $0 > now.hour }
    if lastContact > now {
      device.lastContact = device.contacts.last.map { Instant(milliseconds: $0 * 3_600_000) } ?? min(firstContact, now)
    }
    if let last = lastUpload, last > now { device.lastUpload = device.lastContact }
    return device
  }

  package init(
    kind: String, firstContact: Instant, lastContact: Instant, lastUpload: Instant?, hasUploaded: Bool,
    contacts: [Int64]
  ) {
    (self.kind, self.firstContact, self.lastContact) = (kind, firstContact, lastContact)
    (self.lastUpload, self.hasUploaded, self.contacts) = (lastUpload, hasUploaded, contacts)
  }
}
