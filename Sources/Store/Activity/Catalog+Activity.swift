import GRDB
import Ground

/// Which of the things that happened are asked for.
package struct ActivityFilter: Sendable {
  /// Whose; nil for everybody's.
  package var user: Identifier?
  package var device: Identifier?
  /// Empty for all.
  package var kinds: [String] = []
  package var from: Instant?
  package var to: Instant?
  /// Only what was taken long before it came.
  package var olderCaptures = false

  /// Milliseconds between capture and arrival from which a photo counts as older: 7 days.
  package static let older: Int64 = 7 * 86_400_000

  package init() {}
}

/// How often what happened since some moment.
package struct ActivityCounts: Sendable, Equatable {
  package var stored: Int64
  package var bytes: Int64
  package var duplicates: Int64
  package var rejected: Int64
  package var broken: Int64
  package var deleted: Int64
  package var olderCaptures: Int64
}

extension Catalog {
  /// The newest first.
  /// - Parameter before: an `ActivityRow.number`; nil starts at the newest.
  package func activity(_ filter: ActivityFilter, before: Int64?, limit: Int) async throws -> [ActivityRow] {
    try await read { db in try ActivitySearch(filter, before: before, limit: limit).rows(db) }
  }

  /// What came behind `number`, the oldest first.
  package func activity(_ filter: ActivityFilter, after number: Int64, limit: Int) async throws -> [ActivityRow] {
    try await read { db in try ActivitySearch(filter, after: number, limit: limit).rows(db) }
  }

  /// The first photo that arrived since `from` and was taken since `taken`.
  package func firstArrival(
    from: Instant, takenSince taken: Instant, user: Identifier?, device: Identifier?
  ) async throws -> ActivityRow? {
    try await read { db in
      let devices = try device.map { try ActivitySearch.parts(of: $0, db) } ?? []
      guard device == nil || !devices.isEmpty else { return nil }
      let (sql, arguments) = try ActivitySearch.firstArrival(from, taken, user, devices)
      guard let number = try Int64.fetchOne(db, sql: sql, arguments: arguments) else { return nil }
      return try ActivitySearch.rows(db, [number]).first
    }
  }

  /// The first and the last number that there is; 0 and what comes next where there is none.
  package func activityRange() async throws -> (first: Int64, last: Int64) {
    try await read { db in
      let row = try Row.fetchOne(
        db,
        sql: """
          SELECT coalesce((SELECT min(number) FROM activity), 0) AS first,
            coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'activity'), 0) AS last
          """)
      return (row?["first"] ?? 0, row?["last"] ?? 0)
    }
  }

  /// By when it was: what happened today is little beside what one person ever did.
  static let countsSQL = """
    SELECT coalesce(sum(kind = 'stored'), 0), coalesce(sum(CASE WHEN kind = 'stored' THEN bytes END), 0),
      coalesce(sum(CASE WHEN kind = 'duplicate' THEN coalesce(count, 1) END), 0),
      coalesce(sum(CASE WHEN kind = 'rejected' THEN coalesce(count, 1) END), 0),
      coalesce(sum(CASE WHEN kind = 'broken' THEN coalesce(count, 1) END), 0),
      coalesce(sum(CASE WHEN kind = 'deleted' THEN coalesce(count, 1) END), 0),
      coalesce(sum(kind = 'stored' AND captured_at < at - \(ActivityFilter.older)), 0)
    FROM activity INDEXED BY activity_at
    WHERE at >= ?1 AND (?2 IS NULL OR user = (SELECT number FROM user WHERE id = ?2))
    """

  /// - Parameter user: whose; nil for everybody's.
  package func activityCounts(user: Identifier?, since: Instant) async throws -> ActivityCounts {
    try await read { db in
      let row = try Row.fetchOne(db, sql: Catalog.countsSQL, arguments: [since, user])
      guard let row else { throw StoreError.broken("a count without a row") }
      return ActivityCounts(
        stored: row[0], bytes: row[1], duplicates: row[2], rejected: row[3], broken: row[4], deleted: row[5],
        olderCaptures: row[6])
    }
  }

  /// Writes entries and what they add to their devices, in one transaction.
  package func record(_ entries: [ActivityEntry]) async throws {
    try await write { db in
      for entry in entries {
        try entry.insert(db)
        guard let device = entry.device, let tally = entry.tally else { continue }
        try DeviceChanges.count(db, device: device, tally, now: entry.at)
        if entry.kind == .duplicate, let asset = entry.asset {
          try Catalog.noteHolder(db, asset: asset, device: device, now: entry.at)
        }
      }
    }
  }

  /// Rows that one transaction removes: some ten milliseconds of the writer's time.
  private static let pruneChunk: Int64 = 2000

  /// Removes what is older than `limit`, and the oldest where there is more than `rows`: transfers may be nine tenths of
  /// it, so that a large import does not push out who logged in, and failed logins, which strangers can make, a
  /// twentieth. Some thousand at once.
  /// - Returns: whether there may be more.
  package func pruneActivity(before limit: Instant, rows: Int64) async throws -> Bool {
    try await write { db in
      var removed = 0
      func prune(_ selection: String, excess: Int64, _ arguments: StatementArguments = []) throws {
        guard excess > 0 else { return }
        let count = min(excess, Catalog.pruneChunk)
        try db.execute(
          sql: "DELETE FROM activity WHERE number IN (SELECT number FROM activity \(selection) LIMIT \(count))",
          arguments: arguments)
        removed = max(removed, db.changesCount)
      }
      try prune("WHERE at < ? ORDER BY at", excess: .max, [limit])
      for (kinds, share) in [
        ("kind IN ('stored', 'duplicate', 'rejected', 'broken')", rows - rows / 10),
        ("kind NOT IN ('stored', 'duplicate', 'rejected', 'broken', 'login_failed')", rows / 20),
        ("kind = 'login_failed'", rows / 20),
      ] {
        let count = try Int64.fetchOne(db, sql: "SELECT count(*) FROM activity WHERE \(kinds)") ?? 0
        try prune("WHERE \(kinds) ORDER BY number", excess: count - share)
      }
      return removed == Int(Catalog.pruneChunk)
    }
  }
}

extension ActivityEntry {
  /// What a transfer that stored nothing adds to its device.
  var tally: DeviceChanges.Tally? {
    let many = count ?? 1
    return switch kind {
    case .duplicate: DeviceChanges.Tally(duplicates: many)
    case .rejected: DeviceChanges.Tally(rejected: many)
    case .broken: DeviceChanges.Tally(broken: many)
    default: nil
    }
  }
}
