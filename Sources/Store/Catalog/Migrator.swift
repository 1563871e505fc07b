import FoundationEssentials
import GRDB
import Glibc
import Ground

/// Brings a catalog to the newest form, forward only.
package struct Migrator: Sendable {
  package let migrations: Migrations

  package init(_ migrations: Migrations) { self.migrations = migrations }

  /// What a catalog remembers of an applied migration.
  private struct Applied {
    let number: Int
    let name: String
    let sha256: [UInt8]
  }

  /// The migrations that `catalog` still lacks.
  /// - Throws: `StoreError.catalogTooNew`, or `.migrations` where an applied file was edited, renamed or removed.
  package func pending(_ catalog: Catalog) async throws -> [Migration] {
    try await catalog.read { db in try pending(applied: applied(db)) }
  }

  /// Applies what is missing, each file in a transaction of its own. A catalog that holds something is copied first.
  /// - Parameter backups: the folder for the copy.
  /// - Returns: the path of the copy, where one was made.
  @discardableResult
  package func migrate(_ catalog: Catalog, backups: String, now: Instant = .now()) async throws -> String? {
    let missing = try await pending(catalog)
    guard let last = missing.last, let first = missing.first else { return nil }
    var copy: String?
    if first.number > 1 {
      let path = "\(backups)/before-\(last.name.dropLast(4))-\(now.milliseconds).sqlite"
      try await Migrator.copy(catalog, to: path)
      copy = path
    }
    for migration in missing { try await apply(migration, to: catalog, now: now) }
    return copy
  }

  /// A whole, synced copy of the catalog as of one moment; other connections go on meanwhile.
  package static func copy(_ catalog: Catalog, to path: String) async throws {
    do {
      try FileSystem.makeFolders(FileSystem.parent(of: path))
      // SQLite writes the copy under a name that nobody takes for a finished one.
      let unfinished = path + ".part"
      try FileSystem.remove(unfinished)
      try await catalog.pool.writeWithoutTransaction { db in
        try db.execute(sql: "VACUUM INTO ?", arguments: [unfinished])
      }
      try Descriptor(open: unfinished, O_RDONLY).sync()
      try FileSystem.renameWithoutReplacing(unfinished, path)
      try FileSystem.syncFolder(FileSystem.parent(of: path))
    } catch { throw StoreError.wrap(error) }
  }

  private func apply(_ migration: Migration, to catalog: Catalog, now: Instant) async throws {
    do {
      try await catalog.pool.writeWithoutTransaction { db in
        try db.inTransaction(.immediate) {
          // Another process may have been faster; the transaction makes this look final.
          guard try pending(applied: applied(db)).first == migration else { return .rollback }
          try db.execute(
            sql: """
              CREATE TABLE IF NOT EXISTS migration (
                number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 BLOB NOT NULL, applied_at INTEGER NOT NULL
              ) STRICT
              """)
          try db.execute(sql: migration.sql)
          try db.execute(
            sql: "INSERT INTO migration (number, name, sha256, applied_at) VALUES (?, ?, ?, ?)",
            arguments: [migration.number, migration.name, Data(migration.sha256), now])
          return .commit
        }
      }
    } catch let error as DatabaseError where error.resultCode != .SQLITE_FULL {
      throw StoreError.migrationFailed(name: migration.name, message: error.message ?? "no message from SQLite")
    } catch { throw StoreError.wrap(error) }
  }

  private func pending(applied: [Applied]) throws -> [Migration] {
    if let newest = applied.last, newest.number > migrations.all.count {
      throw StoreError.catalogTooNew(applied: newest.number, known: migrations.all.count)
    }
    for (index, past) in applied.enumerated() {
      let known = migrations.all[index]
      guard past.number == known.number else {
        throw StoreError.migrations("the catalog lacks number \(known.number) but has \(past.number)")
      }
      guard past.sha256 == known.sha256 else {
        throw StoreError.migrations("\(known.name) was edited after it was applied as \(past.name)")
      }
    }
    return Array(migrations.all[applied.count...])
  }

  private func applied(_ db: Database) throws -> [Applied] {
    guard try db.tableExists("migration") else { return [] }
    return try Row.fetchAll(db, sql: "SELECT number, name, sha256 FROM migration ORDER BY number").map { row in
      Applied(number: row["number"], name: row["name"], sha256: [UInt8](row["sha256"] as Data))
    }
  }
}
