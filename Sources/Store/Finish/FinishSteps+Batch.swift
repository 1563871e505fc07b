import GRDB

// The transaction of a batch.
extension FinishSteps {
  /// How the members of a batch share its transaction.
  enum Sharing {
    /// All or none: the first that fails ends the transaction.
    case together
    /// Each in a savepoint: one that fails undoes itself alone.
    case apart

    fileprivate struct MemberFailed: Error {}

    /// Runs `body` for one member. A catalog that cannot be written fails the whole transaction.
    func run(_ db: Database, _ body: () throws -> Void, failed: (any Error) -> Void) throws {
      do {
        switch self {
        case .together: try body()
        case .apart:
          try db.inSavepoint {
            try body()
            return .commit
          }
        }
      } catch let error as DatabaseError where error.resultCode != .SQLITE_CONSTRAINT {
        throw error
      } catch {
        if case .together = self { throw MemberFailed() }
        failed(error)
      }
    }
  }

  /// Runs `body` in one transaction. A savepoint for each member would have SQLite parse two statements and copy every
  /// page that it changes, and nearly always all succeed: only where one fails, all is undone, and done again apart.
  func transaction<T>(_ body: (Database, Sharing) throws -> T) throws -> T {
    do { return try catalog.pool.write { db in try body(db, .together) } } catch is Sharing.MemberFailed {
      return try catalog.pool.write { db in try body(db, .apart) }
    }
  }
}
