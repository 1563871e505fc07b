import GRDB
import GRDBSQLite
import Ground

/// What the catalog knows of one digest.
package enum KnownContent: Sendable, Equatable {
  case unknown
  case known(Identifier, isTrashed: Bool)
}

extension Catalog {
  /// Digests looked up in one read transaction: some 3 ms, then the reader is free for others.
  package static let checkChunk = 2_500

  /// One answer per digest, in order; other people's assets are unknown.
  /// - Throws: `StoreError.catalog`.
  package func check(_ digests: [SHA1Digest], owner: Identifier) async throws -> [KnownContent] {
    var answers: [KnownContent] = []
    answers.reserveCapacity(digests.count)
    var start = 0
    while start < digests.count {
      let middle = min(start + Catalog.checkChunk, digests.count)
      let end = min(middle + Catalog.checkChunk, digests.count)
      // Two readers at a time: two are left for everybody else.
      let (left, right) = (digests[start..<middle], digests[middle..<end])
      async let second = right.isEmpty ? [] : lookUp(right, owner)
      answers += try await lookUp(left, owner)
      answers += try await second
      start = end
    }
    return answers
  }

  private func lookUp(_ digests: ArraySlice<SHA1Digest>, _ owner: Identifier) async throws -> [KnownContent] {
    try await read { db in try Catalog.check(digests, owner: owner, db) }
  }

  /// The statement is stepped by hand: fetching through GRDB's values takes three times as long (0.39 against 1.1
  /// million lookups a second).
  private static func check(_ digests: ArraySlice<SHA1Digest>, owner: Identifier, _ db: Database) throws
    -> [KnownContent]
  {
    guard
      let number = try Int64.fetchOne(
        db.cachedStatement(sql: "SELECT number FROM user WHERE id = ?"), arguments: [owner])
    else { return Array(repeating: .unknown, count: digests.count) }
    let cached = try db.cachedStatement(
      sql: "SELECT id, is_trashed FROM content WHERE owner = ?1 AND sha1 = ?2")
    let statement = cached.sqliteStatement
    defer {
      sqlite3_reset(statement)
      sqlite3_clear_bindings(statement)
    }
    sqlite3_reset(statement)
    sqlite3_bind_int64(statement, 1, number)
    var answers = [KnownContent](repeating: .unknown, count: digests.count)
    // In the tree's own order: neighbours share pages, which a tenth of the time is spent on otherwise.
    for index in digests.indices.sorted(by: { digests[$0].precedes(digests[$1]) }) {
      let digest = digests[index]
      // The binding without a copy (nil destructor: static) ends with the reset, while the bytes still stand.
      answers[index - digests.startIndex] = try digest.withBytes { bytes in
        defer { sqlite3_reset(statement) }
        sqlite3_bind_blob(statement, 2, bytes.baseAddress, Int32(bytes.count), nil)
        switch sqlite3_step(statement) {
        case SQLITE_DONE: return .unknown
        case SQLITE_ROW:
          guard let id = Identifier(raw: blob(statement, 0)) else { throw StoreError.broken("an asset has no id") }
          return .known(id, isTrashed: sqlite3_column_int(statement, 1) != 0)
        case let code:
          throw StoreError.catalog(code: code, message: String(cString: sqlite3_errmsg(sqlite3_db_handle(statement))))
        }
      }
    }
    return answers
  }
}
