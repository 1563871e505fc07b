import GRDB
import Ground

typealias DatabaseScalar = DatabaseValueConvertible & Sendable

/// How a search goes about it.
///
/// Almost every search wants the newest first and stops after a page. Where matches are many, walking down an index in that
/// order and testing each row finds a page soon; where they are few, that would walk past everything, and an index that
/// lists the matches, sorted afterwards, is quick. Which of both it is, counting up to `few` of them tells.
///
/// None of these statements is cached: there are as many as there are ways to search, and GRDB never drops one.
enum SearchPlan {
  /// The matches are all in this set of numbers.
  case listed(String)
  case walked

  static let few = 5_000

  init(_ query: CompiledQuery, _ db: Database) throws {
    // An album may hold other people's assets, which no index has in order.
    if let members = query.members {
      self = .listed(members)
      return
    }
    for set in query.sets {
      let count = try Int.fetchOne(
        db.makeStatement(sql: "SELECT count(*) FROM (\(set) LIMIT \(SearchPlan.few + 1))"),
        arguments: query.arguments(of: set))
      if let count, count <= SearchPlan.few {
        self = .listed(set)
        return
      }
    }
    self = .walked
  }

  /// `SELECT columns FROM asset …`, joined by UNION ALL: SQLite merges them, each read in its index's order.
  func selects(_ columns: String, _ query: CompiledQuery) -> String {
    switch self {
    case .listed(let set):
      let table = "(\(set)) AS found CROSS JOIN asset ON asset.number = found.number"
      return "SELECT \(columns) \(query.from(table))"
    case .walked:
      var indexes: [(name: String, condition: String)] = []
      let favorites = query.query.isFavorite == true && query.query.trash == .without
      if query.query.trash != .only {
        indexes.append(
          (
            favorites ? "asset_favorite" : "asset_taken",
            "asset.deleted_at IS NULL" + (favorites ? " AND asset.is_favorite = 1" : "")
          ))
      }
      if query.query.trash != .without { indexes.append(("asset_discarded", "asset.deleted_at IS NOT NULL")) }
      return indexes.flatMap { index in
        query.query.visibilities.indices.map { place in
          "SELECT \(columns) "
            + query.from(
              "asset INDEXED BY \(index.name)", where: "asset.visibility = :visibility\(place) AND \(index.condition)")
        }
      }.joined(separator: " UNION ALL ")
    }
  }
}

extension Catalog {
  /// One page, ordered by when the file was made, then by id.
  /// - Returns: at most `limit` rows, and whether there are more.
  package func search(
    _ query: AssetQuery, user: Identifier, ascending: Bool, limit: Int, offset: Int
  ) async throws -> (rows: [AssetRow], hasMore: Bool) {
    try await read { db in
      guard let compiled = try Catalog.compile(query, user, db) else { return ([], false) }
      let direction = ascending ? "ASC" : "DESC"
      let sql = """
        SELECT number FROM (
          \(try SearchPlan(compiled, db).selects("asset.number AS number, asset.file_created_at AS time, asset.id AS id", compiled))
          ORDER BY time \(direction), id \(direction) LIMIT \(limit + 1) OFFSET \(offset))
        """
      let numbers = try Int64.fetchAll(
        db.makeStatement(sql: sql), arguments: compiled.arguments(of: sql))
      return (try AssetRow.all(Array(numbers.prefix(limit)), db), numbers.count > limit)
    }
  }

  package func count(_ query: AssetQuery, user: Identifier) async throws -> Int {
    try await read { db in
      guard let compiled = try Catalog.compile(query, user, db) else { return 0 }
      let sql = "SELECT count(*) FROM (\(try SearchPlan(compiled, db).selects("asset.number", compiled)))"
      return try Int.fetchOne(db.makeStatement(sql: sql), arguments: compiled.arguments(of: sql)) ?? 0
    }
  }

  /// Different ones, each as likely as every other.
  package func random(_ query: AssetQuery, user: Identifier, limit: Int) async throws -> [AssetRow] {
    try await read { db in
      guard let compiled = try Catalog.compile(query, user, db) else { return [] }
      let plan = try SearchPlan(compiled, db)
      if case .walked = plan, let drawn = try Catalog.draw(compiled, limit, db) { return try AssetRow.all(drawn, db) }
      let sql =
        "SELECT number FROM (\(plan.selects("asset.number AS number", compiled))) ORDER BY random() LIMIT \(limit)"
      let numbers = try Int64.fetchAll(db.makeStatement(sql: sql), arguments: compiled.arguments(of: sql))
      return try AssetRow.all(numbers, db)
    }
  }

  /// Draws numbers and keeps those that the query finds: fast where they are many. Nil where too few were found in time.
  private static func draw(_ query: CompiledQuery, _ limit: Int, _ db: Database) throws -> [Int64]? {
    guard let last = try Int64.fetchOne(db, sql: "SELECT max(number) FROM asset"), last > Int64(10 * limit) else {
      return nil
    }
    let sql = "SELECT 1 \(query.from("asset", where: "asset.number = :drawn"))"
    let statement = try db.makeStatement(sql: sql)
    var (found, seen): ([Int64], Set<Int64>) = ([], [])
    for _ in 0..<(limit * 20 + 1_000) {
      let number = Int64.random(in: 1...last)
      guard seen.insert(number).inserted else { continue }
      if try Int.fetchOne(statement, arguments: query.arguments(of: sql, ["drawn": number])) != nil {
        found.append(number)
        if found.count == limit { return found }
      }
    }
    return nil
  }

  private static func compile(_ query: AssetQuery, _ user: Identifier, _ db: Database) throws -> CompiledQuery? {
    guard
      let number = try Int64.fetchOne(
        db.cachedStatement(sql: "SELECT number FROM user WHERE id = ?"), arguments: [user])
    else { return nil }
    return CompiledQuery(query, user: number)
  }

  /// Whether the person sees all of these albums.
  package func mayRead(albums: [Identifier], _ user: Identifier) async throws -> Bool {
    try await read { db in
      let statement = try db.cachedStatement(
        sql: """
          SELECT EXISTS (
            SELECT 1 FROM album JOIN album_user AS member ON member.album = album.number
            JOIN user ON user.number = member.user WHERE album.id = ? AND user.id = ?)
          """)
      return try albums.allSatisfy { try Bool.fetchOne(statement, arguments: [$0, user]) == true }
    }
  }

  // MARK: What there is to search for

  /// Values of a camera's column in the assets that the timeline or the archive show, in order.
  /// - Parameters:
  ///   - column: `make`, `model` or `lens`.
  ///   - filters: what other columns must hold.
  package func cameraValues(
    _ column: String, filters: [(column: String, value: String)], user: Identifier, limit: Int
  ) async throws -> [String] {
    precondition((filters.map(\.column) + [column]).allSatisfy { ["make", "model", "lens"].contains($0) })
    return try await read { db in
      guard
        let number = try Int64.fetchOne(
          db.cachedStatement(sql: "SELECT number FROM user WHERE id = ?"), arguments: [user])
      else { return [] }
      let conditions = filters.map { " AND facts.\($0.column) = ?" }.joined()
      let rows =
        "facts INDEXED BY facts_camera WHERE facts.owner = ? AND coalesce(facts.make, facts.model, facts.lens) IS NOT NULL"
      let sql = """
        SELECT value FROM (SELECT DISTINCT facts.\(column) AS value FROM \(rows)\(conditions)) AS found
        WHERE value IS NOT NULL AND EXISTS (
          SELECT 1 FROM facts CROSS JOIN asset ON asset.number = facts.asset
          WHERE facts.owner = ? AND facts.\(column) = found.value\(conditions)
            AND asset.deleted_at IS NULL AND asset.visibility IN ('timeline', 'archive'))
        ORDER BY value LIMIT \(limit)
        """
      let values = filters.map(\.value)
      let arguments: [any DatabaseValueConvertible] = [number] + values + [number] + values
      return try String.fetchAll(db, sql: sql, arguments: StatementArguments(arguments))
    }
  }
}
