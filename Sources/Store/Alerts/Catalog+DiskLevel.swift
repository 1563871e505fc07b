import GRDB
import Ground

extension Catalog {
  /// The last change of how full the disk is.
  package struct DiskChange: Sendable, Equatable {
    /// `activity.number`.
    package let number: Int64
    package let at: Instant
    /// `green`, `amber` or `red`.
    package let level: String
  }

  /// Nil where there never was one.
  package func lastDiskChange() async throws -> DiskChange? {
    try await read { db in
      try Row.fetchOne(
        db, sql: "SELECT number, at, reason FROM activity WHERE kind = 'disk_level' ORDER BY number DESC LIMIT 1"
      ).map { DiskChange(number: $0[0], at: $0[1], level: $0[2]) }
    }
  }

  /// Notes a change; each channel may be told of it.
  package func noteDisk(_ entry: ActivityEntry) async throws {
    try await write { db in
      try entry.insert(db)
      try db.execute(sql: "UPDATE alert_channel SET disk_tries = 0, disk_next_at = 0")
    }
  }

  /// Channels of admins that were told something else last, with the tries so far.
  package func diskChannels(
    toTell level: String, tries: Int64, at now: Instant
  ) async throws -> [(channel: AlertChannelRow, tries: Int64)] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          \(AlertChannelRow.selection)
          WHERE user.is_admin AND user.deleted_at IS NULL AND disabled_at IS NULL AND \(AlertChannelRow.isConfirmed)
            AND disk_level <> ? AND disk_tries < ? AND disk_next_at <= ?
          ORDER BY alert_channel.number
          """, arguments: [level, tries, now]
      ).map { (AlertChannelRow($0), $0["disk_tries"]) }
    }
  }

  /// What became of a word on the disk.
  /// - Parameter tries: after which it is given up.
  package func end(
    diskLevel level: String, channel: Int64, _ end: AlertEnd, tries: Int64, now: Instant
  ) async throws {
    try await write { db in
      switch end {
      case .delivered:
        try db.execute(
          sql: """
            UPDATE alert_channel SET disk_level = ?2, disk_tries = 0, failures = 0, word = NULL, first_failed_at = NULL,
              delivered_at = ?3
            WHERE number = ?1
            """, arguments: [channel, level, now])
      case .dropped: break
      case .putOff(let next):
        try db.execute(sql: "UPDATE alert_channel SET disk_next_at = ? WHERE number = ?", arguments: [next, channel])
      case .throttled(let next):
        try db.execute(
          sql: "UPDATE alert_channel SET disk_next_at = ?, word = 'throttled' WHERE number = ?",
          arguments: [next, channel])
      case .later(let next, let word):
        try db.execute(
          sql: "UPDATE alert_channel SET disk_tries = disk_tries + 1, disk_next_at = ? WHERE number = ?",
          arguments: [next, channel])
        try Catalog.failed(db, channel, word, now: now)
      case .givenUp(let word):
        try db.execute(sql: "UPDATE alert_channel SET disk_tries = ? WHERE number = ?", arguments: [tries, channel])
        try Catalog.failed(db, channel, word, now: now)
      case .gone(let word): try Catalog.gone(db, channel, word, now: now)
      }
    }
  }
}
