import GRDB
import Ground

extension Catalog {
  /// The albums that somebody may see, their own and those shared with them, newest first.
  /// - Parameter asset: only albums that hold it; nil lists all.
  package func albums(seenBy user: Identifier, containing asset: Identifier?) async throws -> [AlbumRow] {
    try await read { db in
      var condition = AlbumRow.isSeen
      var arguments: [String: any DatabaseValueConvertible] = ["user": user]
      if let asset {
        condition += """
           AND album.number IN (
            SELECT album FROM album_asset WHERE asset = (SELECT number FROM asset WHERE id = :asset))
          """
        arguments["asset"] = asset
      }
      return try AlbumRow.all(db, condition, arguments)
    }
  }

  /// - Returns: nil where the person may not see it.
  package func album(_ id: Identifier, seenBy user: Identifier) async throws -> AlbumRow? {
    try await read { db in try Catalog.album(id, seenBy: user, db) }
  }

  /// The visible members of an album, as its owner wants them sorted.
  /// - Returns: at most `limit`; empty where the person may not see it.
  package func assets(ofAlbum id: Identifier, seenBy user: Identifier, limit: Int) async throws -> [AssetRow] {
    try await read { db in
      guard let album = try OpenAlbum(id, user, db) else { return [] }
      let order = try String.fetchOne(
        db, sql: "SELECT sort_order FROM album WHERE number = ?", arguments: [album.number])
      let direction = order == "asc" ? "ASC" : "DESC"
      return try Row.fetchAll(
        db,
        sql: AssetRow.selection + """
           JOIN album_asset AS link ON link.asset = asset.number AND link.album = ?
          WHERE asset.deleted_at IS NULL AND asset.visibility IN ('timeline', 'archive')
          ORDER BY asset.local_date_time \(direction), asset.number \(direction) LIMIT ?
          """, arguments: [album.number, limit]
      ).map(AssetRow.init)
    }
  }

  /// - Parameters:
  ///   - assets: ids that the owner may not use, and repeated ones, are left out; the first that is left becomes the
  ///     thumbnail.
  ///   - people: who may see it beside the owner, with their roles.
  /// - Returns: the album; where people cannot be added, why, and nothing is made.
  package func insertAlbum(
    id: Identifier, owner: Identifier, name: String, description: String, assets: [Identifier],
    people: [(user: Identifier, role: String)], now: Instant
  ) async throws -> (album: AlbumRow?, sharing: SharingOutcome) {
    struct Refused: Error { let outcome: SharingOutcome }
    do {
      return try await write { db in
        try db.execute(
          sql: """
            INSERT INTO album (id, owner, name, description, created_at, updated_at)
            SELECT ?, number, ?, ?, ?, ? FROM user WHERE id = ?
            """, arguments: [id, name, description, now, now, owner])
        guard let album = try OpenAlbum(id, owner, db) else { throw Refused(outcome: .unknown) }
        _ = try album.add(assets, now: now, db)
        let sharing = try album.add(people, db)
        guard sharing == .done else { throw Refused(outcome: sharing) }
        return (try Catalog.album(id, seenBy: owner, db), .done)
      }
    } catch let refused as Refused { return (nil, refused.outcome) }
  }

  /// Changes what is not nil; for its owner and its editors.
  package func updateAlbum(
    _ id: Identifier, by user: Identifier, name: String?, description: String?, thumbnail: Identifier?,
    isActivityEnabled: Bool?, order: String?, now: Instant
  ) async throws -> AlbumOutcome {
    try await write { db in
      guard let album = try OpenAlbum(id, user, db), album.role != .viewer else { return .unknown }
      var cover: Int64?
      if let thumbnail {
        cover = try Int64.fetchOne(
          db,
          sql: """
            SELECT asset.number FROM asset JOIN album_asset ON album_asset.asset = asset.number
            WHERE asset.id = ? AND album_asset.album = ?
            """, arguments: [thumbnail, album.number])
        guard cover != nil else { return .foreignThumbnail }
      }
      try db.execute(
        sql: """
          UPDATE album SET name = coalesce(?, name), description = coalesce(?, description),
            thumbnail = coalesce(?, thumbnail), is_activity_enabled = coalesce(?, is_activity_enabled),
            sort_order = coalesce(?, sort_order), updated_at = ?
          WHERE number = ?
          """, arguments: [name, description, cover, isActivityEnabled, order, now, album.number])
      return try Catalog.album(id, seenBy: user, db).map(AlbumOutcome.done) ?? .unknown
    }
  }

  /// Deletes the album and its list of members; never an asset. For its owner alone.
  /// - Returns: whether the owner had such an album.
  package func deleteAlbum(_ id: Identifier, owner: Identifier) async throws -> Bool {
    try await write { db in
      guard let album = try OpenAlbum(id, owner, db), album.role == .owner else { return false }
      try db.execute(sql: "DELETE FROM album WHERE number = ?", arguments: [album.number])
      return true
    }
  }

  /// Adds assets of the person's own; for its owner and its editors.
  /// - Returns: one result per id, in order; nil where the person may not.
  package func addToAlbum(
    _ id: Identifier, by user: Identifier, assets: [Identifier], now: Instant
  ) async throws -> [MembershipChange]? {
    try await write { db in
      guard let album = try OpenAlbum(id, user, db), album.role != .viewer else { return nil }
      return try album.add(assets, now: now, db)
    }
  }

  /// Takes assets out: its owner any, an editor their own.
  /// - Returns: one result per id, in order; nil where the person may not.
  package func removeFromAlbum(
    _ id: Identifier, by user: Identifier, assets: [Identifier], now: Instant
  ) async throws -> [MembershipChange]? {
    try await write { db in
      guard let album = try OpenAlbum(id, user, db), album.role != .viewer else { return nil }
      return try album.remove(assets, now: now, db)
    }
  }

  static func album(_ id: Identifier, seenBy user: Identifier, _ db: Database) throws -> AlbumRow? {
    try AlbumRow.all(db, "album.id = :album AND " + AlbumRow.isSeen, ["album": id, "user": user]).first
  }
}

extension AlbumRow {
  /// A condition on `album`: `:user` may see it.
  static let isSeen = """
    album.number IN (
      SELECT member.album FROM album_user AS member JOIN user AS seer ON seer.number = member.user WHERE seer.id = :user)
    """
}
