import FoundationEssentials
import GRDB
import Ground

/// A device that has a photo, as far as it said so.
package struct HolderRow: Sendable, Equatable {
  /// Nil where it is forgotten.
  package let device: Identifier?
  package let name: String?
  package let label: String?
  package let facts: DeviceFacts?
  /// When it brought it, or first said that it has it.
  package let at: Instant
  /// Whether it was the one that brought it; then `client` is what it was brought by.
  package let isFirst: Bool
  package let client: String?
}

extension Catalog {
  /// In a transaction of what a device sent though it was here.
  static func noteHolder(_ db: Database, asset: Identifier, device: Int64, now: Instant) throws {
    try db.cachedStatement(
      sql: """
        INSERT OR IGNORE INTO holder (asset, device, at)
        SELECT number, ?2, ?3 FROM asset WHERE id = ?1 AND device IS NOT ?2
        """
    ).execute(arguments: [asset, device, now])
  }

  /// A device has the photos with these digests; what is known of it already costs no write.
  package func noteHolder(_ device: Int64, of digests: [SHA1Digest], owner: Identifier, now: Instant) async throws {
    guard !digests.isEmpty else { return }
    let new = try await read { db in
      guard let user = try Int64.fetchOne(db, sql: "SELECT number FROM user WHERE id = ?", arguments: [owner]) else {
        return [Identifier]()
      }
      let find = try db.cachedStatement(
        sql: """
          SELECT asset.id FROM content JOIN asset ON asset.id = content.id
          WHERE content.owner = ?1 AND content.sha1 = ?2 AND asset.device IS NOT ?3
            AND NOT EXISTS (SELECT 1 FROM holder WHERE holder.asset = asset.number AND holder.device = ?3)
          """)
      return try digests.compactMap { try Identifier.fetchOne(find, arguments: [user, $0, device]) }
    }
    guard !new.isEmpty else { return }
    try await write { db in
      for asset in new { try Catalog.noteHolder(db, asset: asset, device: device, now: now) }
    }
  }

  /// Every device that has a photo, the one that brought it first. - Returns: nil where this person has no such photo.
  package func holders(of asset: Identifier, owner: Identifier) async throws -> [HolderRow]? {
    try await read { db in
      guard
        let photo = try Row.fetchOne(
          db,
          sql: """
            SELECT asset.number, asset.device, asset.client, asset.created_at FROM asset JOIN user ON user.number = asset.owner
            WHERE asset.id = ? AND user.id = ?
            """, arguments: [asset, owner])
      else { return nil }
      let number: Int64 = photo["number"]
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT device.id, device.name, device.label, device.kind, device.maker, device.model, device.os,
            device.client AS now_client, held.at, held.is_first
          FROM (
            SELECT device, created_at AS at, 1 AS is_first FROM asset WHERE number = ?1 AND device IS NOT NULL
            UNION ALL SELECT device, at, 0 FROM holder WHERE asset = ?1
          ) AS held
            LEFT JOIN device AS source ON source.number = held.device
            LEFT JOIN device ON device.number = coalesce(source.merged_into, source.number)
          ORDER BY held.is_first DESC, held.at
          """, arguments: [number])
      var seen: Set<Identifier> = []
      return rows.compactMap { row in
        let id: Identifier? = row["id"]
        // Two that were merged are one.
        if let id, !seen.insert(id).inserted { return nil }
        let isFirst: Bool = row["is_first"]
        return HolderRow(
          device: id, name: row["name"], label: row["label"],
          facts: (row["kind"] as String?).map {
            DeviceFacts(kind: $0, maker: row["maker"], model: row["model"], os: row["os"], client: row["now_client"])
          }, at: row["at"], isFirst: isFirst, client: isFirst ? photo["client"] : nil)
      }
    }
  }
}
