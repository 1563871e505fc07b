import GRDB
import Ground

/// What to count. Nil filters do not filter.
package struct AssetFilter: Sendable {
  package var visibilities: [String]
  package var isFavorite: Bool?
  package var isTrashed: Bool?
  /// Leaves out what a still points to as its motion part.
  package var withoutMotionParts: Bool

  package init(visibilities: [String], isFavorite: Bool?, isTrashed: Bool?, withoutMotionParts: Bool) {
    (self.visibilities, self.isFavorite) = (visibilities, isFavorite)
    (self.isTrashed, self.withoutMotionParts) = (isTrashed, withoutMotionParts)
  }
}

extension Catalog {
  func hasUsers() async throws -> Bool {
    try await read { db in try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM user)") == true }
  }

  /// - Returns: nil where there is no such user.
  package func account(_ user: Identifier) async throws -> Account? {
    try await findByKey { db in
      try Row.fetchOne(
        db.cachedStatement(sql: "SELECT number, folder, quota, used FROM user WHERE id = ? AND deleted_at IS NULL"),
        arguments: [user]
      ).map {
        Account(id: user, owner: Owner(number: $0[0], folder: $0[1]), quota: $0[2], used: $0[3])
      }
    }
  }

  /// - Returns: nil where it is nobody's or somebody else's.
  package func asset(_ id: Identifier, owner: Identifier) async throws -> AssetRow? {
    try await read { db in
      try Row.fetchOne(
        db.cachedStatement(sql: AssetRow.selection + " WHERE asset.id = ? AND owner.id = ?"), arguments: [id, owner]
      ).map(AssetRow.init)
    }
  }

  /// The owner's asset with these bytes, in the trash too.
  package func original(with digest: SHA1Digest, owner: Identifier) async throws -> StoredOriginal? {
    try await read { db in
      guard
        let number = try Int64.fetchOne(
          db.cachedStatement(sql: "SELECT number FROM user WHERE id = ?"), arguments: [owner])
      else { return nil }
      return try StoredOriginal.find(db, digest, owner: number)
    }
  }

  /// Whether a still may point to `id`: decides early what the recording transaction decides again.
  /// - Throws: `FinishError.liveVideoNotFound`, `.liveVideoIsNoVideo`.
  package func checkLiveVideo(_ id: Identifier, owner: Owner) async throws {
    _ = try await read { db in try FinishError.liveVideo(db, id, owner: owner.number) }
  }

  /// Counts by kind, `IMAGE` and `VIDEO`.
  package func counts(owner: Identifier, _ filter: AssetFilter) async throws -> [String: Int] {
    var conditions = [
      "owner = (SELECT number FROM user WHERE id = ?)",
      "visibility IN (\(filter.visibilities.map { _ in "?" }.joined(separator: ", ")))",
    ]
    var values: [(any DatabaseValueConvertible)?] = [owner] + filter.visibilities
    if let isFavorite = filter.isFavorite {
      conditions.append("is_favorite = ?")
      values.append(isFavorite)
    }
    if let isTrashed = filter.isTrashed { conditions.append("deleted_at IS \(isTrashed ? "NOT " : "")NULL") }
    if filter.withoutMotionParts {
      conditions.append("NOT EXISTS (SELECT 1 FROM asset AS still WHERE still.live_photo_video = asset.number)")
    }
    let sql = "SELECT kind, count(*) AS count FROM asset WHERE \(conditions.joined(separator: " AND ")) GROUP BY kind"
    let arguments = StatementArguments(values)
    return try await read { db in
      try Row.fetchAll(db, sql: sql, arguments: arguments).reduce(into: [:]) { $0[$1["kind"]] = $1["count"] }
    }
  }

  /// By the months of the timeline, whose counts are kept by triggers: a look at them costs a row for each month.
  static let visibleSQL = """
    SELECT coalesce(sum(count), 0) FROM month WHERE owner = (SELECT number FROM user WHERE id = ?) AND basis = 'taken'
      AND visibility IN ('archive', 'timeline') AND is_trashed = 0
    """

  /// How many photos and videos a person sees, in the timeline and in the archive.
  package func visibleAssets(of user: Identifier) async throws -> Int {
    try await read { db in
      try Int.fetchOne(db.cachedStatement(sql: Catalog.visibleSQL), arguments: [user]) ?? 0
    }
  }

  /// How many assets of each kind, `IMAGE` and `VIDEO`, and their bytes together.
  package func usage(owner: Identifier) async throws -> [String: (count: Int, bytes: Int64)] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT kind, count(*) AS count, sum(size) AS bytes FROM asset
          WHERE owner = (SELECT number FROM user WHERE id = ?) GROUP BY kind
          """, arguments: [owner]
      ).reduce(into: [:]) { $0[$1["kind"]] = ($1["count"], $1["bytes"]) }
    }
  }

  /// How many of these belong to whom; those that are gone belong to nobody.
  package func owners(of ids: Set<Identifier>) async throws -> [Identifier: Int] {
    try await read { db in
      let find = try db.cachedStatement(
        sql: "SELECT user.id FROM asset JOIN user ON user.number = asset.owner WHERE asset.id = ?")
      return try ids.reduce(into: [:]) { counts, id in
        if let owner = try Identifier.fetchOne(find, arguments: [id]) { counts[owner, default: 0] += 1 }
      }
    }
  }
}
