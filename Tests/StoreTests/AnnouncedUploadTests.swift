import Foundation
import GRDB
import Ground
import Testing

@testable import Store

/// Uploads whose rows wait in memory for a transaction that is made anyway.
@Suite struct AnnouncedUploadTests {
  private func announce(_ world: UploadFixture, limit: Int = .max) async throws -> UploadRow? {
    let upload = NewUpload(
      token: randomBytes(32), asset: Identifier(), owner: world.store.anna, kind: "raw", rule: "flag", details: "{}",
      expiresAt: UploadFixture.far)
    return try await world.store.catalog.announce(upload, ownerID: world.store.annaID, unlessOpen: limit)
  }

  private func recorded(_ world: UploadFixture) async throws -> Int { try await world.store.count("upload") }

  @Test func nothingIsWrittenBeforeItIsNeeded() async throws {
    let world = try await UploadFixture()
    let row = try #require(try await announce(world))
    let file = try world.store.staging.create(row, in: world.store.catalog)
    try await world.feed(sample(10_000), to: file)
    #expect(try await recorded(world) == 0)
    // The first offset that may be told.
    try await world.checkpoint(file)
    #expect(try await recorded(world) == 1)
    #expect(try await world.row(row)?.offset == 10_000)
    #expect(try await world.row(row)?.ownerID == row.ownerID)
  }

  @Test func whoeverLooksFindsIt() async throws {
    let world = try await UploadFixture()
    let catalog = world.store.catalog
    let first = try #require(try await announce(world))
    #expect(try await catalog.stagedUploads(owner: world.store.anna).map(\.number) == [first.number])
    #expect(try await recorded(world) == 0)
    #expect(try await catalog.upload(token: first.token) == first)
    let second = try #require(try await announce(world))
    #expect(try await catalog.upload(asset: second.asset) == second)
    let third = try #require(try await announce(world))
    #expect(try await catalog.openUploads(owner: third.ownerID).map(\.number) == [third, second, first].map(\.number))
    #expect(try await catalog.stagedUploads(owner: world.store.anna).count == 3)
    #expect(try await recorded(world) == 3)
  }

  @Test func whoIsGoneKeepsNobodyElsesFromBeingRecorded() async throws {
    let world = try await UploadFixture()
    let (id, bob) = try await StoreFixture.addUser("bob", to: world.store.catalog)
    let his = NewUpload(
      token: randomBytes(32), asset: Identifier(), owner: bob, kind: "raw", rule: "flag", details: "{}",
      expiresAt: UploadFixture.far)
    #expect(try await world.store.catalog.announce(his, ownerID: id, unlessOpen: .max) != nil)
    try await world.store.catalog.write { db in
      try db.execute(sql: "DELETE FROM user WHERE number = ?", arguments: [bob.number])
    }
    let hers = try #require(try await announce(world))
    try await world.store.catalog.recordAnnounced { _ in true }
    #expect(try await recorded(world) == 1)
    #expect(try await world.row(hers)?.token == hers.token)
  }

  /// Its number was given before: nobody else may get it.
  @Test func numbersAreGivenOnce() async throws {
    let world = try await UploadFixture()
    let announced = try #require(try await announce(world))
    let inserted = try await world.create()
    #expect(announced.number != inserted.number)
    #expect(try await world.row(announced)?.token == announced.token)
    #expect(try await world.row(inserted)?.token == inserted.token)
  }

  @Test func finishRecordsItWithItsIntent() async throws {
    let world = try await UploadFixture()
    let row = try #require(try await announce(world))
    let file = try world.store.staging.create(row, in: world.store.catalog)
    try await world.feed(sample(10_000), to: file)
    let outcome = try await world.store.finisher.finish(world.request(row, file))
    #expect(outcome == .created(row.asset))
    guard case .complete(true, row.asset, sha1(sample(10_000))) = try await world.row(row)?.state else {
      Issue.record("not complete")
      return
    }
    #expect(try world.store.staged.isEmpty)
  }

  /// Ended before it was recorded: its end is.
  @Test func endsLikeAnyOther() async throws {
    let world = try await UploadFixture()
    let row = try #require(try await announce(world))
    #expect(try await world.store.catalog.end(upload: row.number, .gone, forgetAt: UploadFixture.far))
    #expect(try await world.row(row)?.state == .gone)
    let other = try #require(try await announce(world))
    #expect(world.store.catalog.withdraw(announced: other.number))
    #expect(try await world.row(other) == nil)
  }

  @Test func isRecordedByItselfAfterAWhile() async throws {
    let world = try await UploadFixture(patience: 0.01)
    let row = try #require(try await announce(world))
    let deadline = ContinuousClock.now + .seconds(20)
    while try await recorded(world) == 0, ContinuousClock.now < deadline { await Task.yield() }
    #expect(try await recorded(world) == 1)
    #expect(try await world.row(row) == row)
  }

  /// What a crash takes: the upload itself, and with the next start its file.
  @Test func crashForgetsIt() async throws {
    let world = try await UploadFixture()
    let row = try #require(try await announce(world))
    let file = try world.store.staging.create(row, in: world.store.catalog)
    try await world.feed(sample(10_000), to: file)
    let report = try await world.restart()
    #expect(report.swept == 1 && report.lostUploads == 0)
    #expect(try await world.row(row) == nil)
  }

  @Test func countsAgainstTheLimit() async throws {
    let world = try await UploadFixture()
    _ = try await world.create()
    #expect(try await announce(world, limit: 2) != nil)
    #expect(try await announce(world, limit: 2) == nil)
  }
}
