import Foundation
import GRDB
import Ground
import MigratedCatalog
import Testing

@testable import Store

/// Work that was begun on an asset or a person and ends after something else happened to them: it never reaches another.
@Suite struct LateWorkTests {
  let store: StoreFixture
  let now = Instant(milliseconds: 1_764_000_000_000)

  init() async throws { store = try await StoreFixture() }

  private func stored(_ seed: UInt64, owner: Owner? = nil) async throws -> Identifier {
    guard case .created(let id) = try await store.store(sample(50, seed: seed), name: "a.jpg", owner: owner) else {
      throw StoreError.broken("not new")
    }
    return id
  }

  private func named(_ ids: Identifier...) async throws -> [NamedAsset] {
    try #require(try await store.catalog.named(ids, owner: store.annaID))
  }

  private func deleteForGood(_ id: Identifier) async throws {
    try await store.catalog.trash(named(id), now: now)
    #expect(try await store.catalog.deleteTrashed(named(id), now: now) == [id])
  }

  private func number(_ table: String, _ id: Identifier) async throws -> Int64 {
    try await store.catalog.read { db in
      try #require(try Int64.fetchOne(db, sql: "SELECT number FROM \(table) WHERE id = ?", arguments: [id]))
    }
  }

  // MARK: Numbers

  @Test func theNumberOfADeletedAssetIsNotGivenAgain() async throws {
    let first = try await stored(1)
    let old = try await number("asset", first)
    try await deleteForGood(first)
    #expect(try await number("asset", stored(2)) > old)
  }

  @Test func theNumberOfARemovedPersonIsNotGivenAgain() async throws {
    let (bert, owner) = try await StoreFixture.addUser("bert", to: store.catalog)
    _ = try await store.catalog.markUserDeleted(bert, since: now, now: now)
    #expect(try await store.catalog.removeDeletedUser(bert, before: now.adding(seconds: -1)) == false, "not yet")
    #expect(try await store.catalog.removeDeletedUser(bert, before: now))
    #expect(try await StoreFixture.addUser("carl", to: store.catalog).1.number > owner.number)
  }

  /// Numbers from before the migration count, though their rows went since, and readers that are open see it too.
  @Test func numbersOfAnOldCatalogAreNotGivenAgain() async throws {
    let folder = try TemporaryFolder()
    let (files, backups) = (folder.path + "/migrations", folder.path + "/backups")
    try FileSystem.makeFolders(files)
    func release(_ numbers: ClosedRange<Int>) throws {
      for migration in try Migrations(folder: MigratedCatalog.migrationsFolder).all
      where numbers.contains(migration.number) {
        try migration.sql.write(toFile: "\(files)/\(migration.name)", atomically: false, encoding: .utf8)
      }
    }
    try release(1...4)
    let catalog = try Catalog(path: folder.path + "/c.sqlite")
    try await Migrator(Migrations(folder: files)).migrate(catalog, backups: backups)
    let (anna, owner) = try await StoreFixture.addUser("anna", to: catalog)
    func add(_ place: Int64) async throws -> Int64 {
      try await catalog.write { db in
        try db.execute(
          sql: """
            INSERT INTO asset (id, owner, sha1, kind, mime_type, size, original_key, place, original_name,
              file_created_at, file_modified_at, local_date_time, created_at, updated_at, is_favorite, visibility)
            VALUES (?, ?, randomblob(20), 'IMAGE', 'image/jpeg', 5, 'x', ?, x'61', 0, 0, 0, 0, 0, 0, 'timeline')
            """, arguments: [Identifier(), owner.number, place])
        return db.lastInsertedRowID
      }
    }
    #expect(try await [add(1), add(2)] == [1, 2])
    try release(5...99)
    try await Migrator(Migrations(folder: files)).migrate(catalog, backups: backups)
    try await catalog.write { db in try db.execute(sql: "DELETE FROM asset") }
    #expect(try await add(3) == 3)
    #expect(try await catalog.read { db in try String.fetchOne(db, sql: "PRAGMA integrity_check") } == "ok")
    let tables = try await catalog.read { db in
      try String.fetchAll(db, sql: "SELECT name FROM sqlite_schema WHERE sql LIKE '%AUTOINCREMENT%'")
    }
    let numbered: Set = ["user", "session", "api_key", "asset", "album", "upload", "device", "activity"]
    #expect(numbered.isSubset(of: tables))
    _ = anna
  }

  // MARK: Assets

  @Test func whatWasRestoredMeanwhileStays() async throws {
    let (kept, gone) = (try await stored(1), try await stored(2))
    let both = try await named(kept, gone)
    try await store.catalog.trash(both, now: now)
    let listed = try await store.catalog.trashed(owner: nil, before: now)
    #expect(Set(listed.map(\.id)) == [kept, gone])
    #expect(try await store.restore([kept], owner: store.annaID) == 1)
    #expect(try await store.catalog.deleteTrashed(listed, before: now, now: now) == [gone])
    #expect(try await store.row(kept)?.deletedAt == nil)
  }

  @Test func whatCameIntoTheTrashLaterStays() async throws {
    let id = try await stored(1)
    try await store.catalog.trash(named(id), now: now)
    let listed = try await store.catalog.trashed(owner: nil, before: now)
    #expect(try await store.restore([id], owner: store.annaID) == 1)
    let later = now.adding(seconds: 60)
    try await store.catalog.trash(named(id), now: later)
    #expect(try await store.catalog.deleteTrashed(listed, before: now, now: later) == [])
    #expect(try await store.catalog.restore(listed, before: now, now: later) == 0)
    #expect(try await store.row(id)?.deletedAt == later)
  }

  /// As if a number had come again after all: the id and the owner are asked too.
  @Test func anotherAssetOfTheSameNumberIsNotTouched() async throws {
    let first = try await stored(1)
    let late = try await named(first)
    try await deleteForGood(first)
    let (bert, owner) = try await StoreFixture.addUser("bert", to: store.catalog)
    let his = try await stored(2, owner: owner)
    try await store.catalog.write { db in
      try db.execute(sql: "PRAGMA defer_foreign_keys = ON")
      try db.execute(sql: "DELETE FROM job")
      try db.execute(sql: "UPDATE facts SET asset = ?", arguments: [late[0].number])
      try db.execute(sql: "UPDATE asset SET number = ? WHERE id = ?", arguments: [late[0].number, his])
    }
    try await store.catalog.trash(late, now: now)
    #expect(try await store.catalog.asset(his, owner: bert)?.deletedAt == nil)
    _ = try await store.catalog.trash(try #require(try await store.catalog.named([his], owner: bert)), now: now)
    #expect(try await store.catalog.restore(late, now: now) == 0)
    #expect(try await store.catalog.deleteTrashed(late, now: now) == [])
    #expect(try await store.catalog.asset(his, owner: bert)?.deletedAt == now)
  }

  // MARK: Jobs

  @Test func factsOfADeletedPhotoReachNoOther() async throws {
    let (bert, owner) = try await StoreFixture.addUser("bert", to: store.catalog)
    let hers = try await stored(1)
    let job = try #require(try await store.catalog.claimJob(kinds: ["facts"]))
    #expect(job.id == hers)
    try await deleteForGood(hers)
    let his = try await stored(2, owner: owner)
    var facts = FileFacts()
    (facts.row.make, facts.row.latitude, facts.row.longitude, facts.row.takenAt) = ("hers", 48, 11, now)
    try await store.catalog.recordFacts(of: job, facts)
    #expect(try await store.catalog.recordThumbhash(of: job, [1, 2]) == false, "its pictures are to be removed")
    for ending in [JobEnding.done, .failed(reason: "late"), .interrupted] {
      try await store.catalog.endJob(job, ending)
    }
    let row = try #require(try await store.catalog.asset(his, owner: bert))
    #expect(row.facts.make == nil && row.facts.latitude == nil && row.facts.thumbhash == nil)
    #expect(try await store.catalog.jobStates(kind: "facts") == JobStates(waiting: 1))
    let next = try #require(try await store.catalog.claimJob(kinds: ["facts"]))
    #expect(next.id == his && next.attempts == 1)
  }

  // MARK: People

  @Test func whoWasRestoredLosesNothing() async throws {
    let (bert, owner) = try await StoreFixture.addUser("bert", to: store.catalog)
    for seed in 1...3 { _ = try await stored(UInt64(seed), owner: owner) }
    _ = try await store.catalog.markUserDeleted(bert, since: now, now: now)
    #expect(try await store.catalog.deleteSome(ofDeleted: bert, before: now.adding(seconds: -1), now: now) == [])
    guard case .done(let row) = try await store.catalog.restoreUser(bert, now: now) else {
      Issue.record("nothing was removed yet")
      return
    }
    #expect(row.deletedAt == nil)
    #expect(try await store.catalog.deleteSome(ofDeleted: bert, before: now, now: now) == [])
    #expect(try await store.catalog.removeDeletedUser(bert, before: now) == false)
    #expect(try await store.count("asset") == 3)
  }

  @Test func whoseRemovalHasBegunIsNotRestored() async throws {
    let (bert, owner) = try await StoreFixture.addUser("bert", to: store.catalog)
    for seed in 1...3 { _ = try await stored(UInt64(seed), owner: owner) }
    _ = try await store.catalog.markUserDeleted(bert, since: now, now: now)
    #expect(try await store.catalog.deleteSome(ofDeleted: bert, before: now, count: 2, now: now).count == 2)
    #expect(try await store.catalog.restoreUser(bert, now: now) == .removing)
    #expect(try await store.catalog.deleteSome(ofDeleted: bert, before: now, count: 2, now: now).count == 1)
    #expect(try await store.catalog.removeDeletedUser(bert, before: now))
  }

  @Test func deletingSomebodyTwicePostponesNothing() async throws {
    let (bert, _) = try await StoreFixture.addUser("bert", to: store.catalog)
    _ = try await store.catalog.markUserDeleted(bert, since: now, now: now)
    _ = try await store.catalog.markUserDeleted(bert, since: now.adding(seconds: 60), now: now)
    #expect(try await store.catalog.usersDeleted(before: now) == [bert])
  }
}
