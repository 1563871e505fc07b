import Foundation
import GRDB
import Ground
import Testing

@testable import Store

@Suite struct FinishTests {
  @Test func storesInReadableFolders() async throws {
    let store = try await StoreFixture()
    guard
      case .created(let id) = try await store.store(
        sample(3 << 20), name: "IMG_0001.JPG", sidecar: sample(100, seed: 9))
    else {
      Issue.record("not created")
      return
    }
    let row = try #require(try await store.row(id))
    #expect(row.originalKey == "anna/2024/2024-07/IMG_0001.JPG")
    #expect(row.sidecarKey == "anna/2024/2024-07/IMG_0001.JPG.xmp")
    #expect(row.size == 3 << 20)
    #expect(row.originalName == Array("IMG_0001.JPG".utf8))
    #expect(try store.originals.open(row.originalKey)?.status.modified == Instant(milliseconds: 1_600_000_000_000))
    #expect(try await store.problems() == [])
  }

  @Test func takenNamesGetNumbers() async throws {
    let store = try await StoreFixture()
    for (index, name) in ["a.jpg", "A.JPG", "a.jpg", "a.jpg", "a+1.jpg"].enumerated() {
      _ = try await store.store(sample(100, seed: UInt64(index + 1)), name: name)
    }
    let folder = "anna/2024/2024-07/"
    #expect(store.files == ["A+1.JPG", "a+1+1.jpg", "a+2.jpg", "a+3.jpg", "a.jpg"].map { folder + $0 })
    #expect(try await store.problems() == [])
  }

  @Test func filesPutThereByHandAreNeverReplaced() async throws {
    let store = try await StoreFixture()
    let folder = store.directory.originals + "/anna/2024/2024-07"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data("mine".utf8).write(to: URL(fileURLWithPath: folder + "/a.jpg"))
    try Data("mine".utf8).write(to: URL(fileURLWithPath: folder + "/b.jpg.xmp"))
    _ = try await store.store(sample(10), name: "a.jpg")
    _ = try await store.store(sample(10, seed: 2), name: "b.jpg", sidecar: sample(5))
    #expect(store.files.map { splitKey($0).name } == ["a+1.jpg", "a.jpg", "b+1.jpg", "b+1.jpg.xmp", "b.jpg.xmp"])
    #expect(try FileSystem.contents(folder + "/a.jpg") == Array("mine".utf8))
  }

  /// The rename itself meets a name that was free a moment ago.
  @Test func nameTakenBetweenLookAndRename() async throws {
    let store = try await StoreFixture()
    let steps = FinishSteps(
      catalog: store.catalog, staging: store.staging, originals: store.originals, logger: .init(label: "test"))
    var members = [FinishMember(request: try await store.request(sample(10), name: "a.jpg", sidecar: sample(3)))]
    steps.intend(&members)
    let folder = store.directory.originals + "/anna/2024/2024-07"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data("mine".utf8).write(to: URL(fileURLWithPath: folder + "/a.jpg.xmp"))
    guard case .intended(var intent, _) = members[0].phase else {
      Issue.record("no intent")
      return
    }
    var moved = Moved.nothing
    try steps.moveIn(&intent, &moved)
    #expect(moved == .all)
    #expect(intent.key == "anna/2024/2024-07/a+1.jpg")
    intent.inode = nil  // not recorded
    #expect(try await store.catalog.read { db in try Intent.all(db) } == [intent])
    #expect(store.files.map { splitKey($0).name } == ["a+1.jpg", "a+1.jpg.xmp", "a.jpg.xmp"])
  }

  @Test func equalBytesAtOnceBecomeOneAsset() async throws {
    let store = try await StoreFixture()
    let outcomes = try await withThrowingTaskGroup(of: (UInt64, FinishOutcome).self) { group in
      for index in 0..<32 {
        group.addTask {
          let seed = UInt64(index % 4 + 1)
          return (seed, try await store.store(sample(50_000, seed: seed), name: "\(index).jpg"))
        }
      }
      return try await group.reduce(into: [UInt64: [FinishOutcome]]()) { $0[$1.0, default: []].append($1.1) }
    }
    #expect(outcomes.count == 4)
    for group in outcomes.values {
      let created = group.compactMap { if case .created(let id) = $0 { id } else { nil } }
      let duplicates = group.compactMap { if case .duplicate(let id) = $0 { id } else { nil } }
      #expect(created.count == 1 && duplicates == Array(repeating: created.first, count: 7))
    }
    #expect(store.files.count == 4)
    #expect(try await store.problems() == [])
  }

  @Test func twinsInOneBatchAreSettledInTheNext() async throws {
    let store = try await StoreFixture()
    let steps = FinishSteps(
      catalog: store.catalog, staging: store.staging, originals: store.originals, logger: .init(label: "test"))
    var members: [FinishMember] = []
    for name in ["a.jpg", "b.jpg"] {
      members.append(FinishMember(request: try await store.request(sample(10), name: name)))
    }
    steps.intend(&members)
    #expect(steps.finishIntended(&members).breakdown == nil)
    guard case .done(.success(.created(let id))) = members[0].phase, case .deferred = members[1].phase else {
      Issue.record("\(members)")
      return
    }
    var rest = [FinishMember(request: members[1].request)]
    steps.intend(&rest)
    #expect(steps.finishIntended(&rest).breakdown == nil)
    guard case .done(.success(.duplicate(id))) = rest[0].phase else {
      Issue.record("\(rest)")
      return
    }
    #expect(try await store.problems() == [])
  }

  /// The batch's own earlier members count against the quota, and one refusal does not touch the others.
  @Test func quotaWithinOneBatch() async throws {
    let store = try await StoreFixture()
    let (_, bob) = try await StoreFixture.addUser("bob", quota: 250, to: store.catalog)
    let steps = FinishSteps(
      catalog: store.catalog, staging: store.staging, originals: store.originals, logger: .init(label: "test"))
    var members: [FinishMember] = []
    for seed in 1...4 as ClosedRange<UInt64> {
      let owner = seed == 4 ? store.anna : bob
      members.append(
        FinishMember(request: try await store.request(sample(100, seed: seed), name: "a.jpg", owner: owner)))
    }
    steps.intend(&members)
    #expect(steps.finishIntended(&members).breakdown == nil)
    let results = members.map { member -> String in
      guard case .done(let result) = member.phase else { return "open" }
      switch result {
      case .success(.created): return "created"
      case .success(.duplicate): return "duplicate"
      case .failure(let error): return "\(error)"
      }
    }
    #expect(results == ["created", "created", "quotaExceeded", "created"])
    #expect(try await store.problems() == [])
  }

  /// A sidecar takes of the quota what it takes of the disk.
  @Test func sidecarsCountAgainstTheQuota() async throws {
    let store = try await StoreFixture()
    let (id, bob) = try await StoreFixture.addUser("bob", quota: 250, to: store.catalog)
    let steps = FinishSteps(
      catalog: store.catalog, staging: store.staging, originals: store.originals, logger: .init(label: "test"))
    var members: [FinishMember] = []
    for seed in 1...2 as ClosedRange<UInt64> {
      members.append(
        FinishMember(
          request: try await store.request(sample(100, seed: seed), name: "a.jpg", owner: bob, sidecar: sample(30))))
    }
    steps.intend(&members)
    #expect(steps.finishIntended(&members).breakdown == nil)
    guard case .done(.success(.created)) = members[0].phase, case .done(.failure(let error)) = members[1].phase else {
      Issue.record("\(members)")
      return
    }
    #expect(error as? FinishError == .quotaExceeded)
    #expect(try await store.catalog.account(id)?.used == 130)
    // And across batches: 120 of 250 are left.
    for (size, sidecar) in [(100, 21), (121, 0)] {
      let request = try await store.request(
        sample(size, seed: 7), name: "b.jpg", owner: bob, sidecar: sidecar > 0 ? sample(sidecar) : nil)
      await #expect(throws: FinishError.quotaExceeded) { try await store.finisher.finish(request) }
    }
    _ = try await store.store(sample(100, seed: 8), name: "b.jpg", owner: bob, sidecar: sample(20))
    #expect(try await store.catalog.account(id)?.used == 250)
  }

  @Test func nothingIsStoredForWhoWasDeletedMeanwhile() async throws {
    let store = try await StoreFixture()
    let (_, bob) = try await StoreFixture.addUser("bob", to: store.catalog)
    let request = try await store.request(sample(10), name: "a.jpg", owner: bob)
    try await store.catalog.write { db in
      try db.execute(sql: "UPDATE user SET deleted_at = 1 WHERE number = ?", arguments: [bob.number])
    }
    await #expect(throws: FinishError.ownerGone) { try await store.finisher.finish(request) }
    #expect(store.files == [])
    #expect(try await store.problems() == [])
  }

  @Test func memberThatCannotBeRecordedIsUndoneAlone() async throws {
    let store = try await StoreFixture()
    let steps = FinishSteps(
      catalog: store.catalog, staging: store.staging, originals: store.originals, logger: .init(label: "test"))
    guard case .created(let video) = try await store.store(sample(70, seed: 7), name: "motion.mov") else { return }
    try await store.catalog.write { db in try db.execute(sql: "UPDATE asset SET kind = 'VIDEO'") }
    var members: [FinishMember] = []
    for seed in 1...3 as ClosedRange<UInt64> {
      var request = try await store.request(sample(100, seed: seed), name: "a.jpg", sidecar: sample(9, seed: seed))
      if seed == 2 { request.asset.livePhotoVideo = video }
      members.append(FinishMember(request: request))
    }
    steps.intend(&members)
    // The motion part goes between the two transactions.
    try await store.catalog.write { db in try db.execute(sql: "UPDATE asset SET kind = 'IMAGE'") }
    var again = members
    #expect(steps.finishIntended(&again).breakdown == nil)
    guard case .done(.failure(let error)) = again[1].phase else {
      Issue.record("\(again[1])")
      return
    }
    #expect(error as? FinishError == .liveVideoIsNoVideo)
    #expect(try await store.count("asset") == 3)
    #expect(try await store.problems() == [])
  }

  @Test(arguments: [("timeline", "hidden"), ("archive", "hidden"), ("locked", "locked")])
  func livePhotoHidesItsMotionPart(before: String, after: String) async throws {
    let store = try await StoreFixture()
    var video = try await store.request(sample(70, seed: 7), name: "motion.mov")
    (video.asset.kind, video.asset.visibility) = ("VIDEO", before)
    guard case .created(let videoID) = try await store.finisher.finish(video) else { return }
    var still = try await store.request(sample(80, seed: 8), name: "still.heic")
    still.asset.livePhotoVideo = videoID
    guard case .created(let stillID) = try await store.finisher.finish(still) else { return }
    #expect(try await store.row(videoID)?.visibility == after)
    #expect(try await store.row(stillID)?.livePhotoVideo == videoID)
    for (link, error) in [(Identifier(), FinishError.liveVideoNotFound), (stillID, .liveVideoIsNoVideo)] {
      var wrong = try await store.request(sample(90, seed: 9), name: "x.heic")
      wrong.asset.livePhotoVideo = link
      let request = wrong
      await #expect(throws: error) { try await store.finisher.finish(request) }
    }
    let (_, bob) = try await StoreFixture.addUser("bob", to: store.catalog)
    var foreign = try await store.request(sample(90, seed: 9), name: "x.heic", owner: bob)
    foreign.asset.livePhotoVideo = videoID
    let request = foreign
    await #expect(throws: FinishError.liveVideoNotFound) { try await store.finisher.finish(request) }
    #expect(try await store.problems() == [])
  }

  @Test func listEditedByHandGoesOn() async throws {
    let store = try await StoreFixture()
    let folder = store.directory.originals + "/anna/2024/2024-07"
    _ = try await store.store(sample(10), name: "a.jpg")
    let old = try FileSystem.contents(folder + "/SHA1SUMS")
    try Data(old.dropLast()).write(to: URL(fileURLWithPath: folder + "/SHA1SUMS"))
    _ = try await store.store(sample(10, seed: 2), name: "b.jpg")
    #expect(try await store.problems() == [])
  }

  @Test func ownersDoNotShareDuplicates() async throws {
    let store = try await StoreFixture()
    let (_, bob) = try await StoreFixture.addUser("bob", to: store.catalog)
    guard case .created(let first) = try await store.store(sample(10), name: "a.jpg"),
      case .created(let second) = try await store.store(sample(10), name: "a.jpg", owner: bob)
    else {
      Issue.record("both are new")
      return
    }
    #expect(first != second)
    #expect(store.files == ["anna/2024/2024-07/a.jpg", "bob/2024/2024-07/a.jpg"])
  }

  /// The reserve is touched while uploads are under way: what is new is refused, what is known needs no room.
  @Test func reserveIsKeptAtTheEnd() async throws {
    let store = try await StoreFixture()
    guard case .created(let id) = try await store.store(sample(10), name: "a.jpg") else { return }
    let staging = try Staging(
      root: store.directory.staging, originals: store.directory.originals, blocks: BlockPool(), reserve: 1 << 60)
    let finisher = Finisher(
      catalog: store.catalog, staging: staging, originals: store.originals, logger: .init(label: "test"))
    let known = try await store.request(sample(10), name: "b.jpg")
    let new = try await store.request(sample(10, seed: 2), name: "b.jpg")
    #expect(try await finisher.finish(known) == .duplicate(id))
    await #expect(throws: StoreError.diskFull) { try await finisher.finish(new) }
    #expect(try await store.problems() == [])
  }

  @Test func closedFinisherRefusesAndLeavesNothing() async throws {
    let store = try await StoreFixture()
    await store.finisher.close()
    await #expect(throws: FinishError.unavailable("The server is stopping")) {
      try await store.store(sample(10), name: "a.jpg")
    }
    #expect(try await store.problems() == [])
  }

  /// The catalog fails in the middle of recording: nothing that waits is written or answered as stored, and a restart
  /// settles what was under way.
  @Test func breakdownRefusesWhateverWaits() async throws {
    let store = try await StoreFixture()
    let trigger = "CREATE TRIGGER broken BEFORE INSERT ON asset BEGIN INSERT INTO gone VALUES (1); END"
    try await store.catalog.write { db in try db.execute(sql: trigger) }
    var requests: [FinishRequest] = []
    for index in 0..<200 {
      // Pairs of equal bytes, so that some are put off to the next batch.
      requests.append(try await store.request(sample(10, seed: UInt64(index / 2 + 1)), name: "\(index).jpg"))
    }
    await withTaskGroup { group in
      for request in requests {
        group.addTask {
          await #expect {
            try await store.finisher.finish(request)
          } throws: {
            if case FinishError.unavailable = $0 { true } else { false }
          }
        }
      }
    }
    #expect(store.finisher.isBroken)
    let intents = try await store.catalog.read { db in try Intent.all(db) }
    #expect((1...Finisher.batchLimit).contains(intents.count), "one batch alone was written")
    #expect(try store.staged.isEmpty && store.files.count == intents.count)
    try await store.catalog.write { db in try db.execute(sql: "DROP TRIGGER broken") }
    await #expect(throws: FinishError.self) { try await store.store(sample(10, seed: 999), name: "late.jpg") }
    #expect(try store.recovery.run().completed == intents.count)
    #expect(try await store.problems() == [])
  }

  @Test func intentKeepsEveryFact() throws {
    var asset = NewAsset(
      id: Identifier(), owner: Owner(number: 7, folder: "anna"), sha1: SHA1Digest(bytes: sample(20))!, size: 9,
      kind: "VIDEO", mimeType: "video/mp4", originalName: [0xFF, 0x00, 0x2F],
      wallClock: CalendarTime(year: 1, month: 2, day: 3),
      fileCreatedAt: Instant(milliseconds: -5), fileModifiedAt: Instant(milliseconds: 6), isFavorite: true,
      visibility: "locked", durationMilliseconds: 8, livePhotoVideo: Identifier(), metadata: "[{\"a\":\"ü\"}]",
      sidecarSHA1: SHA1Digest(bytes: sample(20, seed: 2)), sidecarSize: 11)
    #expect(try NewAsset(json: asset.json) == asset)
    asset.sidecarSHA1 = nil
    asset.livePhotoVideo = nil
    #expect(try NewAsset(json: asset.json) == asset)
  }
}
