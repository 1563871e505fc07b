import FoundationEssentials
import GRDB
import Ground

/// One page of what happened. Each statement names its index: all of them hold the numbers in order, so that SQLite stops
/// when the page is full, where its own choice would read and sort everything that one device ever did.
struct ActivitySearch {
  private enum Order {
    case newestFirst(before: Int64?)
    case oldestFirst(after: Int64)
  }
  private let filter: ActivityFilter
  private let order: Order
  private let limit: Int

  init(_ filter: ActivityFilter, before: Int64?, limit: Int) {
    (self.filter, order, self.limit) = (filter, .newestFirst(before: before), limit)
  }

  init(_ filter: ActivityFilter, after: Int64, limit: Int) {
    (self.filter, order, self.limit) = (filter, .oldestFirst(after: after), limit)
  }

  func rows(_ db: Database) throws -> [ActivityRow] {
    var numbers: [Int64] = []
    for (sql, arguments) in try statements(db) { numbers += try Int64.fetchAll(db, sql: sql, arguments: arguments) }
    switch order {
    case .newestFirst:
      return try ActivitySearch.rows(db, numbers.sorted(by: >).prefix(limit)).reversed()
    case .oldestFirst: return try ActivitySearch.rows(db, numbers.sorted().prefix(limit))
    }
  }

  /// The oldest first.
  static func rows(_ db: Database, _ numbers: some Collection<Int64>) throws -> [ActivityRow] {
    guard !numbers.isEmpty else { return [] }
    let list = String(decoding: try JSONEncoder().encode(Array(numbers)), as: UTF8.self)
    return try Row.fetchAll(
      db.cachedStatement(
        sql: """
          \(ActivityRow.selection) WHERE activity.number IN (SELECT value FROM json_each(?)) ORDER BY activity.number
          """), arguments: [list]
    ).map { ActivityRow($0) }
  }

  /// A device's number and those of its parts.
  static func parts(of device: Identifier, _ db: Database) throws -> [Int64] {
    try Int64.fetchAll(
      db.cachedStatement(
        sql: """
          SELECT number FROM device WHERE id = ?1
          UNION ALL SELECT part.number FROM device AS part JOIN device AS whole ON part.merged_into = whole.number
            WHERE whole.id = ?1
          """), arguments: [device])
  }

  /// One for each part of the device that is asked for; each gives numbers, at most `limit`.
  func statements(_ db: Database) throws -> [(sql: String, arguments: StatementArguments)] {
    guard let device = filter.device else {
      return [statement(filter.user == nil ? "NOT INDEXED" : "INDEXED BY activity_user", device: nil)]
    }
    return try ActivitySearch.parts(of: device, db).map { statement("INDEXED BY activity_device", device: $0) }
  }

  private func statement(_ index: String, device: Int64?) -> (sql: String, arguments: StatementArguments) {
    var terms: [String] = []
    var arguments: [(any DatabaseValueConvertible)?] = []
    func add(_ term: String, _ values: (any DatabaseValueConvertible)?...) {
      terms.append(term)
      arguments += values
    }
    if let device { add("device = ?", device) }
    if let user = filter.user { add("user = (SELECT number FROM user WHERE id = ?)", user) }
    if !filter.kinds.isEmpty {
      terms.append("kind IN (\(filter.kinds.map { _ in "?" }.joined(separator: ", ")))")
      arguments += filter.kinds
    }
    if let from = filter.from { add("at >= ?", from) }
    if let to = filter.to { add("at < ?", to) }
    if filter.olderCaptures { add("kind = 'stored' AND captured_at < at - \(ActivityFilter.older)") }
    let direction: String
    switch order {
    case .newestFirst(let before):
      direction = "DESC"
      if let before { add("number < ?", before) }
    case .oldestFirst(let after):
      direction = "ASC"
      add("number > ?", after)
    }
    let condition = terms.isEmpty ? "1" : terms.joined(separator: " AND ")
    return (
      "SELECT number FROM activity \(index) WHERE \(condition) ORDER BY number \(direction) LIMIT \(limit)",
      StatementArguments(arguments)
    )
  }

  /// By when it arrived: what somebody waits for is among the last minutes' rows.
  /// - Parameter devices: numbers; empty for any.
  static func firstArrival(
    _ from: Instant, _ taken: Instant, _ user: Identifier?, _ devices: [Int64]
  ) throws -> (sql: String, arguments: StatementArguments) {
    let list = String(decoding: try JSONEncoder().encode(devices), as: UTF8.self)
    return (
      """
      SELECT number FROM activity INDEXED BY activity_at
      WHERE at >= ?1 AND kind = 'stored' AND captured_at >= ?2
        AND (?3 IS NULL OR user = (SELECT number FROM user WHERE id = ?3))
        AND (?4 = '[]' OR device IN (SELECT value FROM json_each(?4)))
      ORDER BY at LIMIT 1
      """, [from, taken, user, list]
    )
  }
}
