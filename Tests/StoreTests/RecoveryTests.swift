import Foundation
import GRDB
import Ground
import Testing

@testable import Store

/// Each state that a crash can leave on disk, built by hand, and what a start makes of it.
@Suite struct RecoveryTests {
  let store: StoreFixture
  let key = "anna/2024/2024-07/a.jpg"
  let bytes = sample(5000)

  init() async throws { store = try await StoreFixture() }

  private func path(_ key: String) -> String { store.directory.originals + "/" + key }

  private func write(_ bytes: [UInt8], to path: String) throws {
    let url = URL(fileURLWithPath: path)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }

  /// The catalog after the first transaction, the file still in staging.
  private func intent(sidecar: [UInt8]? = nil) async throws -> Intent {
    let request = try await store.request(bytes, name: "a.jpg", sidecar: sidecar)
    let intent = Intent(staged: request.staged, sidecarStaged: request.sidecarStaged, key: key, asset: request.asset)
    try FileManager.default.createDirectory(
      atPath: path(splitKey(key).folder), withIntermediateDirectories: true)
    return try await store.catalog.write { db in
      var inserted = intent
      try inserted.insert(db)
      return inserted
    }
  }

  private func move(_ staged: String, _ key: String) throws {
    try FileSystem.rename(store.staging.path(staged), path(key))
  }

  private func expectRecovered(_ intent: Intent, at key: String? = nil) async throws {
    let report = try store.recovery.run()
    #expect(report.completed == 1 && report.undone == 0 && report.missing.isEmpty)
    let row = try #require(try await store.row(intent.asset.id))
    #expect(row.originalKey == key ?? self.key)
    #expect(try FileSystem.contents(path(row.originalKey)) == bytes)
    // A second start finds nothing to do.
    #expect(try store.recovery.run() == Recovery.Report())
  }

  private func expectUndone() async throws {
    let report = try store.recovery.run()
    #expect(report.undone == 1 && report.completed == 0)
    #expect(try await store.count("asset") == 0)
    #expect(try await store.problems() == [])
  }

  @Test func beforeTheRename() async throws {
    try await expectRecovered(intent())
    #expect(try await store.problems() == [])
  }

  @Test func afterTheRename() async throws {
    let intent = try await intent()
    try move(intent.staged, key)
    try await expectRecovered(intent)
    #expect(try await store.problems() == [])
  }

  @Test func afterTheListWasTorn() async throws {
    let intent = try await intent()
    try move(intent.staged, key)
    let old = "\(SHA1Digest(bytes: sample(20))!.hex)  older.jpg\n"
    try write(Array((old + intent.asset.sha1.hex + "  a.j").utf8) + [0, 0], to: path("anna/2024/2024-07/SHA1SUMS"))
    try await expectRecovered(intent)
    let list = String(decoding: try FileSystem.contents(path("anna/2024/2024-07/SHA1SUMS")), as: UTF8.self)
    #expect(list == old + intent.asset.sha1.hex + "  a.jpg\n")
  }

  @Test func afterTheListWasWritten() async throws {
    let intent = try await intent()
    try move(intent.staged, key)
    try write(Array("\(intent.asset.sha1.hex)  a.jpg\n".utf8), to: path("anna/2024/2024-07/SHA1SUMS"))
    try await expectRecovered(intent)
    #expect(try await store.problems() == [])
  }

  /// A power cut may show a renamed file under both names.
  @Test func underBothNames() async throws {
    let intent = try await intent()
    #expect(link(store.staging.path(intent.staged), path(key)) == 0)
    try await expectRecovered(intent)
    #expect(try await store.problems() == [])
  }

  @Test func strangerUnderTheName() async throws {
    let intent = try await intent()
    try write(Array("stranger".utf8), to: path(key))
    try await expectRecovered(intent, at: "anna/2024/2024-07/a+1.jpg")
    #expect(try FileSystem.contents(path(key)) == Array("stranger".utf8))
  }

  @Test func neitherStagedNorMoved() async throws {
    let intent = try await intent()
    try FileSystem.remove(store.staging.path(intent.staged))
    try await expectUndone()
  }

  @Test func stagedButTorn() async throws {
    let intent = try await intent()
    try write(Array(bytes.dropLast()), to: store.staging.path(intent.staged))
    try await expectUndone()
  }

  @Test func undoingWasInterrupted() async throws {
    // The file is gone already, its line in the list and the intent are not.
    let intent = try await intent()
    try FileSystem.remove(store.staging.path(intent.staged))
    try write(
      Array("\(SHA1Digest(bytes: sample(20))!.hex)  older.jpg\n\(intent.asset.sha1.hex)  a.jpg\n".utf8),
      to: path("anna/2024/2024-07/SHA1SUMS"))
    #expect(try store.recovery.run().undone == 1)
    let list = ChecksumList.parse(try FileSystem.contents(path("anna/2024/2024-07/SHA1SUMS")))
    #expect(list.map(\.name) == ["older.jpg"])
  }

  @Test(arguments: [(false, false), (true, false), (true, true)])
  func sidecarFollows(isMoved: Bool, isSidecarMoved: Bool) async throws {
    let intent = try await intent(sidecar: sample(30))
    if isMoved { try move(intent.staged, key) }
    if isSidecarMoved { try move(intent.sidecarStaged!, key + ".xmp") }
    try await expectRecovered(intent)
    #expect(try await store.row(intent.asset.id)?.sidecarKey == key + ".xmp")
    #expect(try await store.problems() == [])
  }

  @Test(arguments: [false, true]) func lostSidecarIsGivenUp(isMoved: Bool) async throws {
    let intent = try await intent(sidecar: sample(30))
    if isMoved { try move(intent.staged, key) }
    try FileSystem.remove(store.staging.path(intent.sidecarStaged!))
    try await expectRecovered(intent)
    #expect(try await store.row(intent.asset.id)?.sidecarKey == nil)
    #expect(try await store.problems() == [])
  }

  @Test func filesWithoutIntentAreSwept() async throws {
    _ = try await store.request(bytes, name: "a.jpg")
    #expect(try store.recovery.run().swept == 1)
    #expect(try await store.problems() == [])
  }

  @Test func moreIntentsThanOneBatch() async throws {
    let count = Finisher.batchLimit + 3
    for index in 0..<count {
      let request = try await store.request(sample(20, seed: UInt64(index + 1)), name: "\(index).jpg")
      try await store.catalog.write { db in
        var intent = Intent(
          staged: request.staged, sidecarStaged: nil, key: "anna/2024/2024-07/\(index).jpg", asset: request.asset)
        try intent.insert(db)
      }
    }
    #expect(try store.recovery.run().completed == count)
    #expect(try await store.problems() == [])
  }

  @Test func brokenPromisesAreReported() async throws {
    guard case .created(let gone) = try await store.store(sample(10), name: "gone.jpg"),
      case .created(let short) = try await store.store(sample(10, seed: 2), name: "short.jpg"),
      case .created = try await store.store(sample(10, seed: 3), name: "whole.jpg")
    else { return }
    try FileSystem.remove(path("anna/2024/2024-07/gone.jpg"))
    try write([1], to: path("anna/2024/2024-07/short.jpg"))
    #expect(try Set(store.recovery.run().missing) == [gone, short])
    #expect(store.originals.lost.all == [gone, short])
  }
}
