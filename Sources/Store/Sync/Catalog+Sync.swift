import GRDB
import Ground

extension Catalog {
  /// The catalog as it is now, for one stream.
  package func syncSnapshot(for user: Identifier) async throws -> SyncSnapshot {
    do {
      // Opening a connection reads the schema: beside the readers, which must not wait for it.
      let snapshot = try pool.makeSnapshot()
      return try SyncSnapshot(snapshot, user: user)
    } catch { throw StoreError.wrap(error) }
  }

  /// What the stream would tell of one asset; nil where it is gone, or lies in the trash, or is not to be seen beside
  /// others: the motion part of a live photo, and what is locked away.
  package func readyAsset(_ id: Identifier) async throws -> (asset: SyncAsset, facts: SyncFacts)? {
    try await read { db in
      // Its owner hears of it.
      let asset = SyncAsset.columns(reader: "asset.owner")
      let columns = asset.split(separator: ",").count
      let row = try Row.fetchOne(
        db,
        sql: """
          SELECT \(asset), \(SyncFacts.columns) FROM asset \(SyncAsset.joins)
          WHERE asset.id = ? AND asset.visibility IN ('timeline', 'archive') AND asset.deleted_at IS NULL
            AND facts.asset IS NOT NULL
          """, arguments: [id])
      return row.map { (SyncAsset($0, at: 0), SyncFacts($0, at: columns)) }
    }
  }

  /// The acknowledgements of one login, by type; and whether its phone must start again.
  package func syncState(session: Identifier) async throws -> (acks: [String: String], needsReset: Bool) {
    try await read { db in
      let acks = try Row.fetchAll(
        db,
        sql: """
          SELECT type, ack FROM sync_checkpoint JOIN session ON session.number = sync_checkpoint.session
          WHERE session.id = ? ORDER BY type
          """, arguments: [session])
      let needsReset = try Bool.fetchOne(
        db, sql: "SELECT needs_sync_reset FROM session WHERE id = ?", arguments: [session])
      return (acks.reduce(into: [:]) { $0[$1[0]] = $1[1] }, needsReset ?? false)
    }
  }

  /// Keeps acknowledgements, the last of each type.
  package func setAcks(_ acks: [(type: String, ack: String)], session: Identifier) async throws {
    try await write { db in
      let statement = try db.cachedStatement(
        sql: """
          INSERT INTO sync_checkpoint (session, type, ack) SELECT number, ?, ? FROM session WHERE id = ?
          ON CONFLICT (session, type) DO UPDATE SET ack = excluded.ack
          """)
      for (type, ack) in acks { try statement.execute(arguments: [type, ack, session]) }
    }
  }

  /// Forgets acknowledgements.
  /// - Parameter types: nil forgets all.
  package func deleteAcks(_ types: [String]?, session: Identifier) async throws {
    try await write { db in
      let number = "(SELECT number FROM session WHERE id = ?)"
      guard let types else {
        return try db.execute(sql: "DELETE FROM sync_checkpoint WHERE session = \(number)", arguments: [session])
      }
      for type in types {
        try db.execute(
          sql: "DELETE FROM sync_checkpoint WHERE session = \(number) AND type = ?", arguments: [session, type])
      }
    }
  }

  /// Marks logins, one person's or all, whose phones must start again; how many.
  package func resetSync(of user: Identifier?) async throws -> Int {
    try await write { db in
      let whose = user == nil ? "" : "WHERE user = (SELECT number FROM user WHERE id = ?)"
      try db.execute(
        sql: "UPDATE session SET needs_sync_reset = 1 \(whose)", arguments: user.map { [$0] } ?? [])
      return db.changesCount
    }
  }

  /// The phone has forgotten everything: so does the server, of its progress.
  package func finishSyncReset(session: Identifier) async throws {
    try await write { db in
      try db.execute(
        sql: "DELETE FROM sync_checkpoint WHERE session = (SELECT number FROM session WHERE id = ?)",
        arguments: [session])
      try db.execute(sql: "UPDATE session SET needs_sync_reset = 0 WHERE id = ?", arguments: [session])
    }
  }
}
