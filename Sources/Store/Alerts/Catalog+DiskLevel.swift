import GRDB
import Ground

/// A channel of an admin.
package struct AdminChannel: Sendable {
  package let row: AlertChannelRow
  package let owner: Identifier

  package var id: Identifier { row.id }
}

extension Catalog {
  /// What was told last of the disk: `green`, `amber` or `red`; nil where nothing was.
  package func lastDiskLevel() async throws -> String? {
    try await read { db in
      try String.fetchOne(
        db, sql: "SELECT reason FROM activity WHERE kind = 'disk_level' ORDER BY number DESC LIMIT 1")
    }
  }

  package func adminChannels() async throws -> [AdminChannel] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          \(AlertChannelRow.selection)
          WHERE user.is_admin AND user.deleted_at IS NULL AND disabled_at IS NULL ORDER BY alert_channel.number
          """
      ).compactMap { row in
        let channel = AlertChannelRow(row)
        let owner = try Identifier.fetchOne(db, sql: "SELECT id FROM user WHERE number = ?", arguments: [channel.user])
        return owner.map { AdminChannel(row: channel, owner: $0) }
      }
    }
  }
}
