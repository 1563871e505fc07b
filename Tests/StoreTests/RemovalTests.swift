import Foundation
import GRDB
import Ground
import LogLines
import Logging
import Synchronization
import Testing

@testable import Store

/// Deleted assets: rows at once, files into quarantine, and whatever a crash leaves in between.
@Suite struct RemovalTests {
  let store: StoreFixture
  let now = Instant(milliseconds: 1_764_000_000_000)  // 2025-11-24
  let month = "anna/2024/2024-07"

  init() async throws { store = try await StoreFixture() }

  private var quarantine: String { store.directory.quarantine }

  private func remover(
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
    pictures: @escaping @Sendable (Identifier) throws -> Void = { _ in }
  ) -> Remover {
    Remover(
      catalog: store.catalog, originals: store.originals, quarantine: quarantine, finisher: store.finisher,
      logger: logger, removePictures: pictures)
  }

  private func stored(_ bytes: [UInt8], _ name: String, sidecar: [UInt8]? = nil) async throws -> Identifier {
    guard case .created(let id) = try await store.store(bytes, name: name, sidecar: sidecar) else {
      throw StoreError.broken("not new")
    }
    return id
  }

  private func delete(_ ids: Identifier...) async throws -> [Identifier] { try await delete(ids) }

  private func delete(_ ids: [Identifier]) async throws -> [Identifier] {
    let assets = try #require(try await store.catalog.named(ids, owner: store.annaID))
    try await store.catalog.trash(assets, now: now)
    return try await store.catalog.deleteTrashed(assets, now: now)
  }

  private func settle() async throws {
    let remover = remover()
    while try await remover.move() > 0 {}
  }

  /// Every file in quarantine, without the lists.
  private var quarantined: [String] {
    let all = FileManager.default.enumerator(atPath: quarantine)?.compactMap { $0 as? String } ?? []
    return all.filter { path in
      (try? FileSystem.status("\(quarantine)/\(path)"))??.isRegular == true && !path.hasSuffix("SHA1SUMS")
    }.sorted()
  }

  private func sumsHold(_ day: String) throws -> Bool {
    try run("sha1sum", ["--check", "--strict", "--quiet", "SHA1SUMS"], in: "\(quarantine)/\(day)") == 0
  }

  @Test func rowsGoAtOnceAndFilesFollow() async throws {
    let kept = try await stored(sample(100), "a.jpg")
    let gone = try await stored(sample(200, seed: 2), "b.jpg", sidecar: sample(30, seed: 3))
    #expect(try await delete(gone) == [gone])
    #expect(try await store.row(gone) == nil)
    #expect(try await store.used == 100)
    #expect(try await store.count("content") == 1)
    #expect(store.files == ["\(month)/a.jpg", "\(month)/b.jpg", "\(month)/b.jpg.xmp"], "the file is still there")
    try await settle()
    #expect(try await store.problems() == [])
    #expect(store.files == ["\(month)/a.jpg"])
    #expect(quarantined == ["2025-11-24/\(month)/b.jpg", "2025-11-24/\(month)/b.jpg.xmp"])
    #expect(try FileSystem.contents("\(quarantine)/2025-11-24/\(month)/b.jpg") == sample(200, seed: 2))
    #expect(try sumsHold("2025-11-24"))
    #expect(try await store.row(kept) != nil)
  }

  @Test func picturesGoWithTheirAsset() async throws {
    let gone = try await stored(sample(100), "a.jpg")
    _ = try await delete(gone)
    let removed = Removed()
    #expect(try await remover { removed.add($0) }.move() == 1)
    #expect(removed.ids == [gone])
  }

  @Test func theSameBytesComeAgainBeforeTheFileHasLeft() async throws {
    let first = try await stored(sample(100), "a.jpg")
    _ = try await delete(first)
    let second = try await stored(sample(100), "a.jpg")
    #expect(second != first)
    #expect(try await store.row(second)?.originalKey == "\(month)/a+1.jpg")
    try await settle()
    #expect(try await store.problems() == [])
    guard case .duplicate(second) = try await store.store(sample(100), name: "again.jpg") else {
      Issue.record("the new one is known")
      return
    }
    _ = try await delete(second)
    try await settle()
    #expect(quarantined.count == 2)
    #expect(try sumsHold("2025-11-24"))
  }

  @Test func equalPathsOfOneDayAreNumbered() async throws {
    for seed in 1...3 {
      let id = try await stored(sample(50, seed: UInt64(seed)), "a.jpg")
      _ = try await delete(id)
      try await settle()
    }
    #expect(quarantined == ["a+1.jpg", "a+2.jpg", "a.jpg"].map { "2025-11-24/\(month)/\($0)" })
    #expect(try sumsHold("2025-11-24"))
  }

  @Test func aStrangerInQuarantineIsNotTouched() async throws {
    let id = try await stored(sample(50), "a.jpg", sidecar: sample(5, seed: 9))
    let folder = "\(quarantine)/2025-11-24/\(month)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data("stranger".utf8).write(to: URL(fileURLWithPath: folder + "/a.jpg"))
    _ = try await delete(id)
    try await settle()
    #expect(try FileSystem.contents(folder + "/a.jpg") == Array("stranger".utf8))
    #expect(quarantined == ["a+1.jpg", "a+1.jpg.xmp", "a.jpg"].map { "2025-11-24/\(month)/\($0)" })
    #expect(try sumsHold("2025-11-24"))
  }

  /// What a crash leaves after each step of the move, built by hand.
  @Test(arguments: [0, 1, 2, 3, 4]) func healing(step: Int) async throws {
    let id = try await stored(sample(50), "a.jpg", sidecar: sample(5, seed: 9))
    _ = try await stored(sample(60, seed: 4), "b.jpg")
    _ = try await delete(id)
    let folder = "\(quarantine)/2025-11-24/\(month)"
    let source = "\(store.directory.originals)/\(month)/a.jpg"
    if step > 0 {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try FileSystem.rename(source + ".xmp", folder + "/a.jpg.xmp")
    }
    if step > 1 { try FileSystem.rename(source, folder + "/a.jpg") }
    if step > 2 {
      try ChecksumList(folder: "\(quarantine)/2025-11-24").append([
        .init(sha1: digest(sample(5, seed: 9)), name: "\(month)/a.jpg.xmp"),
        .init(sha1: digest(sample(50)), name: "\(month)/a.jpg"),
      ])
    }
    if step > 3 { _ = try store.originals.list(folder: month).remove(["a.jpg", "a.jpg.xmp"]) }
    try await settle()
    #expect(try await store.problems() == [])
    #expect(quarantined == ["2025-11-24/\(month)/a.jpg", "2025-11-24/\(month)/a.jpg.xmp"])
    #expect(try sumsHold("2025-11-24"))
    #expect(try await remover().move() == 0)
  }

  /// A newcomer's line would stand beside those of who has left, where a crash came between the move and the lists; and
  /// shares take another spelling for the same name.
  @Test(
    arguments: [("a.jpg", "a.jpg"), ("a.jpg", "A.JPG"), ("\u{E9}.jpg", "e\u{301}.jpg")],
    [(hasMoved: true, hasSidecar: false), (true, true), (false, false), (false, true)])
  func aNameOnItsWayOutIsNobodys(names: (String, String), how: (hasMoved: Bool, hasSidecar: Bool)) async throws {
    let (old, new) = names
    let id = try await stored(sample(50), old, sidecar: sample(5, seed: 9))
    _ = try await delete(id)
    if how.hasMoved {
      let folder = "\(quarantine)/2025-11-24/\(month)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for name in [old + ".xmp", old] {
        try FileSystem.rename("\(store.directory.originals)/\(month)/\(name)", "\(folder)/\(name)")
      }
    }
    let key = "\(month)/\(SafeName.numbered(SafeName.make(Array(new.utf8)), 1))"
    let newcomer = try await stored(sample(70, seed: 7), new, sidecar: how.hasSidecar ? sample(6, seed: 8) : nil)
    #expect(try await store.row(newcomer)?.originalKey == key)
    try await settle()
    #expect(try await store.problems() == [])
    #expect(store.files == [key] + (how.hasSidecar ? [key + ".xmp"] : []))
    #expect(quarantined.map { Array($0.utf8) } == [old, old + ".xmp"].map { Array("2025-11-24/\(month)/\($0)".utf8) })
    #expect(try sumsHold("2025-11-24"))
    let next = try await stored(sample(71, seed: 6), new)
    #expect(try await store.row(next)?.originalKey == "\(month)/\(SafeName.make(Array(new.utf8)))", "free again")
  }

  /// What an older version may have left: the file of a living asset never leaves.
  @Test func aNewcomerUnderTheNameStays() async throws {
    let id = try await stored(sample(50), "a.jpg")
    _ = try await delete(id)
    try FileSystem.remove("\(store.directory.originals)/\(month)/a.jpg")
    _ = try store.originals.list(folder: month).remove(["a.jpg"])
    _ = try await stored(sample(70, seed: 7), "b.jpg")
    try await store.catalog.write { db in
      try db.execute(sql: "UPDATE removal SET original_key = ?", arguments: ["\(self.month)/b.jpg"])
    }
    let log = LogLines()
    while try await remover(logger: log.logger).move() > 0 {}
    #expect(try await store.problems() == [])
    #expect(store.files == ["\(month)/b.jpg"])
    #expect(log.all.count { $0.contains("originals/\(month)/b.jpg") } == 1)
  }

  @Test func aLostFileIsNoHindrance() async throws {
    let id = try await stored(sample(50), "a.jpg")
    try FileSystem.remove("\(store.directory.originals)/\(month)/a.jpg")
    _ = try await delete(id)
    try await settle()
    #expect(try await store.count("removal WHERE state = 'quarantined'") == 1)
    #expect(quarantined.isEmpty)
  }

  /// Even root cannot make a folder where a file lies.
  @Test func aFileThatCannotBeMovedKeepsNoOther() async throws {
    let ids = [
      try await stored(sample(50), "a.jpg"), try await stored(sample(51, seed: 2), "b.jpg"),
      try await stored(sample(52, seed: 3), "c.jpg"),
    ]
    _ = try await delete(ids)
    try await store.catalog.write { db in
      try db.execute(
        sql: "UPDATE removal SET target = '2025-11-24/blocked/a.jpg' WHERE id = ?", arguments: [ids[0]])
    }
    try FileSystem.makeFolders("\(quarantine)/2025-11-24")
    try Data("a person's".utf8).write(to: URL(fileURLWithPath: "\(quarantine)/2025-11-24/blocked"))
    try await settle()
    #expect(store.files == ["\(month)/a.jpg"])
    #expect(try await store.count("removal WHERE state = 'quarantined'") == 2)
    #expect(try await remover().move() == 0, "tried again, and said so to nobody who waits")
    try FileSystem.remove("\(quarantine)/2025-11-24/blocked")
    try await settle()
    #expect(try await store.problems() == [])
    #expect(quarantined.count == 3)
    #expect(try sumsHold("2025-11-24"))
  }

  @Test func motionPartsGoWithTheirLastStill() async throws {
    let motion = try await stored(sample(40, seed: 5), "m.mov")
    let stills = [try await stored(sample(50), "a.jpg"), try await stored(sample(51, seed: 2), "b.jpg")]
    try await store.catalog.write { db in
      try db.execute(
        sql: "UPDATE asset SET live_photo_video = (SELECT number FROM asset WHERE id = ?) WHERE id IN (?, ?)",
        arguments: [motion, stills[0], stills[1]])
    }
    #expect(try await delete(stills[0]) == [stills[0]], "another still uses it")
    #expect(try await delete(stills[1]) == [stills[1], motion])
    try await settle()
    #expect(try await store.problems() == [])
    #expect(try await store.used == 0)
  }

  @Test func aStillOutlivesItsMotionPart() async throws {
    let motion = try await stored(sample(40, seed: 5), "m.mov")
    let still = try await stored(sample(50), "a.jpg")
    try await store.catalog.write { db in
      try db.execute(
        sql: "UPDATE asset SET live_photo_video = (SELECT number FROM asset WHERE id = ?) WHERE id = ?",
        arguments: [motion, still])
    }
    #expect(try await delete(motion) == [motion])
    #expect(try await store.row(still)?.livePhotoVideo == nil)
    try await settle()
    #expect(try await store.problems() == [])
  }

  @Test func theQuarantineIsEmptiedByDays() async throws {
    let id = try await stored(sample(50), "a.jpg", sidecar: sample(5, seed: 9))
    _ = try await delete(id)
    try await settle()
    let remover = remover()
    #expect(try await remover.expire(before: now) == 0, "its own day is not over")
    #expect(try await remover.expire(before: now.adding(seconds: 86_400)) == 1)
    #expect(try await remover.expire(before: now.adding(seconds: 86_400)) == 0)
    #expect(try FileSystem.names(in: quarantine) == [])
    #expect(try await store.count("removal") == 0)
  }

  @Test func whatAPersonPutIntoQuarantineStays() async throws {
    let id = try await stored(sample(50), "a.jpg")
    _ = try await delete(id)
    try await settle()
    try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(quarantine)/2025-11-24/note.txt"))
    #expect(try await remover().expire(before: now.adding(seconds: 86_400)) == 1)
    #expect(quarantined == ["2025-11-24/note.txt"])
  }

  @Test func moreThanOneBatch() async throws {
    var ids: [Identifier] = []
    for index in 0..<Remover.batch + 3 { ids.append(try await stored(sample(20, seed: UInt64(index + 1)), "a.jpg")) }
    #expect(try await delete(ids).count == ids.count)
    #expect(try await remover().move() == Remover.batch)
    #expect(try await remover().move() == 3)
    #expect(store.files.isEmpty && quarantined.count == ids.count)
    #expect(try sumsHold("2025-11-24"))
    #expect(try await store.used == 0)
  }

  /// Uploads that never pause do not keep the remover out, and neither harms the other.
  @Test func besideUploads() async throws {
    let store = store
    let remover = remover()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        group.addTask {
          for turn in 0..<15 {
            let bytes = sample(100, seed: UInt64(worker * 1000 + turn + 1))
            guard case .created(let id) = try await store.store(bytes, name: "a.jpg") else { continue }
            guard turn % 2 == 0 else { continue }
            _ = try await delete([id])
            _ = try await remover.move()
          }
        }
      }
      try await group.waitForAll()
    }
    try await settle()
    #expect(try await store.problems() == [])
    #expect(store.files.count == 4 * 7 && quarantined.count == 4 * 8)
    #expect(try sumsHold("2025-11-24"))
  }

  private func digest(_ bytes: [UInt8]) -> SHA1Digest {
    let running = RunningSHA1()
    bytes.withUnsafeBytes { running.update($0) }
    return running.finish()
  }
}

private final class Removed: Sendable {
  private let all = Mutex<[Identifier]>([])

  func add(_ id: Identifier) { all.withLock { $0.append(id) } }
  var ids: [Identifier] { all.withLock { $0 } }
}
