import GRDB
import Ground

/// An album that somebody may see, inside the transaction that reads or changes it.
struct OpenAlbum {
  enum Role: String {
    case owner, editor, viewer
  }

  let number: Int64
  /// `user.number` of whoever is at it.
  let user: Int64
  let role: Role

  /// Nil where there is no such album, or the person may not see it.
  init?(_ id: Identifier, _ user: Identifier, _ db: Database) throws {
    let sql = """
      SELECT album.number, user.number, member.role FROM album JOIN album_user AS member ON member.album = album.number
      JOIN user ON user.number = member.user WHERE album.id = ? AND user.id = ?
      """
    guard let row = try Row.fetchOne(db, sql: sql, arguments: [id, user]) else { return nil }
    guard let role = Role(rawValue: row[2]) else { throw StoreError.broken("an album has a person of an unknown role") }
    (number, self.user, self.role) = (row[0], row[1], role)
  }

  // MARK: Assets

  func add(_ assets: [Identifier], now: Instant, _ db: Database) throws -> [MembershipChange] {
    let find = try db.cachedStatement(
      sql: "SELECT number FROM asset WHERE id = ? AND owner = ? AND visibility <> 'locked'")
    let insert = try db.cachedStatement(
      sql: "INSERT INTO album_asset (album, asset, added_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
    var first: Int64?
    var changes: [MembershipChange] = []
    changes.reserveCapacity(assets.count)
    for id in assets {
      guard let asset = try Int64.fetchOne(find, arguments: [id, user]) else {
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
    let find = try db.cachedStatement(
      sql: """
        SELECT asset.number, asset.owner FROM album_asset AS link JOIN asset ON asset.number = link.asset
        WHERE asset.id = ? AND link.album = ?
        """)
    let delete = try db.cachedStatement(sql: "DELETE FROM album_asset WHERE album = ? AND asset = ?")
    var changes: [MembershipChange] = []
    changes.reserveCapacity(assets.count)
    for id in assets {
      guard let member = try Row.fetchOne(find, arguments: [id, number]) else {
        changes.append(.notMember)
        continue
      }
      guard role == .owner || member[1] == user else {
        changes.append(.noAccess)
        continue
      }
      try delete.execute(arguments: [number, member[0] as Int64])
      changes.append(.done)
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

  // MARK: People

  /// Stops at the first that cannot be added; the caller undoes the others.
  func add(_ people: [(user: Identifier, role: String)], _ db: Database) throws -> SharingOutcome {
    for person in people {
      guard
        let user = try Int64.fetchOne(
          db.cachedStatement(sql: "SELECT number FROM user WHERE id = ?"), arguments: [person.user])
      else { return .noSuchUser }
      switch try memberRole(user, db) {
      case .owner: return .isOwner
      case .editor, .viewer: return .isMember
      case nil: break
      }
      try db.execute(
        sql: "INSERT INTO album_user (album, user, role) VALUES (?, ?, ?)", arguments: [number, user, person.role])
    }
    return .done
  }

  /// What somebody may do here; nil for who may not see it.
  func memberRole(_ user: Int64, _ db: Database) throws -> Role? {
    try String.fetchOne(
      db.cachedStatement(sql: "SELECT role FROM album_user WHERE album = ? AND user = ?"), arguments: [number, user]
    ).flatMap(Role.init)
  }
}
