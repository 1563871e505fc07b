import FoundationEssentials
import GRDB
import Ground

extension Catalog {
  /// - Returns: false where the user is unknown or has `limit` keys already.
  package func insertAPIKey(_ row: APIKeyRow, secretHash: [UInt8], limit: Int) async throws -> Bool {
    try await write { db in
      try db.execute(
        sql: """
          INSERT INTO api_key (id, user, secret_hash, name, permissions, created_at, updated_at)
          SELECT ?, number, ?, ?, ?, ?, ? FROM user
          WHERE id = ? AND (SELECT count(*) FROM api_key WHERE api_key.user = user.number) < ?
          """,
        arguments: [
          row.id, Data(secretHash), row.name, try APIKeyRow.json(row.permissions), row.createdAt, row.updatedAt,
          row.user,
          limit,
        ])
      guard db.changesCount == 1 else { return false }
      let key = db.lastInsertedRowID
      let user = try Int64.fetchOne(db, sql: "SELECT user FROM api_key WHERE number = ?", arguments: [key])
      guard let user else { throw StoreError.broken("a key is gone as soon as it is stored") }
      let device = try DeviceChanges.admit(
        db, user: user, DeviceFacts(kind: "program"), label: row.name, now: row.createdAt)
      try db.execute(sql: "UPDATE api_key SET device = ? WHERE number = ?", arguments: [device, key])
      try ActivityEntry(at: row.createdAt, kind: .keyCreated, user: user, device: device, detail: row.name).insert(db)
      return true
    }
  }

  /// The key whose secret has this SHA-256, its user, and the hash as stored.
  package func apiKey(secretHash: [UInt8]) async throws -> (key: APIKeyRow, user: UserRow, secretHash: [UInt8])? {
    try await findByKey { db in
      let sql = """
        SELECT \(APIKeyRow.columns), \(UserRow.columns), api_key.secret_hash
        FROM api_key JOIN user ON user.number = api_key.user
        WHERE api_key.secret_hash = ? AND user.deleted_at IS NULL
        """
      guard let row = try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [Data(secretHash)]) else { return nil }
      let user = UserRow(row, at: APIKeyRow.columnCount)
      return (try APIKeyRow(row, user: user.id), user, [UInt8](row["secret_hash"] as Data))
    }
  }

  /// The user's keys, newest first.
  package func apiKeys(of user: Identifier) async throws -> [APIKeyRow] {
    try await read { db in
      let sql = """
        SELECT \(APIKeyRow.columns) FROM api_key
        WHERE user = (SELECT number FROM user WHERE id = ?) ORDER BY number DESC
        """
      return try Row.fetchAll(db, sql: sql, arguments: [user]).map { try APIKeyRow($0, user: user) }
    }
  }

  package func apiKey(_ id: Identifier, of user: Identifier) async throws -> APIKeyRow? {
    try await read { db in try Catalog.apiKey(id, of: user, db) }
  }

  /// Changes what is not nil. - Returns: nil where the user has no such key.
  package func updateAPIKey(
    _ id: Identifier, of user: Identifier, name: String?, permissions: [String]?, now: Instant
  ) async throws -> APIKeyRow? {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE api_key SET name = coalesce(?, name), permissions = coalesce(?, permissions), updated_at = ?
          WHERE id = ? AND user = (SELECT number FROM user WHERE id = ?)
          """, arguments: [name, try permissions.map(APIKeyRow.json), now, id, user])
      return try Catalog.apiKey(id, of: user, db)
    }
  }

  /// - Parameter user: whose key it must be; nil takes anybody's.
  /// - Returns: whether there was such a key.
  package func deleteAPIKey(_ id: Identifier, of user: Identifier?, now: Instant) async throws -> Bool {
    try await write { db in
      let row = try Row.fetchOne(
        db,
        sql: """
          SELECT user, device, name FROM api_key WHERE id = ? AND (?2 IS NULL OR user = (SELECT number FROM user WHERE id = ?2))
          """, arguments: [id, user])
      guard let row else { return false }
      try db.execute(sql: "DELETE FROM api_key WHERE id = ?", arguments: [id])
      try ActivityEntry(
        at: now, kind: .keyDeleted, user: row["user"], device: row["device"], detail: row["name"]
      ).insert(db)
      return true
    }
  }

  private static func apiKey(_ id: Identifier, of user: Identifier, _ db: Database) throws -> APIKeyRow? {
    let sql = """
      SELECT \(APIKeyRow.columns) FROM api_key
      WHERE id = ? AND user = (SELECT number FROM user WHERE id = ? AND deleted_at IS NULL)
      """
    return try Row.fetchOne(db, sql: sql, arguments: [id, user]).map { try APIKeyRow($0, user: user) }
  }
}
