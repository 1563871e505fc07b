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
    try await read { db in
      let (condition, arguments) = Catalog.condition(filter, [("activity.number < ?", before)])
      return try Row.fetchAll(
        db, sql: "\(ActivityRow.selection) WHERE \(condition) ORDER BY activity.number DESC LIMIT \(limit)",
        arguments: arguments
      ).map { ActivityRow($0) }
    }
  }

  /// What came behind `number`, the oldest first.
  package func activity(_ filter: ActivityFilter, after number: Int64, limit: Int) async throws -> [ActivityRow] {
    try await read { db in
      let (condition, arguments) = Catalog.condition(filter, [("activity.number > ?", number)])
      return try Row.fetchAll(
        db, sql: "\(ActivityRow.selection) WHERE \(condition) ORDER BY activity.number LIMIT \(limit)",
        arguments: arguments
      ).map { ActivityRow($0) }
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

  /// - Parameter user: whose; nil for everybody's.
  package func activityCounts(user: Identifier?, since: Instant) async throws -> ActivityCounts {
    try await read { db in
      var filter = ActivityFilter()
      (filter.user, filter.from) = (user, since)
      let (condition, arguments) = Catalog.condition(filter, [])
      let row = try Row.fetchOne(
        db,
        sql: """
          SELECT coalesce(sum(kind = 'stored'), 0), coalesce(sum(CASE WHEN kind = 'stored' THEN bytes END), 0),
            coalesce(sum(CASE WHEN kind = 'duplicate' THEN coalesce(count, 1) END), 0),
            coalesce(sum(CASE WHEN kind = 'rejected' THEN coalesce(count, 1) END), 0),
            coalesce(sum(CASE WHEN kind = 'broken' THEN coalesce(count, 1) END), 0),
            coalesce(sum(CASE WHEN kind = 'deleted' THEN coalesce(count, 1) END), 0),
            coalesce(sum(kind = 'stored' AND captured_at < at - \(ActivityFilter.older)), 0)
          FROM activity WHERE \(condition)
          """, arguments: arguments)
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

  private static func condition(
    _ filter: ActivityFilter, _ more: [(String, Int64?)]
  ) -> (String, StatementArguments) {
    var terms: [String] = []
    var arguments: [(any DatabaseValueConvertible)?] = []
    if let user = filter.user {
      terms.append("activity.user = (SELECT number FROM user WHERE id = ?)")
      arguments.append(user)
    }
    if let device = filter.device {
      terms.append(
        """
        activity.device IN (SELECT number FROM device WHERE id = ?
          UNION ALL SELECT part.number FROM device AS part JOIN device AS whole ON part.merged_into = whole.number
            WHERE whole.id = ?)
        """)
      arguments += [device, device]
    }
    if !filter.kinds.isEmpty {
      terms.append("activity.kind IN (\(filter.kinds.map { _ in "?" }.joined(separator: ", ")))")
      arguments += filter.kinds
    }
    if let from = filter.from {
      terms.append("activity.at >= ?")
      arguments.append(from)
    }
    if let to = filter.to {
      terms.append("activity.at < ?")
      arguments.append(to)
    }
    if filter.olderCaptures {
      terms.append("activity.kind = 'stored' AND activity.captured_at < activity.at - \(ActivityFilter.older)")
    }
    for case (let term, let value?) in more {
      terms.append(term)
      arguments.append(value)
    }
    return (terms.isEmpty ? "1" : terms.joined(separator: " AND "), StatementArguments(arguments))
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
