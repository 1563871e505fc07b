import FoundationEssentials
import GRDB
import Ground

/// What an archive needs to know of an asset.
package struct DownloadRow: Sendable, Equatable {
  package let id: Identifier
  package let size: Int64
  package let key: String
  package let name: [UInt8]
  package let takenAt: Instant
  /// `asset.number` of the motion part, and its own.
  let number: Int64
  package let motion: Int64?

  static let columns = """
    asset.id, asset.size, asset.original_key, asset.original_name, asset.local_date_time, asset.number,
    asset.live_photo_video
    """

  init(_ row: Row) {
    (id, size, key, takenAt, number, motion) = (row[0], row[1], row[2], row[4], row[5], row[6])
    name = [UInt8](row[3] as Data)
  }
}

extension Catalog {
  /// Which assets are to be downloaded.
  package enum DownloadSelection: Sendable {
    /// Each of them must be one that the person may see.
    case assets([Identifier])
    /// What is visible in it; the person must see the album.
    case album(Identifier)
    /// Their own timeline and archive.
    case everything
  }

  /// In the order asked for; an asset that is asked for twice comes once.
  /// - Returns: the rows, and whether they are all there are: motion parts do not count towards the limit. Nil where the person may not see one of them, or the album.
  package func downloads(
    _ selection: DownloadSelection, by who: Reader, limit: Int, withMotionParts: Bool
  ) async throws -> (rows: [DownloadRow], isComplete: Bool)? {
    try await read { db in
      guard
        let reader = try Int64.fetchOne(
          db.cachedStatement(sql: "SELECT number FROM user WHERE id = ?"), arguments: [who.user])
      else { return nil }
      guard var rows = try Catalog.downloads(selection, who, reader: reader, limit: limit, db) else { return nil }
      guard rows.count <= limit else { return (rows, false) }
      guard withMotionParts else { return (rows, true) }
      let find = try db.cachedStatement(
        sql: """
          SELECT \(DownloadRow.columns) FROM asset WHERE number = ?1 AND \(AssetAccess.isReadable(by: "?2", opensLocked: who.opensLocked))
          """)
      var seen = Set(rows.map(\.number))
      for motion in rows.compactMap(\.motion) where seen.insert(motion).inserted {
        if let row = try Row.fetchOne(find, arguments: [motion, reader]) { rows.append(DownloadRow(row)) }
      }
      return (rows, true)
    }
  }

  private static func downloads(
    _ selection: DownloadSelection, _ who: Reader, reader: Int64, limit: Int, _ db: Database
  ) throws -> [DownloadRow]? {
    let visible = "asset.deleted_at IS NULL AND asset.visibility IN ('timeline', 'archive')"
    switch selection {
    case .assets(let ids):
      let find = try db.cachedStatement(
        sql: """
          SELECT \(DownloadRow.columns) FROM asset
          WHERE asset.id = ?1 AND \(AssetAccess.isReadable(by: "?2", opensLocked: who.opensLocked))
          """)
      var rows: [DownloadRow] = []
      var seen: Set<Int64> = []
      for id in ids {
        guard let row = try Row.fetchOne(find, arguments: [id, reader]).map(DownloadRow.init) else { return nil }
        if seen.insert(row.number).inserted { rows.append(row) }
      }
      return rows
    case .album(let id):
      guard let album = try OpenAlbum(id, who.user, db) else { return nil }
      return try Row.fetchAll(
        db,
        sql: """
          SELECT \(DownloadRow.columns) FROM album_asset AS link JOIN asset ON asset.number = link.asset
          WHERE link.album = ? AND \(visible) LIMIT ?
          """, arguments: [album.number, limit + 1]
      ).map(DownloadRow.init)
    case .everything:
      return try Row.fetchAll(
        db, sql: "SELECT \(DownloadRow.columns) FROM asset WHERE asset.owner = ? AND \(visible) LIMIT ?",
        arguments: [reader, limit + 1]
      ).map(DownloadRow.init)
    }
  }
}
