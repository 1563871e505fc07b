import Foundation
import GRDB
import Ground
import MigratedCatalog
import Testing

@testable import Store

@Suite struct CatalogTests {
  /// Whoever copies the file alone after a clean stop has everything.
  @Test func closedCatalogIsOneFile() async throws {
    let store = try await StoreFixture()
    guard case .created(let id) = try await store.store(sample(10), name: "a.jpg") else { return }
    // A reader is open when the catalog closes.
    #expect(try await store.row(id) != nil)
    let path = store.directory.catalog
    try store.catalog.close()
    #expect((try FileSystem.status(path + "-wal")?.size ?? 0) == 0)
    let copy = store.directory.root + "/copy.sqlite"
    try FileManager.default.copyItem(atPath: path, toPath: copy)
    let again = try Catalog(path: copy)
    #expect(try await again.account(store.annaID)?.owner == store.anna)
    #expect(try await again.asset(id, owner: store.annaID) != nil)
    try again.close()
  }

  /// Another process reads while the catalog closes: the log stays, and the close succeeds.
  @Test func closingBesideAReaderSucceeds() async throws {
    let store = try await StoreFixture()
    let other = try Catalog(path: store.directory.catalog)
    let reading = try other.pool.makeSnapshot()
    _ = try await store.store(sample(10), name: "a.jpg")
    try store.catalog.close()
    #expect(try await reading.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM asset") } == 0)
    #expect(try await other.account(store.annaID)?.used == 10)
  }

  @Test func emptyCatalogBesideOriginalsIsRefused() async throws {
    let folder = try TemporaryFolder()
    let directory = try DataDirectory(folder.path + "/data", role: .server)
    let catalog = try Catalog(path: directory.catalog)
    try await Migrator(Migrations(folder: MigratedCatalog.migrationsFolder)).migrate(
      catalog, backups: directory.backups)
    let month = directory.originals + "/anna/2024/2024-07"
    try FileManager.default.createDirectory(atPath: month, withIntermediateDirectories: true)
    try await directory.check(against: catalog)
    try Data("x".utf8).write(to: URL(fileURLWithPath: month + "/a.jpg"))
    await #expect {
      try await directory.check(against: catalog)
    } throws: {
      if case StoreError.notADataDirectory = $0 { true } else { false }
    }
    try await StoreFixture.addUser("anna", to: catalog)
    try await directory.check(against: catalog)
  }
}
