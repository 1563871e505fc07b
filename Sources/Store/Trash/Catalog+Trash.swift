import GRDB
import Ground

extension Catalog {
  /// Assets that are trashed, restored or deleted in one transaction: some tens of milliseconds of the writer's time.
  package static let trashChunk = 500

  /// Of each; nil where one is not the owner's.
  package func named(_ ids: [Identifier], owner: Identifier) async throws -> [NamedAsset]? {
    try await read { db in
      let find = try db.cachedStatement(
        sql: """
          SELECT \(NamedAsset.columns) FROM asset JOIN user ON user.number = asset.owner
          WHERE asset.id = ? AND user.id = ?
          """)
      var assets: [NamedAsset] = []
      assets.reserveCapacity(ids.count)
      for id in ids {
        guard let row = try Row.fetchOne(find, arguments: [id, owner]) else { return nil }
        assets.append(NamedAsset(row))
      }
      return assets
    }
  }

  /// Puts assets into the trash, all of them in one transaction. Those that lie there keep their date, those that are gone
  /// by now stay gone.
  package func trash(_ assets: [NamedAsset], by: TrashedBy? = nil, now: Instant) async throws {
    try await write { db in
      let update = try db.cachedStatement(
        sql: """
          UPDATE asset SET deleted_at = ?4, updated_at = ?4 WHERE \(NamedAsset.condition) AND deleted_at IS NULL
          """)
      var tally = TrashTally()
      for asset in assets {
        try update.execute(arguments: asset.arguments + [now])
        if db.changesCount == 1, by != nil { try tally.add(asset.number, db) }
      }
      try tally.record(.trashed, db, by: by, now: now)
    }
  }

  /// Takes assets out of the trash, all of them in one transaction.
  /// - Parameter before: leaves there what came later; nil leaves nothing.
  /// - Returns: how many lay there.
  package func restore(
    _ assets: [NamedAsset], before: Instant? = nil, by: TrashedBy? = nil, now: Instant
  ) async throws -> Int {
    try await write { db in
      let update = try db.cachedStatement(
        sql: """
          UPDATE asset SET deleted_at = NULL, updated_at = ?4
          WHERE \(NamedAsset.condition) AND deleted_at IS NOT NULL AND (?5 IS NULL OR deleted_at <= ?5)
          """)
      var (count, tally) = (0, TrashTally())
      for asset in assets {
        let number = asset.number
        try update.execute(arguments: asset.arguments + [now, before])
        count += db.changesCount
        if db.changesCount == 1, by != nil { try tally.add(number, db) }
      }
      try tally.record(.restored, db, by: by, now: now)
      return count
    }
  }

  /// Some of what lies in the trash since `before` or longer.
  /// - Parameters:
  ///   - owner: whose; nil for everybody's.
  ///   - limit: `trashChunk` at the most.
  package func trashed(
    owner: Identifier?, before: Instant, limit: Int = Catalog.trashChunk
  ) async throws -> [NamedAsset] {
    try await read { db in
      let whose = owner == nil ? "" : "owner = (SELECT number FROM user WHERE id = :owner) AND "
      var arguments: [String: any DatabaseValueConvertible] = ["before": before, "limit": limit]
      if let owner { arguments["owner"] = owner }
      return try Row.fetchAll(
        db,
        sql: """
          SELECT \(NamedAsset.columns) FROM asset
          WHERE \(whose)deleted_at IS NOT NULL AND deleted_at <= :before LIMIT :limit
          """, arguments: StatementArguments(arguments)
      ).map(NamedAsset.init)
    }
  }

  /// Deletes what still lies in the trash, for good, and a motion part with the last still that uses it: rows at once, in
  /// one transaction that announces their files as on their way out; `Remover` carries that out. What was restored
  /// meanwhile stays.
  /// - Parameter before: spares what came into the trash later; nil spares nothing.
  /// - Returns: the ids that are gone.
  package func deleteTrashed(
    _ assets: [NamedAsset], before: Instant? = nil, by: TrashedBy? = nil, now: Instant
  ) async throws -> [Identifier] {
    let gone = try await write { db in
      let find = try db.cachedStatement(
        sql: """
          SELECT EXISTS (SELECT 1 FROM asset
            WHERE \(NamedAsset.condition) AND deleted_at IS NOT NULL AND (?4 IS NULL OR deleted_at <= ?4))
          """)
      var (gone, tally) = ([Identifier](), TrashTally())
      for asset in assets where try Bool.fetchOne(find, arguments: asset.arguments + [before]) == true {
        try tally.add(asset.number, db)
        gone += try Catalog.deleteWithMotion(asset.number, now: now, db)
      }
      try tally.record(.deleted, db, by: by, now: now)
      return gone
    }
    if !gone.isEmpty { CrashPoint.removalAnnounced.pass() }
    return gone
  }

  /// Deletes some of what a deleted person has, for good, as `deleteTrashed` does, whatever it is. With the first of it the
  /// person cannot be restored any more.
  /// - Parameter limit: the moment at which they must have been deleted, or before; nothing happens otherwise.
  /// - Returns: the ids that are gone; empty where nothing is left, or they were restored.
  package func deleteSome(
    ofDeleted owner: Identifier, before limit: Instant, count: Int = Catalog.trashChunk, now: Instant
  ) async throws -> [Identifier] {
    let gone = try await write { db in
      let user = try Int64.fetchOne(
        db, sql: "SELECT number FROM user WHERE id = ? AND deleted_at IS NOT NULL AND deleted_at <= ?",
        arguments: [owner, limit])
      guard let user else { return [Identifier]() }
      let numbers = try Int64.fetchAll(
        db, sql: "SELECT number FROM asset WHERE owner = ? LIMIT ?", arguments: [user, count])
      if !numbers.isEmpty {
        try db.execute(sql: "UPDATE user SET is_removing = 1 WHERE number = ? AND NOT is_removing", arguments: [user])
      }
      var gone: [Identifier] = []
      for number in numbers { gone += try Catalog.deleteWithMotion(number, now: now, db) }
      return gone
    }
    if !gone.isEmpty { CrashPoint.removalAnnounced.pass() }
    return gone
  }

  /// - Returns: the ids that are gone.
  private static func deleteWithMotion(_ number: Int64, now: Instant, _ db: Database) throws -> [Identifier] {
    guard let (id, motion) = try delete(number, now: now, db) else { return [] }
    guard let motion, try !isMotion(motion, db) else { return [id] }
    return [id] + (try deleteWithMotion(motion, now: now, db))
  }

  /// - Returns: nil where there is no such asset (any more); else its id and that of its motion part.
  private static func delete(
    _ number: Int64, now: Instant, _ db: Database
  ) throws -> (id: Identifier, motion: Int64?)? {
    let find = try db.cachedStatement(
      sql: """
        SELECT id, owner, sha1, original_key, sidecar_key, size + sidecar_size, live_photo_video, place FROM asset
        WHERE number = ?
        """)
    guard let asset = try Row.fetchOne(find, arguments: [number]) else { return nil }
    let (id, key, day): (Identifier, String, String) = (asset[0], asset[3], RemovalRow.day(now))
    try db.cachedStatement(
      sql: """
        INSERT INTO removal (id, sha1, original_key, place, sidecar_key, day, target, removed_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      id, asset[2] as SHA1Digest, key, asset[7] as Int64, asset[4] as String?, day,
      try RemovalRow.freeTarget(day: day, key: key, db), now,
    ])
    // A still whose motion part goes becomes a plain photo.
    try db.cachedStatement(
      sql: "UPDATE asset SET live_photo_video = NULL, updated_at = ? WHERE live_photo_video = ?"
    ).execute(arguments: [now, number])
    try db.cachedStatement(sql: "DELETE FROM asset WHERE number = ?").execute(arguments: [number])
    try db.cachedStatement(sql: "UPDATE user SET used = used - ? WHERE number = ?")
      .execute(arguments: [asset[5] as Int64, asset[1] as Int64])
    return (id, asset[6])
  }

  private static func isMotion(_ number: Int64, _ db: Database) throws -> Bool {
    try Bool.fetchOne(
      db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM asset WHERE live_photo_video = ?)"), arguments: [number])
      ?? false
  }
}

/// An asset that was looked up, for a later transaction, which must find the same one: its number and its id, of the same
/// person.
package struct NamedAsset: Sendable, Equatable {
  package let number: Int64
  package let id: Identifier
  /// `user.number`.
  let owner: Int64

  static let columns = "asset.number, asset.id, asset.owner"
  /// On `asset`; ?1 to ?3 are `arguments`.
  static let condition = "number = ?1 AND id = ?2 AND owner = ?3"

  init(_ row: Row) { (number, id, owner) = (row[0], row[1], row[2]) }

  var arguments: StatementArguments { [number, id, owner] }
}
