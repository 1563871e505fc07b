import FoundationEssentials
import GRDB
import Ground

extension Catalog {
  /// Records a login. The user's longest unused sessions make room where there would be more than `limit`.
  /// - Parameter passwordHash: the hash that was checked; nothing happens where the password was changed since.
  /// The login's device is found or made in the same transaction.
  /// - Returns: whether it was recorded.
  package func insertSession(
    _ row: SessionRow, tokenHash: [UInt8], passwordHash: String, limit: Int,
    facts: DeviceFacts = DeviceFacts(kind: "program"),
    detail: String? = nil
  ) async throws -> Bool {
    try await write { db in
      try db.execute(
        sql: """
          INSERT INTO session (id, user, token_hash, device_type, device_system, app_version, created_at, updated_at)
          SELECT ?, number, ?, ?, ?, ?, ?, ? FROM user WHERE id = ? AND password_hash = ? AND deleted_at IS NULL
          """,
        arguments: [
          row.id, Data(tokenHash), row.deviceType, row.deviceSystem, row.appVersion, row.createdAt, row.updatedAt,
          row.user, passwordHash,
        ])
      guard db.changesCount == 1 else { return false }
      let session = db.lastInsertedRowID
      let user = try Int64.fetchOne(db, sql: "SELECT user FROM session WHERE number = ?", arguments: [session])
      guard let user else { throw StoreError.broken("a login is gone as soon as it is stored") }
      let device = try DeviceChanges.admit(db, user: user, facts, label: nil, now: row.createdAt)
      try db.execute(sql: "UPDATE session SET device = ? WHERE number = ?", arguments: [device, session])
      try ActivityEntry(at: row.createdAt, kind: .login, user: user, device: device, detail: detail).insert(db)
      try db.execute(
        sql: """
          DELETE FROM session WHERE number IN (
            SELECT number FROM session WHERE user = (SELECT number FROM user WHERE id = ?)
            ORDER BY updated_at DESC, number DESC LIMIT -1 OFFSET ?)
          """, arguments: [row.user, limit])
      return true
    }
  }

  /// The login whose token has this SHA-256, its user, and the hash as stored.
  package func session(
    tokenHash: [UInt8]
  ) async throws -> (session: SessionRow, user: UserRow, tokenHash: [UInt8])? {
    try await findByKey { db in
      let sql = """
        SELECT \(SessionRow.columns), \(UserRow.columns), session.token_hash
        FROM session JOIN user ON user.number = session.user
        WHERE session.token_hash = ? AND user.deleted_at IS NULL
        """
      guard let row = try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [Data(tokenHash)]) else { return nil }
      let user = UserRow(row, at: SessionRow.columnCount)
      return (SessionRow(row, user: user.id), user, [UInt8](row["token_hash"] as Data))
    }
  }

  /// Marks logins as used at `now`.
  package func touchSessions(_ ids: Set<Identifier>, now: Instant) async throws {
    try await write { db in
      let statement = try db.cachedStatement(sql: "UPDATE session SET updated_at = ? WHERE id = ?")
      for id in ids { try statement.execute(arguments: [now, id]) }
    }
  }

  /// Whether a login of this user still holds.
  package func hasSession(_ id: Identifier, of user: Identifier) async throws -> Bool {
    try await read { db in
      let sql = """
        SELECT EXISTS (SELECT 1 FROM session JOIN user ON user.number = session.user
          WHERE session.id = ? AND user.id = ? AND user.deleted_at IS NULL)
        """
      return try Bool.fetchOne(db.cachedStatement(sql: sql), arguments: [id, user]) ?? false
    }
  }

  /// A person's logins, the last used first.
  package func sessions(of user: Identifier) async throws -> [SessionRow] {
    try await read { db in
      let sql = """
        SELECT \(SessionRow.columns) FROM session WHERE user = (SELECT number FROM user WHERE id = ?)
        ORDER BY updated_at DESC, number DESC
        """
      return try Row.fetchAll(db, sql: sql, arguments: [user]).map { SessionRow($0, user: user) }
    }
  }

  /// - Returns: whether the person had such a login.
  package func deleteSession(_ id: Identifier, of user: Identifier, now: Instant) async throws -> Bool {
    try await write { db in
      let row = try Row.fetchOne(
        db,
        sql: "SELECT user, device FROM session WHERE id = ? AND user = (SELECT number FROM user WHERE id = ?)",
        arguments: [id, user])
      guard let row else { return false }
      try db.execute(sql: "DELETE FROM session WHERE id = ?", arguments: [id])
      try ActivityEntry(at: now, kind: .logout, user: row["user"], device: row["device"]).insert(db)
      return true
    }
  }

  /// Ends every login of a person but one.
  package func deleteSessions(of user: Identifier, but spared: Identifier?) async throws {
    try await write { db in
      try Catalog.end(spared.map { .allBut($0) } ?? .all, of: user, db)
    }
  }

  /// The person ends it from the device itself.
  package func deleteSession(_ id: Identifier, now: Instant) async throws {
    try await write { db in
      let sql = "SELECT user, device FROM session WHERE id = ?"
      guard let row = try Row.fetchOne(db, sql: sql, arguments: [id]) else { return }
      try db.execute(sql: "DELETE FROM session WHERE id = ?", arguments: [id])
      try ActivityEntry(at: now, kind: .logout, user: row["user"], device: row["device"]).insert(db)
    }
  }
}
