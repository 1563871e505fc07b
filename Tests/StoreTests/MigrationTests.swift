import Foundation
import GRDB
import Ground
import MigratedCatalog
import Testing

@testable import Store

@Suite struct MigrationTests {
  let folder: TemporaryFolder
  var files: String { folder.path + "/migrations" }
  var backups: String { folder.path + "/backups" }

  init() throws {
    folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.path + "/migrations", withIntermediateDirectories: false)
    try write("0001_first.sql", "CREATE TABLE one (a INTEGER) STRICT; INSERT INTO one VALUES (7);")
  }

  func write(_ name: String, _ sql: String) throws {
    try sql.write(toFile: "\(files)/\(name)", atomically: false, encoding: .utf8)
  }

  func catalog() throws -> Catalog { try Catalog(path: folder.path + "/c.sqlite") }
  func migrator() throws -> Migrator { try Migrator(Migrations(folder: files)) }

  @Test func appliesInOrderOnceAndCopiesWhatWasThere() async throws {
    let catalog = try catalog()
    #expect(try await migrator().migrate(catalog, backups: backups) == nil, "an empty catalog needs no copy")
    try write("0002_second.sql", "CREATE TABLE two (b INTEGER) STRICT; UPDATE one SET a = 8;")
    let copy = try #require(try await migrator().migrate(catalog, backups: backups))
    #expect(try await migrator().migrate(catalog, backups: backups) == nil)
    let a = try await catalog.read { db in try Int.fetchOne(db, sql: "SELECT a FROM one, migration WHERE number = 2") }
    #expect(a == 8)
    let old = try Catalog(path: copy)
    #expect(try await old.read { db in try Int.fetchOne(db, sql: "SELECT a FROM one") } == 7)
    #expect(try await old.read { db in try db.tableExists("two") } == false)
    #expect(try FileSystem.names(in: backups).allSatisfy { !$0.hasSuffix(".part") })
  }

  /// After a clean stop the file alone is the whole catalog, without the log beside it.
  @Test func closingFoldsTheLogIntoTheFile() async throws {
    let catalog = try catalog()
    try await migrator().migrate(catalog, backups: backups)
    #expect(try await catalog.read { db in try Int.fetchOne(db, sql: "SELECT a FROM one") } == 7)
    try catalog.close()
    try FileManager.default.copyItem(atPath: folder.path + "/c.sqlite", toPath: folder.path + "/copy.sqlite")
    let copy = try Catalog(path: folder.path + "/copy.sqlite")
    #expect(try await copy.read { db in try Int.fetchOne(db, sql: "SELECT a FROM one") } == 7)
  }

  @Test func failureLeavesTheCatalogAsItWas() async throws {
    let catalog = try catalog()
    try await migrator().migrate(catalog, backups: backups)
    try write("0002_second.sql", "CREATE TABLE two (b INTEGER) STRICT; INSERT INTO missing VALUES (1);")
    await #expect {
      try await migrator().migrate(catalog, backups: backups)
    } throws: { error in
      guard case .migrationFailed("0002_second.sql", _) = error as? StoreError else { return false }
      return true
    }
    #expect(try await catalog.read { db in try db.tableExists("two") } == false)
    #expect(try await migrator().pending(catalog).map(\.number) == [2])
  }

  @Test func newerCatalogIsRefusedWithAHint() async throws {
    let catalog = try catalog()
    try write("0002_second.sql", "CREATE TABLE two (b INTEGER) STRICT;")
    try await migrator().migrate(catalog, backups: backups)
    try FileManager.default.removeItem(atPath: "\(files)/0002_second.sql")
    let error = StoreError.catalogTooNew(applied: 2, known: 1)
    await #expect(throws: error) { try await migrator().migrate(catalog, backups: backups) }
    #expect(error.hint.contains("newer program"))
  }

  @Test func editedAppliedFileIsAnError() async throws {
    let catalog = try catalog()
    try await migrator().migrate(catalog, backups: backups)
    try write("0001_first.sql", "CREATE TABLE one (a INTEGER) STRICT; INSERT INTO one VALUES (9);")
    await #expect(throws: StoreError.migrations("0001_first.sql was edited after it was applied as 0001_first.sql")) {
      try await migrator().pending(catalog)
    }
  }

  @Test(arguments: [
    ["0003_gap.sql"], ["0001_double.sql"], ["0002_ok.sql", "0002_twice.sql"], ["2_short.sql"], ["0002-dash.sql"],
  ])
  func badFolderIsRefused(names: [String]) throws {
    for name in names { try write(name, "SELECT 1") }
    #expect { try migrator() } throws: { error in
      guard case .migrations = error as? StoreError else { return false }
      return true
    }
  }

  @Test func emptyFolderIsRefused() throws {
    try FileManager.default.removeItem(atPath: "\(files)/0001_first.sql")
    #expect(throws: StoreError.self) { try migrator() }
  }

  @Test func releasedFilesApplyAndDescribeEveryTable() async throws {
    let catalog = try catalog()
    let migrations = try Migrations(folder: MigratedCatalog.migrationsFolder)
    try await Migrator(migrations).migrate(catalog, backups: backups)
    #expect(try await catalog.read { db in try String.fetchOne(db, sql: "PRAGMA integrity_check") } == "ok")
    for migration in migrations.all {
      let lines = migration.sql.split(separator: "\n", omittingEmptySubsequences: false)
      for (index, line) in lines.enumerated() where line.hasPrefix("CREATE TABLE") {
        #expect(index > 0 && lines[index - 1].hasPrefix("-- "), "\(migration.name): \(line) needs prose above it")
      }
    }
  }

  /// What was on its way out when the program was exchanged keeps its name from newcomers.
  @Test func namesOnTheirWayOutGetTheirPlace() async throws {
    try FileSystem.remove("\(files)/0001_first.sql")
    let released = try FileSystem.names(in: MigratedCatalog.migrationsFolder).sorted()
    func copy(_ names: some Sequence<String>) throws {
      for name in names {
        try write(name, String(contentsOfFile: "\(MigratedCatalog.migrationsFolder)/\(name)", encoding: .utf8))
      }
    }
    try copy(released.prefix { $0 < "0024" })
    let catalog = try catalog()
    try await migrator().migrate(catalog, backups: backups)
    try await catalog.write { db in
      for (key, state) in [("a/Z.JPG", "announced"), ("a/z.jpg", "announced"), ("b/c.jpg", "quarantined")] {
        try db.execute(
          sql: """
            INSERT INTO removal (id, sha1, original_key, day, target, removed_at, state) VALUES (?, ?, ?, '', ?, 0, ?)
            """, arguments: [Identifier(), Data(count: 20), key, key, state])
      }
    }
    try copy(released.drop { $0 < "0024" })
    try await migrator().migrate(catalog, backups: backups)
    let places = try await catalog.read { db in
      try (Int64?).fetchAll(db, sql: "SELECT place FROM removal ORDER BY number")
    }
    let place = Originals.place(of: "a/z.jpg")
    #expect(places == [place, place, nil])
  }

  @Test func commitsAreSyncedAndForeignKeysKept() async throws {
    let catalog = try catalog()
    let settings = try await catalog.write { db in
      try ["synchronous", "foreign_keys", "journal_mode"].map { try String.fetchOne(db, sql: "PRAGMA \($0)") }
    }
    #expect(settings == ["2", "1", "wal"], "FULL is 2")
  }
}
