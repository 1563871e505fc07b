import GRDB
import Ground

/// How the making of tags ended.
package enum TagOutcome: Sendable, Equatable {
  case done([TagRow])
  /// There is one of this path already.
  case exists
  case unknownParent
  /// The person would have more tags than anybody may.
  case tooMany
}

extension Catalog {
  /// Everybody's own, by path.
  package func tags(of owner: Identifier) async throws -> [TagRow] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT \(TagRow.columns) FROM \(TagRow.source)
          WHERE tag.owner = (SELECT number FROM user WHERE id = ?) ORDER BY tag.value
          """, arguments: [owner]
      ).map(TagRow.init)
    }
  }

  package func tag(_ id: Identifier, owner: Identifier) async throws -> TagRow? {
    try await read { db in try Catalog.tag(id, owner, db) }
  }

  private static func tag(_ id: Identifier, _ owner: Identifier, _ db: Database) throws -> TagRow? {
    try Row.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT \(TagRow.columns) FROM \(TagRow.source)
          WHERE tag.id = ? AND tag.owner = (SELECT number FROM user WHERE id = ?)
          """), arguments: [id, owner]
    ).map(TagRow.init)
  }

  /// Finds or makes each path and everything above it.
  /// - Parameters:
  ///   - paths: parts from the root down, none empty.
  ///   - limit: tags of one person.
  /// - Returns: the last tag of each path, in order.
  package func upsertTags(
    _ paths: [[String]], owner: Identifier, limit: Int, now: Instant
  ) async throws -> TagOutcome {
    struct TooMany: Error {}
    do {
      return try await write { db in
        guard let user = try Int64.fetchOne(db, sql: "SELECT number FROM user WHERE id = ?", arguments: [owner]) else {
          return .done([])
        }
        let find = try db.cachedStatement(sql: "SELECT number FROM tag WHERE owner = ? AND value = ?")
        let insert = try db.cachedStatement(
          sql: "INSERT INTO tag (id, owner, parent, value, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)")
        var leaves: [TagRow] = []
        for path in paths {
          var parent: Int64?
          var value = ""
          for part in path {
            value += (value.isEmpty ? "" : "/") + part
            if let known = try Int64.fetchOne(find, arguments: [user, value]) {
              parent = known
            } else {
              try insert.execute(arguments: [Identifier(), user, parent, value, now, now])
              parent = db.lastInsertedRowID
            }
          }
          if let row = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT \(TagRow.columns) FROM \(TagRow.source) WHERE tag.number = ?"),
            arguments: [parent])
          {
            leaves.append(TagRow(row))
          }
        }
        // All or nothing: what was made is undone with the transaction.
        guard try Catalog.tagCount(user, db) <= limit else { throw TooMany() }
        return .done(leaves)
      }
    } catch is TooMany { return .tooMany }
  }

  private static func tagCount(_ user: Int64, _ db: Database) throws -> Int {
    try Int.fetchOne(db, sql: "SELECT count(*) FROM tag WHERE owner = ?", arguments: [user]) ?? 0
  }

  /// Makes one that is not there yet.
  package func insertTag(
    _ name: String, parent: Identifier?, color: String?, owner: Identifier, limit: Int, now: Instant
  ) async throws -> TagOutcome {
    try await write { db in
      guard let user = try Int64.fetchOne(db, sql: "SELECT number FROM user WHERE id = ?", arguments: [owner]) else {
        return .unknownParent
      }
      var above: (number: Int64, value: String)?
      if let parent {
        let sql = "SELECT number, value FROM tag WHERE id = ? AND owner = ?"
        guard let row = try Row.fetchOne(db, sql: sql, arguments: [parent, user]) else { return .unknownParent }
        above = (row[0], row[1])
      }
      guard try Catalog.tagCount(user, db) < limit else { return .tooMany }
      let id = Identifier()
      try db.execute(
        sql: """
          INSERT INTO tag (id, owner, parent, value, color, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (owner, value) DO NOTHING
          """, arguments: [id, user, above?.number, (above.map { $0.value + "/" } ?? "") + name, color, now, now])
      return try Catalog.tag(id, owner, db).map { .done([$0]) } ?? .exists
    }
  }

  /// - Parameter color: nil removes it.
  /// - Returns: nil where the person has no such tag.
  package func setTagColor(_ color: String?, _ id: Identifier, owner: Identifier, now: Instant) async throws -> TagRow?
  {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE tag SET color = ?, updated_at = ? WHERE id = ? AND owner = (SELECT number FROM user WHERE id = ?)
          """, arguments: [color, now, id, owner])
      return try Catalog.tag(id, owner, db)
    }
  }

  /// Deletes a tag and those below it; never an asset.
  /// - Returns: whether the person had such a tag.
  package func deleteTag(_ id: Identifier, owner: Identifier) async throws -> Bool {
    try await write { db in
      try db.execute(
        sql: "DELETE FROM tag WHERE id = ? AND owner = (SELECT number FROM user WHERE id = ?)", arguments: [id, owner])
      return db.changesCount > 0
    }
  }

  // MARK: Assets

  /// - Returns: one result per id, in order; nil where the person has no such tag.
  package func addTag(
    _ id: Identifier, to assets: [Identifier], owner: Identifier
  ) async throws -> [MembershipChange]? {
    try await write { db in
      guard let tag = try Catalog.tagNumber(id, owner, db) else { return nil }
      return try assets.map { try Catalog.addTag(tag.number, to: $0, user: tag.user, db) }
    }
  }

  /// Every tag to every asset; what is not the person's own is passed over.
  /// - Returns: how many tags were put on.
  package func addTags(_ ids: [Identifier], to assets: [Identifier], owner: Identifier) async throws -> Int {
    try await write { db in
      var count = 0
      for tag in try ids.compactMap({ try Catalog.tagNumber($0, owner, db) }) {
        for asset in assets where try Catalog.addTag(tag.number, to: asset, user: tag.user, db) == .done { count += 1 }
      }
      return count
    }
  }

  private static func addTag(
    _ tag: Int64, to asset: Identifier, user: Int64, _ db: Database
  ) throws -> MembershipChange {
    guard
      let number = try Int64.fetchOne(
        db.cachedStatement(sql: "SELECT number FROM asset WHERE id = ? AND owner = ?"), arguments: [asset, user])
    else { return .noAccess }
    try db.cachedStatement(sql: "INSERT INTO asset_tag (asset, tag) VALUES (?, ?) ON CONFLICT DO NOTHING")
      .execute(arguments: [number, tag])
    return db.changesCount == 1 ? .done : .duplicate
  }

  /// - Returns: one result per id, in order; nil where the person has no such tag.
  package func removeTag(
    _ id: Identifier, from assets: [Identifier], owner: Identifier
  ) async throws -> [MembershipChange]? {
    try await write { db in
      guard let tag = try Catalog.tagNumber(id, owner, db) else { return nil }
      let delete = try db.cachedStatement(
        sql: "DELETE FROM asset_tag WHERE tag = ? AND asset = (SELECT number FROM asset WHERE id = ?)")
      return try assets.map { asset in
        try delete.execute(arguments: [tag.number, asset])
        return db.changesCount == 1 ? .done : .notMember
      }
    }
  }

  private static func tagNumber(
    _ id: Identifier, _ owner: Identifier, _ db: Database
  ) throws -> (number: Int64, user: Int64)? {
    try Row.fetchOne(
      db.cachedStatement(
        sql:
          "SELECT tag.number, tag.owner FROM tag JOIN user ON user.number = tag.owner WHERE tag.id = ? AND user.id = ?"
      ), arguments: [id, owner]
    ).map { ($0[0], $0[1]) }
  }
}

/// Conditions on `asset` by tags.
enum TagCondition {
  /// It bears the tag, or one below it.
  /// - Parameters:
  ///   - tag: an expression for `tag.id`.
  ///   - user: an expression for `user.number`: the tag's owner.
  static func bears(_ tag: String, user: String) -> String {
    "asset.number IN (\(bearers(tag, user: user)))"
  }

  /// `SELECT` of the numbers of those that bear it.
  static func bearers(_ tag: String, user: String) -> String {
    """
    WITH RECURSIVE below (number) AS (
      SELECT number FROM tag WHERE id = \(tag) AND owner = \(user)
      UNION SELECT tag.number FROM below JOIN tag ON tag.parent = below.number)
    SELECT DISTINCT asset_tag.asset AS number FROM asset_tag WHERE asset_tag.tag IN (SELECT number FROM below)
    """
  }

  static let bearsNone = "NOT EXISTS (SELECT 1 FROM asset_tag WHERE asset_tag.asset = asset.number)"
}
