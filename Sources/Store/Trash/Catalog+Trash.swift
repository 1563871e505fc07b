import GRDB
import Ground

extension Catalog {
  /// Assets that are trashed, restored or deleted in one transaction: some ten milliseconds of the writer's time.
  package static let trashChunk = 500

  /// `asset.number` of each; nil where one is not the owner's.
  package func numbers(of ids: [Identifier], owner: Identifier) async throws -> [Int64]? {
    try await read { db in
      let find = try db.cachedStatement(
        sql: "SELECT asset.number FROM asset JOIN user ON user.number = asset.owner WHERE asset.id = ? AND user.id = ?")
      var numbers: [Int64] = []
      numbers.reserveCapacity(ids.count)
      for id in ids {
        guard let number = try Int64.fetchOne(find, arguments: [id, owner]) else { return nil }
        numbers.append(number)
      }
      return numbers
    }
  }

  /// Puts assets into the trash, all of them in one transaction. Those that lie there keep their date, those that are gone
  /// by now stay gone.
  package func trash(_ numbers: [Int64], now: Instant) async throws {
    try await write { db in
      let update = try db.cachedStatement(
        sql: "UPDATE asset SET deleted_at = ?2, updated_at = ?2 WHERE number = ?1 AND deleted_at IS NULL")
      for number in numbers { try update.execute(arguments: [number, now]) }
    }
  }

  /// Takes assets out of the trash, all of them in one transaction.
  /// - Returns: how many lay there.
  package func restore(_ numbers: [Int64], now: Instant) async throws -> Int {
    try await write { db in
      let update = try db.cachedStatement(
        sql: "UPDATE asset SET deleted_at = NULL, updated_at = ?2 WHERE number = ?1 AND deleted_at IS NOT NULL")
      var count = 0
      for number in numbers {
        try update.execute(arguments: [number, now])
        count += db.changesCount
      }
      return count
    }
  }

  /// Some of what lies in the trash since `before` or longer.
  /// - Parameters:
  ///   - owner: whose; nil for everybody's.
  ///   - limit: `trashChunk` at the most.
  package func trashed(
    owner: Identifier?, before: Instant, limit: Int = Catalog.trashChunk
  ) async throws -> [Int64] {
    try await read { db in
      let whose = owner == nil ? "" : "owner = (SELECT number FROM user WHERE id = :owner) AND "
      var arguments: [String: any DatabaseValueConvertible] = ["before": before, "limit": limit]
      if let owner { arguments["owner"] = owner }
      return try Int64.fetchAll(
        db, sql: "SELECT number FROM asset WHERE \(whose)deleted_at IS NOT NULL AND deleted_at <= :before LIMIT :limit",
        arguments: StatementArguments(arguments))
    }
  }

  /// Some of a person's assets, whatever they are.
  package func anyAssets(owner: Identifier, limit: Int = Catalog.trashChunk) async throws -> [Int64] {
    try await read { db in
      try Int64.fetchAll(
        db, sql: "SELECT number FROM asset WHERE owner = (SELECT number FROM user WHERE id = ?) LIMIT ?",
        arguments: [owner, limit])
    }
  }

  /// Deletes assets for good, and a motion part with the last still that uses it: rows at once, in one transaction that
  /// announces their files as on their way out; `Remover` carries that out.
  /// - Returns: the ids that are gone.
  package func delete(_ numbers: [Int64], now: Instant) async throws -> [Identifier] {
    let gone = try await write { db in
      var gone: [Identifier] = []
      var queue = numbers[...]
      while let number = queue.popFirst() {
        guard let (id, motion) = try Catalog.delete(number, now: now, db) else { continue }
        gone.append(id)
        if let motion, try !Catalog.isMotion(motion, db) { queue.append(motion) }
      }
      return gone
    }
    if !gone.isEmpty { CrashPoint.removalAnnounced.pass() }
    return gone
  }

  /// - Returns: nil where there is no such asset (any more); else its id and that of its motion part.
  private static func delete(
    _ number: Int64, now: Instant, _ db: Database
  ) throws -> (id: Identifier, motion: Int64?)? {
    let find = try db.cachedStatement(
      sql: """
        SELECT id, owner, sha1, original_key, sidecar_key, size + sidecar_size, live_photo_video FROM asset WHERE number = ?
        """)
    guard let asset = try Row.fetchOne(find, arguments: [number]) else { return nil }
    let (id, key, day): (Identifier, String, String) = (asset[0], asset[3], RemovalRow.day(now))
    try db.cachedStatement(
      sql: """
        INSERT INTO removal (id, sha1, original_key, sidecar_key, day, target, removed_at) VALUES (?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      id, asset[2] as SHA1Digest, key, asset[4] as String?, day, try RemovalRow.freeTarget(day: day, key: key, db), now,
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
