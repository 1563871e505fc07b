import Foundation
import GRDB
import Ground
import Testing

@testable import Store

@Suite struct AssetCheckTests {
  @Test func answersInOrderAndForTheOwnerOnly() async throws {
    let store = try await StoreFixture()
    let (bobID, bob) = try await StoreFixture.addUser("bob", to: store.catalog)
    let mine = try await store.request(sample(10), name: "a.jpg")
    let binned = try await store.request(sample(10, seed: 2), name: "b.jpg")
    let foreign = try await store.request(sample(10, seed: 3), name: "c.jpg", owner: bob)
    for request in [mine, binned, foreign] { _ = try await store.finisher.finish(request) }
    #expect(try await store.trash([binned.asset.id], owner: store.annaID))
    let digests = [foreign, mine, binned, mine].map(\.asset.sha1)
    #expect(
      try await store.catalog.check(digests, owner: store.annaID) == [
        .unknown, .known(mine.asset.id, isTrashed: false), .known(binned.asset.id, isTrashed: true),
        .known(mine.asset.id, isTrashed: false),
      ])
    #expect(
      try await store.catalog.check(digests, owner: bobID)
        == [.known(foreign.asset.id, isTrashed: false), .unknown, .unknown, .unknown])
    #expect(try await store.catalog.check(digests, owner: Identifier()) == Array(repeating: .unknown, count: 4))
    #expect(try await store.catalog.check([], owner: bobID) == [])
  }

  /// What answers "do you have these?" follows the rows by itself.
  @Test func contentFollowsTheRows() async throws {
    let store = try await StoreFixture()
    let request = try await store.request(sample(10), name: "a.jpg")
    _ = try await store.finisher.finish(request)
    let digest = request.asset.sha1
    #expect(try await store.trash([request.asset.id], owner: store.annaID))
    #expect(try await store.catalog.check([digest], owner: store.annaID) == [.known(request.asset.id, isTrashed: true)])
    _ = try await store.restore([request.asset.id], owner: store.annaID)
    #expect(
      try await store.catalog.check([digest], owner: store.annaID) == [.known(request.asset.id, isTrashed: false)])
    await #expect(throws: StoreError.self, "the same bytes twice") {
      try await store.catalog.write { db in
        try db.execute(
          sql: """
            INSERT INTO asset (id, owner, sha1, kind, mime_type, size, original_key, place, original_name,
              file_created_at, file_modified_at, local_date_time, created_at, updated_at, is_favorite, visibility)
            SELECT randomblob(16), owner, sha1, kind, mime_type, size, 'x', 1, original_name,
              0, 0, 0, 0, 0, 0, 'timeline' FROM asset
            """)
      }
    }
    try await store.catalog.write { db in try db.execute(sql: "DELETE FROM asset") }
    #expect(try await store.catalog.check([digest], owner: store.annaID) == [.unknown])
  }

  @Test func moreThanOneChunk() async throws {
    let store = try await StoreFixture()
    let request = try await store.request(sample(10), name: "a.jpg")
    _ = try await store.finisher.finish(request)
    let count = Catalog.checkChunk * 2 + 1
    var digests = (0..<count).map { SHA1Digest(bytes: sample(20, seed: UInt64($0 + 1000)))! }
    digests[count - 1] = request.asset.sha1
    let answers = try await store.catalog.check(digests, owner: store.annaID)
    #expect(answers.count == count && answers.last == .known(request.asset.id, isTrashed: false))
    #expect(answers.dropLast().allSatisfy { $0 == .unknown })
  }

  @Test func trashIsAllOrNothing() async throws {
    let store = try await StoreFixture()
    let (bobID, _) = try await StoreFixture.addUser("bob", to: store.catalog)
    guard case .created(let id) = try await store.store(sample(10), name: "a.jpg") else { return }
    #expect(try await store.trash([id, Identifier()], owner: store.annaID) == false)
    #expect(try await store.trash([id], owner: bobID) == false)
    #expect(try await store.row(id)?.deletedAt == nil)
    let then = Instant(milliseconds: 5)
    #expect(try await store.trash([id, id], owner: store.annaID, now: then))
    #expect(try await store.trash([id], owner: store.annaID))
    #expect(try await store.row(id)?.deletedAt == then, "the date stays")
    #expect(try await store.restore([id], owner: bobID) == nil)
    #expect(try await store.restore([id], owner: store.annaID) == 1)
    #expect(try await store.restore([id], owner: store.annaID) == 0)
  }

  @Test func countsByShelf() async throws {
    let store = try await StoreFixture()
    var ids: [Identifier] = []
    for seed in 1...5 as ClosedRange<UInt64> {
      guard case .created(let id) = try await store.store(sample(10, seed: seed), name: "a.jpg") else { return }
      ids.append(id)
    }
    let (archived, favorite, binned, video) = (ids[0], ids[1], ids[2], ids[3])
    try await store.catalog.write { db in
      try db.execute(sql: "UPDATE asset SET visibility = 'archive' WHERE id = ?", arguments: [archived])
      try db.execute(sql: "UPDATE asset SET is_favorite = 1 WHERE id = ?", arguments: [favorite])
      try db.execute(sql: "UPDATE asset SET deleted_at = 1 WHERE id = ?", arguments: [binned])
      try db.execute(sql: "UPDATE asset SET kind = 'VIDEO', visibility = 'hidden' WHERE id = ?", arguments: [video])
      try db.execute(
        sql: "UPDATE asset SET live_photo_video = (SELECT number FROM asset WHERE id = ?) WHERE id = ?",
        arguments: [video, favorite])
    }
    func counts(_ shelves: [String], favorite: Bool? = nil, trashed: Bool? = nil, motion: Bool = true) async throws
      -> [String: Int]
    {
      try await store.catalog.counts(
        owner: store.annaID,
        AssetFilter(visibilities: shelves, isFavorite: favorite, isTrashed: trashed, withoutMotionParts: !motion))
    }
    #expect(try await counts(["archive", "timeline"]) == ["IMAGE": 4])
    #expect(try await counts(["archive", "timeline"], trashed: false) == ["IMAGE": 3])
    #expect(try await counts(["timeline"], trashed: true) == ["IMAGE": 1])
    #expect(try await counts(["timeline"], favorite: true) == ["IMAGE": 1])
    #expect(try await counts(["hidden"]) == ["VIDEO": 1])
    #expect(try await counts(["hidden"], motion: false) == [:])
  }
}
