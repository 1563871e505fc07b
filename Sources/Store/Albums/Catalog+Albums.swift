import GRDB
import Ground

extension Catalog {
  /// The owner's albums, newest first.
  /// - Parameter asset: only albums that hold it; nil lists all.
  package func albums(owner: Identifier, containing asset: Identifier?) async throws -> [AlbumRow] {
    try await read { db in
      var condition = "album.owner = (SELECT number FROM user WHERE id = ?)"
      var arguments: StatementArguments = [owner]
      if let asset {
        condition += """
           AND album.number IN (
            SELECT album FROM album_asset WHERE asset = (SELECT number FROM asset WHERE id = ?))
          """
        arguments += [asset]
      }
      return try Row.fetchAll(db, sql: AlbumRow.query(condition), arguments: arguments).map { AlbumRow($0) }
    }
  }

  package func album(_ id: Identifier, owner: Identifier) async throws -> AlbumRow? {
    try await read { db in try Catalog.album(id, owner: owner, db) }
  }

  /// - Parameter assets: ids that the owner may not use, and repeated ones, are left out; the first that is left
  ///   becomes the thumbnail.
  /// - Returns: nil where the owner is unknown.
  package func insertAlbum(
    id: Identifier, owner: Identifier, name: String, description: String, assets: [Identifier], now: Instant
  ) async throws -> AlbumRow? {
    try await write { db in
      try db.execute(
        sql: """
          INSERT INTO album (id, owner, name, description, created_at, updated_at)
          SELECT ?, number, ?, ?, ?, ? FROM user WHERE id = ?
          """, arguments: [id, name, description, now, now, owner])
      guard let album = try OwnAlbum(id, owner: owner, db) else { return nil }
      _ = try album.add(assets, now: now, db)
      return try Catalog.album(id, owner: owner, db)
    }
  }

  /// Changes what is not nil.
  package func updateAlbum(
    _ id: Identifier, owner: Identifier, name: String?, description: String?, thumbnail: Identifier?,
    isActivityEnabled: Bool?, order: String?, now: Instant
  ) async throws -> AlbumOutcome {
    try await write { db in
      guard let album = try OwnAlbum(id, owner: owner, db) else { return .unknown }
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
      return try Catalog.album(id, owner: owner, db).map(AlbumOutcome.done) ?? .unknown
    }
  }

  /// Deletes the album and its list of members; never an asset.
  /// - Returns: whether the owner had such an album.
  package func deleteAlbum(_ id: Identifier, owner: Identifier) async throws -> Bool {
    try await write { db in
      guard let album = try OwnAlbum(id, owner: owner, db) else { return false }
      try db.execute(sql: "DELETE FROM album WHERE number = ?", arguments: [album.number])
      return true
    }
  }

  /// - Returns: one result per id, in order; nil where the owner has no such album.
  package func addToAlbum(
    _ id: Identifier, owner: Identifier, assets: [Identifier], now: Instant
  ) async throws -> [MembershipChange]? {
    try await write { db in try OwnAlbum(id, owner: owner, db)?.add(assets, now: now, db) }
  }

  /// - Returns: one result per id, in order; nil where the owner has no such album.
  package func removeFromAlbum(
    _ id: Identifier, owner: Identifier, assets: [Identifier], now: Instant
  ) async throws -> [MembershipChange]? {
    try await write { db in try OwnAlbum(id, owner: owner, db)?.remove(assets, now: now, db) }
  }

  private static func album(_ id: Identifier, owner: Identifier, _ db: Database) throws -> AlbumRow? {
    let sql = AlbumRow.query("album.id = ? AND album.owner = (SELECT number FROM user WHERE id = ?)")
    return try Row.fetchOne(db, sql: sql, arguments: [id, owner]).map { AlbumRow($0) }
  }
}

/// An album inside the transaction that changes it.
private struct OwnAlbum {
  let number: Int64
  let owner: Int64

  init?(_ id: Identifier, owner: Identifier, _ db: Database) throws {
    let sql = """
      SELECT album.number, album.owner FROM album JOIN user ON user.number = album.owner
      WHERE album.id = ? AND user.id = ?
      """
    guard let row = try Row.fetchOne(db, sql: sql, arguments: [id, owner]) else { return nil }
    (number, self.owner) = (row[0], row[1])
  }

  func add(_ assets: [Identifier], now: Instant, _ db: Database) throws -> [MembershipChange] {
    let find = try db.cachedStatement(
      sql: "SELECT number FROM asset WHERE id = ? AND owner = ? AND visibility <> 'locked'")
    let insert = try db.cachedStatement(
      sql: "INSERT INTO album_asset (album, asset, added_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
    var first: Int64?
    var changes: [MembershipChange] = []
    changes.reserveCapacity(assets.count)
    for id in assets {
      guard let asset = try Int64.fetchOne(find, arguments: [id, owner]) else {
        changes.append(.noAccess)
        continue
      }
      try insert.execute(arguments: [number, asset, now])
      let isNew = db.changesCount == 1
      if isNew, first == nil { first = asset }
      changes.append(isNew ? .done : .duplicate)
    }
    if let first {
      try db.execute(
        sql: "UPDATE album SET thumbnail = coalesce(thumbnail, ?), updated_at = ? WHERE number = ?",
        arguments: [first, now, number])
    }
    return changes
  }

  func remove(_ assets: [Identifier], now: Instant, _ db: Database) throws -> [MembershipChange] {
    let delete = try db.cachedStatement(
      sql: "DELETE FROM album_asset WHERE album = ? AND asset = (SELECT number FROM asset WHERE id = ?)")
    var changes: [MembershipChange] = []
    changes.reserveCapacity(assets.count)
    for id in assets {
      try delete.execute(arguments: [number, id])
      changes.append(db.changesCount == 1 ? .done : .notMember)
    }
    if changes.contains(.done) {
      try db.execute(
        sql: """
          UPDATE album SET updated_at = ?, thumbnail = (
            SELECT asset FROM album_asset WHERE album_asset.album = album.number AND asset = album.thumbnail)
          WHERE number = ?
          """, arguments: [now, number])
    }
    return changes
  }
}
