import Foundation
import GRDB
import Ground
import Testing

@testable import Store

@Suite struct UploadCatalogTests {
  @Test func rowsComeBackAsTheyWere() async throws {
    let world = try await UploadFixture()
    let catalog = world.store.catalog
    var new = NewUpload(
      token: randomBytes(32), asset: Identifier(), owner: world.store.anna, kind: "final", rule: "flag",
      details: "{\"a\":1}", expiresAt: UploadFixture.far)
    (new.length, new.claimedSHA1, new.claimedSHA256) = (1 << 40, sha1([1]), sha256([1]))
    new.hasFile = false
    let row = try await catalog.insert(new)
    #expect(row.token == new.token && row.asset == new.asset && row.owner == new.owner)
    #expect(row.ownerID == world.store.annaID && row.kind == "final" && row.rule == "flag" && row.length == 1 << 40)
    #expect(row.offset == 0 && row.sha1State == nil && row.claimedSHA1 == sha1([1]))
    #expect(row.claimedSHA256 == sha256([1]) && row.staged == nil && row.details == new.details)
    #expect(row.expiresAt == new.expiresAt && row.boot == "first boot" && row.state == .open)
    #expect(try await catalog.upload(token: new.token) == row)
    #expect(try await catalog.upload(asset: new.asset) == row)
    #expect(try await catalog.upload(token: randomBytes(32)) == nil)
    #expect(try await catalog.upload(asset: Identifier()) == nil)
    await #expect(throws: StoreError.self) { try await catalog.insert(new) }
  }

  @Test(arguments: [
    UploadRow.State.complete(isNew: true, asset: Identifier(), sha1: sha1([2])),
    .complete(isNew: false, asset: Identifier(), sha1: sha1([3])), .failed(code: "a", message: "b"), .gone,
  ]) func endings(state: UploadRow.State) async throws {
    let world = try await UploadFixture()
    let upload = try await world.create()
    let at = Instant(milliseconds: 5000)
    #expect(try await world.store.catalog.end(upload: upload.number, state, forgetAt: at))
    let row = try #require(try await world.row(upload))
    #expect(row.state == state && row.expiresAt == at && row.staged == nil)
    // What a client wrote of an upload that is gone answers nobody any more.
    #expect((row.details == "{}") == (state == .gone))
    #expect(try await world.store.catalog.openUploads(owner: world.store.annaID).isEmpty)
    #expect(try await world.store.catalog.forgetUploads(Instant(milliseconds: 4999)) == 0)
    #expect(try await world.store.catalog.forgetUploads(at) == 1)
    #expect(try await world.row(upload) == nil)
    await #expect(throws: StoreError.self) {
      try await world.store.catalog.end(upload: upload.number, .open, forgetAt: at)
    }
  }

  @Test func oldestEndingsOfEachPersonAreForgotten() async throws {
    let world = try await UploadFixture()
    let catalog = world.store.catalog
    let (_, bob) = try await StoreFixture.addUser("bob", to: catalog)
    var ended: [UploadRow] = []
    for owner in [world.store.anna, bob, world.store.anna, world.store.anna] {
      let upload = try await world.create(owner: owner)
      _ = try await catalog.end(upload: upload.number, .gone, forgetAt: UploadFixture.far)
      ended.append(upload)
    }
    let open = try await world.create()
    #expect(try await catalog.forgetUploads(.now(), keeping: 2) == 1)
    #expect(try await world.row(ended[0]) == nil)
    for upload in ended.dropFirst() + [open] { #expect(try await world.row(upload) != nil) }
  }

  @Test func findsWhatIsOpen() async throws {
    let world = try await UploadFixture()
    let catalog = world.store.catalog
    let (bobID, bob) = try await StoreFixture.addUser("bob", to: catalog)
    let digest = sha1([1])
    let low = try await world.create(sha1: digest)
    let high = try await world.create(sha1: digest)
    let ended = try await world.create(sha1: digest)
    let foreign = try await world.create(sha1: digest, owner: bob, expiresAt: Instant(milliseconds: 1000))
    for (upload, offset) in [(low, 5), (high, 6), (ended, 7), (foreign, 8)] as [(UploadRow, Int64)] {
      try await catalog.checkpoint(
        UploadCheckpoint(
          number: upload.number, offset: offset, sha1State: nil, length: nil, expiresAt: upload.expiresAt))
    }
    try await catalog.end(upload: ended.number, .gone, forgetAt: Instant(milliseconds: 1000))
    #expect(try await catalog.openUploads(owner: world.store.annaID).map(\.number) == [high.number, low.number])
    #expect(try await catalog.openUpload(sha1: digest, owner: world.store.annaID)?.number == high.number)
    #expect(try await catalog.openUpload(sha1: digest, owner: bobID)?.number == foreign.number)
    #expect(try await catalog.openUpload(sha1: sha1([9]), owner: bobID) == nil)
    #expect(try await catalog.expiredUploads(Instant(milliseconds: 999)).isEmpty)
    #expect(try await catalog.expiredUploads(Instant(milliseconds: 1000)).map(\.number) == [foreign.number])
  }

  /// R21: an offset never falls; a length once known stays.
  @Test func offsetsNeverFall() async throws {
    let world = try await UploadFixture()
    let upload = try await world.create()
    func checkpoint(_ offset: Int64, length: Int64? = nil) async throws {
      try await world.store.catalog.checkpoint(
        UploadCheckpoint(
          number: upload.number, offset: offset, sha1State: [UInt8(offset)], length: length,
          expiresAt: UploadFixture.far))
    }
    try await checkpoint(10, length: 100)
    try await checkpoint(10)
    await #expect(throws: StoreError.self) { try await checkpoint(9) }
    try await checkpoint(20, length: 200)
    let row = try #require(try await world.row(upload))
    #expect(row.offset == 20 && row.length == 100 && row.sha1State == [20])
    try await world.store.catalog.end(upload: upload.number, .gone, forgetAt: UploadFixture.far)
    await #expect(throws: StoreError.uploadEnded) { try await checkpoint(30) }
    #expect(try await world.row(upload)?.offset == 20)
  }

  // MARK: Group commit

  /// Who asks while a transaction runs shares the next one; one that fails does not harm the others.
  @Test func checkpointsShareTransactions() async throws {
    let world = try await UploadFixture()
    let catalog = world.store.catalog
    var uploads: [UploadRow] = []
    for _ in 0..<200 { uploads.append(try await world.create()) }
    try await catalog.end(upload: uploads[7].number, .gone, forgetAt: UploadFixture.far)
    let before = catalog.group.transactions.current
    let failed = try await withThrowingTaskGroup(of: Int64?.self) { group in
      for upload in uploads {
        group.addTask {
          do {
            try await catalog.checkpoint(
              UploadCheckpoint(
                number: upload.number, offset: upload.number, sha1State: nil, length: nil,
                expiresAt: UploadFixture.far))
            return nil
          } catch StoreError.uploadEnded { return upload.number }
        }
      }
      return try await group.reduce(into: [Int64]()) { if let number = $1 { $0.append(number) } }
    }
    #expect(failed == [uploads[7].number])
    #expect(catalog.group.transactions.current - before < 100, "most share one")
    for upload in uploads where upload.number != uploads[7].number {
      #expect(try await world.row(upload)?.offset == upload.number)
    }
  }

  /// A lone write waits for nobody, and a catalog that cannot be written says so to everyone who waits.
  @Test func failedTransactionFailsAll() async throws {
    let world = try await UploadFixture()
    let upload = try await world.create()
    let catalog = world.store.catalog
    try await catalog.write { db in
      let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
      try db.execute(sql: "PRAGMA max_page_count = \(pages)")
    }
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          var new = NewUpload(
            token: randomBytes(32), asset: Identifier(), owner: world.store.anna, kind: "raw", rule: "flag",
            details: String(repeating: "x", count: 50_000), expiresAt: UploadFixture.far)
          new.length = 1
          await #expect(throws: StoreError.diskFull) { try await catalog.insert(new) }
        }
      }
    }
    #expect(try await world.store.count("upload") == 1)
    try await catalog.write { db in try db.execute(sql: "PRAGMA max_page_count = 1000000") }
    try await world.checkpoint(world.open(upload))
  }

  /// One transaction: an upload that is over at once is never seen open.
  @Test func endedInsertionIsWholeOrNothing() async throws {
    let world = try await UploadFixture()
    var new = NewUpload(
      token: randomBytes(32), asset: Identifier(), owner: world.store.anna, kind: "raw", rule: "length",
      details: "{}", expiresAt: UploadFixture.far)
    new.hasFile = false
    let ending = (state: UploadRow.State.gone, forgetAt: UploadFixture.far)
    try await world.store.catalog.write { db in
      try db.execute(
        sql: "CREATE TRIGGER refusing BEFORE UPDATE ON upload BEGIN SELECT RAISE(ABORT, 'no'); END")
    }
    let refused = new
    await #expect(throws: (any Error).self) {
      try await world.store.catalog.insert(refused, unlessOpen: .max, ending: ending)
    }
    #expect(try await world.store.catalog.upload(token: new.token) == nil)
    try await world.store.catalog.write { db in try db.execute(sql: "DROP TRIGGER refusing") }
    #expect(try await world.store.catalog.insert(new, unlessOpen: .max, ending: ending)?.state == .gone)
  }
}
