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
  package func adminChannels() async throws -> [AlertChannelRow] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          \(AlertChannelRow.selection)
          WHERE user.is_admin AND user.deleted_at IS NULL AND disabled_at IS NULL ORDER BY alert_channel.number
          """
      ).map { AlertChannelRow($0) }.filter(\.isConfirmed)
    }
  }
}
