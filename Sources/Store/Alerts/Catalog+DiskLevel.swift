import GRDB
import Ground

extension Catalog {
  /// What was told last of the disk: `green`, `amber` or `red`; nil where nothing was.
  package func lastDiskLevel() async throws -> String? {
    try await read { db in
      try String.fetchOne(
        db, sql: "SELECT reason FROM activity WHERE kind = 'disk_level' ORDER BY number DESC LIMIT 1")
    }
  }

  /// Where admins are told.
  private static let adminChannels = """
    user.is_admin AND user.deleted_at IS NULL AND disabled_at IS NULL AND \(AlertChannelRow.isConfirmed)
    """

  /// Notes a new level, and a message of it for every channel where admins are told. What waited before is overtaken.
  package func note(diskLevel entry: ActivityEntry) async throws {
    try await write { db in
      try entry.insert(db)
      try db.execute(sql: "DELETE FROM disk_message")
      try db.execute(
        sql: """
          INSERT INTO disk_message (channel) SELECT alert_channel.number
          FROM alert_channel JOIN user ON user.number = alert_channel.user WHERE \(Catalog.adminChannels)
          """)
    }
  }

  /// Messages that no channel has taken yet, and how often each was tried.
  package func diskMessages() async throws -> [(channel: AlertChannelRow, tries: Int)] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT found.*, disk_message.tries FROM (\(AlertChannelRow.selection) WHERE \(Catalog.adminChannels)) AS found
            JOIN disk_message ON disk_message.channel = found.number ORDER BY found.number
          """
      ).map { (channel: AlertChannelRow($0), tries: $0["tries"]) }
    }
  }

  /// One was tried. - Parameter tries: how often by now; nil where it is over.
  package func note(diskMessage channel: Int64, tries: Int?) async throws {
    try await write { db in
      if let tries {
        try db.execute(sql: "UPDATE disk_message SET tries = ? WHERE channel = ?", arguments: [tries, channel])
      } else {
        try db.execute(sql: "DELETE FROM disk_message WHERE channel = ?", arguments: [channel])
      }
    }
  }
}
