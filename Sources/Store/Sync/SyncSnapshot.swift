import GRDB
import Ground
import Synchronization

/// Where a phone stands within one kind of row: the change, and the row among those that changed with it.
package struct SyncCursor: Sendable, Comparable {
  package var change: Int64
  package var row: Int64

  package init(change: Int64, row: Int64) { (self.change, self.row) = (change, row) }

  package static let start = SyncCursor(change: 0, row: 0)

  package static func < (left: SyncCursor, right: SyncCursor) -> Bool {
    (left.change, left.row) < (right.change, right.row)
  }
}

/// One moment of the catalog for one phone's stream: every pass sees the same rows, whatever is written meanwhile, so that
/// no line names a row that an earlier pass left out. Has a connection of its own; SQLite's log cannot be cut back while
/// one lives, so whoever holds it must not wait for ever.
package final class SyncSnapshot: Sendable {
  private let snapshot: DatabaseSnapshot
  /// `user.number`.
  private let user: Int64
  package let userID: Identifier
  /// The last change that this snapshot holds.
  package let bound: Int64
  /// What the current pass through albums comes to next.
  private let ahead = Mutex<SyncWindow?>(nil)

  init(_ snapshot: DatabaseSnapshot, user: Identifier) throws {
    self.snapshot = snapshot
    let (number, bound) = try snapshot.read { db in
      (
        try Int64.fetchOne(db, sql: "SELECT number FROM user WHERE id = ?", arguments: [user]),
        try Int64.fetchOne(db, sql: "SELECT change FROM clock")
      )
    }
    guard let number, let bound else { throw StoreError.broken("the session's user is gone") }
    (self.user, userID, self.bound) = (number, user, bound)
  }

  // MARK: People

  /// Everybody; `self` fields only matter for the one that asks.
  package func users(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<UserRow>] {
    try rows(
      "SELECT change, number, \(UserRow.columns) FROM user WHERE (change, number) > (:change, :row) ORDER BY change, number",
      cursor, limit
    ) { UserRow($0, at: 2) }
  }

  /// The one that asks, where something of theirs changed.
  package func authUser(after cursor: SyncCursor) throws -> [SyncRow<UserRow>] {
    try rows(
      "SELECT self_change, number, \(UserRow.columns) FROM user WHERE number = :user AND (self_change, number) > (:change, :row)",
      cursor, 1
    ) { UserRow($0, at: 2) }
  }

  /// The settings of the one that asks, as stored; nil where they never were.
  package func preferences(after cursor: SyncCursor) throws -> [SyncRow<String?>] {
    try rows(
      """
      SELECT preferences_change, number, preferences FROM user
      WHERE number = :user AND (preferences_change, number) > (:change, :row)
      """, cursor, 1
    ) { $0[2] }
  }

  package func deletedUsers(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<Identifier>] {
    try rows(
      "SELECT change, 0, id FROM user_tombstone WHERE (change, 0) > (:change, :row) ORDER BY change", cursor, limit
    ) { $0[2] }
  }

  // MARK: Assets

  package func assets(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<SyncAsset>] {
    try rows(
      """
      SELECT asset.change, asset.number, \(SyncAsset.columns) FROM asset \(SyncAsset.joins)
      WHERE asset.owner = :user AND (asset.change, asset.number) > (:change, :row) ORDER BY asset.change, asset.number
      """, cursor, limit
    ) { SyncAsset($0, at: 2) }
  }

  package func deletedAssets(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<Identifier>] {
    try rows(
      """
      SELECT change, number, id FROM asset_tombstone
      WHERE user = :user AND (change, number) > (:change, :row) ORDER BY change, number
      """, cursor, limit
    ) { $0[2] }
  }

  package func facts(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<SyncFacts>] {
    try rows(
      """
      SELECT facts.change, facts.asset, \(SyncFacts.columns) FROM facts JOIN asset ON asset.number = facts.asset
      WHERE facts.owner = :user AND (facts.change, facts.asset) > (:change, :row) ORDER BY facts.change, facts.asset
      """, cursor, limit
    ) { SyncFacts($0, at: 2) }
  }

  /// What clients said of their assets beside the known fields: JSON text.
  package func metadata(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<(asset: Identifier, json: String)>] {
    try rows(
      """
      SELECT change, number, id, metadata FROM asset
      WHERE owner = :user AND (change, number) > (:change, :row) AND metadata IS NOT NULL ORDER BY change, number
      """, cursor, limit
    ) { ($0[2], $0[3]) }
  }

  // MARK: Albums

  static let mine = "(SELECT album FROM album_user WHERE user = :user)"

  package func albums(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<SyncAlbum>] {
    try rows(
      """
      SELECT album.change, album.number, album.id, album.name, album.description, album.created_at, album.updated_at,
        cover.id, album.is_activity_enabled, album.sort_order
      FROM album LEFT JOIN asset AS cover ON cover.number = album.thumbnail
      WHERE album.number IN \(SyncSnapshot.mine) AND (album.change, album.number) > (:change, :row)
      ORDER BY album.change, album.number
      """, cursor, limit
    ) { SyncAlbum($0, at: 2) }
  }

  package func deletedAlbums(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<Identifier>] {
    // Who was let in again has the album.
    try rows(
      """
      SELECT change, number, id FROM album_tombstone
      WHERE user = :user AND (change, number) > (:change, :row) ORDER BY change, number
      """, cursor, limit
    ) { $0[2] }
  }

  package func albumUsers(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<SyncAlbumUser>] {
    try rows(
      """
      SELECT album_user.change, album_user.album * 1000003 + album_user.user AS tie, album.id, user.id, album_user.role
      FROM album_user JOIN album ON album.number = album_user.album JOIN user ON user.number = album_user.user
      WHERE album_user.album IN \(SyncSnapshot.mine) AND (album_user.change, tie) > (:change, :row)
      ORDER BY album_user.change, tie
      """, cursor, limit
    ) { SyncAlbumUser(album: $0[2], user: $0[3], role: $0[4]) }
  }

  package func deletedAlbumUsers(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<SyncAlbumUser>] {
    try rows(
      """
      SELECT gone.change, gone.number, album.id, gone.user FROM album_user_tombstone AS gone
      JOIN album ON album.number = gone.album
      WHERE gone.album IN \(SyncSnapshot.mine) AND (gone.change, gone.number) > (:change, :row)
      ORDER BY gone.change, gone.number
      """, cursor, limit
    ) { SyncAlbumUser(album: $0[2], user: $0[3], role: "") }
  }

  package func albumAssets(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<SyncAlbumAsset>] {
    try rows(
      .links, "SELECT album.id, asset.id FROM album JOIN asset ON asset.number = :row WHERE album.number = :album",
      cursor,
      limit
    ) { SyncAlbumAsset(album: $0[0], asset: $0[1]) }
  }

  package func deletedAlbumAssets(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<SyncAlbumAsset>] {
    try rows(
      """
      SELECT gone.change, gone.number, album.id, gone.asset FROM album_asset_tombstone AS gone
      JOIN album ON album.number = gone.album
      WHERE gone.album IN \(SyncSnapshot.mine) AND (gone.change, gone.number) > (:change, :row)
      ORDER BY gone.change, gone.number
      """, cursor, limit
    ) { SyncAlbumAsset(album: $0[2], asset: $0[3]) }
  }

  // MARK: Other people's assets in shared albums

  private static let sharedAsset = "SELECT \(SyncAsset.columns) FROM asset \(SyncAsset.joins) WHERE asset.number = :row"
  private static let sharedFacts = "SELECT \(SyncFacts.columns) FROM asset \(SyncFacts.join) WHERE asset.number = :row"

  /// Those that came into sight: by the change of their membership.
  package func sharedAssets(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<SyncAsset>] {
    try rows(.sharedLinks, SyncSnapshot.sharedAsset, cursor, limit) { SyncAsset($0, at: 0) }
  }

  /// Those that changed themselves.
  package func changedSharedAssets(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<SyncAsset>] {
    try rows(.sharedAssets, SyncSnapshot.sharedAsset, cursor, limit) { SyncAsset($0, at: 0) }
  }

  package func sharedFacts(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<SyncFacts>] {
    try rows(.sharedLinks, SyncSnapshot.sharedFacts, cursor, limit) { SyncFacts($0, at: 0) }
  }

  package func changedSharedFacts(after cursor: SyncCursor, limit: Int) throws -> [SyncRow<SyncFacts>] {
    try rows(.sharedFacts, SyncSnapshot.sharedFacts, cursor, limit) { SyncFacts($0, at: 0) }
  }

  /// The next rows of an order, each read by its number.
  private func rows<T: Sendable>(
    _ order: SyncWindow.Order, _ sql: String, _ cursor: SyncCursor, _ limit: Int, _ make: (Row) throws -> T
  ) throws -> [SyncRow<T>] {
    do {
      return try snapshot.read { db in
        let statement = try db.cachedStatement(sql: sql)
        let (needsUser, needsAlbum) = (sql.contains(":user"), sql.contains(":album"))
        var (found, position): ([SyncRow<T>], SyncCursor) = ([], cursor)
        while found.count < limit {
          let places = try ahead.withLock { window in
            if window?.continues(order, after: position) != true {
              window = nil
              window = try SyncWindow(db, order, for: user, after: position, count: limit * SyncWindow.pages)
            }
            return window?.take(limit - found.count) ?? []
          }
          guard let last = places.last else { break }
          position = last.cursor
          for place in places {
            var arguments: StatementArguments = ["row": place.cursor.row]
            if needsUser { arguments += ["user": user] }
            if needsAlbum { arguments += ["album": place.album] }
            // Nothing may be known of it.
            guard let row = try Row.fetchOne(statement, arguments: arguments) else { continue }
            found.append(SyncRow(cursor: place.cursor, value: try make(row)))
          }
        }
        return found
      }
    } catch { throw StoreError.wrap(error) }
  }

  private func rows<T: Sendable>(
    _ sql: String, _ cursor: SyncCursor, _ limit: Int, _ make: (Row) throws -> T
  ) throws -> [SyncRow<T>] {
    do {
      return try snapshot.read { db in
        var arguments: [String: any DatabaseValueConvertible] = ["change": cursor.change, "row": cursor.row]
        if sql.contains(":user") { arguments["user"] = user }
        let statement = try db.cachedStatement(sql: sql + " LIMIT \(limit)")
        var found: [SyncRow<T>] = []
        found.reserveCapacity(limit)
        let cursor = try Row.fetchCursor(statement, arguments: StatementArguments(arguments))
        while let row = try cursor.next() {
          found.append(SyncRow(cursor: SyncCursor(change: row[0], row: row[1]), value: try make(row)))
        }
        return found
      }
    } catch { throw StoreError.wrap(error) }
  }
}

/// A row and where the phone stands behind it.
package struct SyncRow<Value: Sendable>: Sendable {
  package let cursor: SyncCursor
  package let value: Value

  package init(cursor: SyncCursor, value: Value) { (self.cursor, self.value) = (cursor, value) }
}
