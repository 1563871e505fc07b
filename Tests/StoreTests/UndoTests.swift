import Foundation
import GRDB
import Ground
import Testing

@testable import Store

/// Uploads that fail after their file was moved, and what of them cannot be undone at once.
@Suite struct UndoTests {
  let store: StoreFixture
  let folder: String

  init() async throws {
    store = try await StoreFixture()
    folder = store.directory.originals + "/anna/2024/2024-07"
  }

  private func execute(_ sql: String) async throws {
    try await store.catalog.write { db in try db.execute(sql: sql) }
  }

  private func refuseRows() async throws {
    try await execute("CREATE TRIGGER refusing BEFORE INSERT ON asset BEGIN SELECT RAISE(ABORT, 'no'); END")
  }

  /// The intent cannot be removed; as soon as it can, the same bytes are taken, without a restart.
  @Test func failedUndoIsTriedAgainByTheNextBatch() async throws {
    _ = try await store.store(sample(10, seed: 2), name: "b.jpg")
    try await refuseRows()
    try await execute("CREATE TRIGGER keeping BEFORE DELETE ON intent BEGIN SELECT RAISE(ABORT, 'no'); END")
    await #expect(throws: (any Error).self) { try await store.store(sample(10), name: "a.jpg", sidecar: sample(5)) }
    #expect(try await store.count("intent") == 1)
    let listed = ChecksumList.parse(try FileSystem.contents(folder + "/SHA1SUMS")).map(\.name)
    #expect(listed == ["b.jpg"], "a kill here leaves no line without its file")
    // Still not: one more attempt keeps the leftover.
    await #expect(throws: (any Error).self) { try await store.store(sample(10), name: "a.jpg") }
    #expect(try store.staged.isEmpty)
    try await execute("DROP TRIGGER refusing; DROP TRIGGER keeping")
    guard case .created = try await store.store(sample(10), name: "a.jpg") else {
      Issue.record("not created")
      return
    }
    #expect(store.files.map { splitKey($0).name } == ["a.jpg", "b.jpg"])
    #expect(try await store.problems() == [])
  }

  /// A list that cannot be rewritten keeps neither the intent nor, later, its line too many.
  @Test func listThatCannotBeRewrittenWaits() async throws {
    _ = try await store.store(sample(10, seed: 2), name: "b.jpg")
    try await refuseRows()
    try FileManager.default.createDirectory(atPath: folder + "/SHA1SUMS.new", withIntermediateDirectories: false)
    await #expect(throws: (any Error).self) { try await store.store(sample(10), name: "a.jpg") }
    #expect(try await store.count("intent") == 0)
    #expect(store.files.map { splitKey($0).name } == ["b.jpg"])
    try await execute("DROP TRIGGER refusing")
    try FileManager.default.removeItem(atPath: folder + "/SHA1SUMS.new")
    guard case .created = try await store.store(sample(11), name: "a.jpg") else {
      Issue.record("not created")
      return
    }
    #expect(try await store.problems() == [])
  }

  /// The original was moved and its sidecar was not, because a stranger's file has that name: it stays.
  @Test func undoingHalfAMoveSparesTheStranger() async throws {
    let steps = FinishSteps(
      catalog: store.catalog, staging: store.staging, originals: store.originals, logger: .init(label: "test"))
    var members = [FinishMember(request: try await store.request(sample(10), name: "a.jpg", sidecar: sample(3)))]
    steps.intend(&members)
    guard case .intended(let intent, _) = members[0].phase else {
      Issue.record("no intent")
      return
    }
    #expect(try store.originals.moveIn(store.staging.path(intent.staged), intent.key))
    try Data("mine".utf8).write(to: URL(fileURLWithPath: folder + "/a.jpg.xmp"))
    var moved = Moved.original
    try steps.undo(intent, &moved)
    #expect(moved == .nothing)
    #expect(store.files.map { splitKey($0).name } == ["a.jpg.xmp"])
    #expect(try store.staged.isEmpty)
    #expect(try await store.count("intent") == 0)
  }

  /// An upload whose finish failed and could not be undone: nobody makes a new file under its name, and the sweep brings
  /// the old one back.
  @Test func uploadIsNotOpenedBeforeItIsUndone() async throws {
    let world = try await UploadFixture()
    let upload = try await world.create()
    let file = try await world.open(upload)
    try await world.feed(sample(5000), to: file)
    let request = try await world.request(upload, file)
    try await world.store.catalog.write { db in
      try db.execute(
        sql: """
          CREATE TRIGGER refusing BEFORE INSERT ON asset BEGIN SELECT RAISE(ABORT, 'no'); END;
          CREATE TRIGGER keeping BEFORE DELETE ON intent BEGIN SELECT RAISE(ABORT, 'no'); END
          """)
    }
    await #expect(throws: (any Error).self) { try await world.store.finisher.finish(request) }
    #expect(try await world.store.count("intent") == 1)
    await #expect(throws: StoreError.uploadUnsettled) { try await world.open(upload) }
    try await world.store.catalog.write { db in try db.execute(sql: "DROP TRIGGER refusing; DROP TRIGGER keeping") }
    try await world.store.finisher.settleLeftovers()
    #expect(try await world.store.count("intent") == 0)
    let again = try await world.open(upload)
    #expect(again.length == 5000)
    #expect(try await world.store.finisher.finish(world.request(upload, again)) == .created(upload.asset))
    #expect(try await world.store.problems() == [])
  }

  /// What lies under the name in originals is moved back only where it is the file that was moved there.
  @Test func undoingMovesItsOwnFileAlone() async throws {
    let world = try await UploadFixture()
    let upload = try await world.create()
    let file = try await world.open(upload)
    try await world.feed(sample(5000), to: file)
    let steps = FinishSteps(
      catalog: world.store.catalog, staging: world.store.staging, originals: world.store.originals,
      logger: .init(label: "test"))
    var members = [FinishMember(request: try await world.request(upload, file))]
    steps.intend(&members)
    guard case .intended(var intent, _) = members[0].phase else {
      Issue.record("no intent")
      return
    }
    var moved = Moved.nothing
    try steps.moveIn(&intent, &moved)
    let place = world.store.directory.originals + "/" + intent.key
    try FileManager.default.removeItem(atPath: place)
    try Data("mine".utf8).write(to: URL(fileURLWithPath: place))
    try steps.undo(intent, &moved)
    #expect(try FileSystem.contents(place, limit: 10) == Array("mine".utf8))
    #expect(try world.store.staged.isEmpty)
  }
}
