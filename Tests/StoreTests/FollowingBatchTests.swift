import GRDB
import Ground
import Logging
import Testing

@testable import Store

/// While uploads keep coming, the intents of the next batch are written in the transaction that records the one before.
@Suite struct FollowingBatchTests {
  private let store: StoreFixture
  private let steps: FinishSteps

  init() async throws {
    store = try await StoreFixture()
    steps = FinishSteps(
      catalog: store.catalog, staging: store.staging, originals: store.originals, logger: Logger(label: "test"))
  }

  private func members(_ seeds: [UInt64], video: Identifier? = nil) async throws -> [FinishMember] {
    var members: [FinishMember] = []
    for seed in seeds {
      var request = try await store.request(sample(100, seed: seed), name: "a.jpg")
      request.asset.livePhotoVideo = video
      members.append(FinishMember(request: request))
    }
    return members
  }

  /// What the batch before stored is known to the next one already: a twin is a duplicate, a name is taken.
  @Test func nextBatchSeesTheRecordedOne() async throws {
    var first = try await members([1, 2])
    steps.intend(&first)
    let second = try await members([2, 3])
    var (next, breakdown) = steps.finishIntended(&first) { second }
    #expect(breakdown == nil)
    guard case .done(.success(.created(let id))) = first[1].phase, case .done(.success(.duplicate(id))) = next[0].phase,
      case .intended(let intent, isMoved: false) = next[1].phase
    else {
      Issue.record("\(first) \(next)")
      return
    }
    #expect(splitKey(intent.key).name == "a+2.jpg")
    let kept = try await store.catalog.read { db in try Intent.all(db) }
    #expect(kept.map(\.number) == [intent.number], "on disk before its file moves")
    #expect(steps.finishIntended(&next).breakdown == nil)
    #expect(try await store.problems() == [])
  }

  /// A member that cannot be recorded is undone after the transaction in which the next batch is admitted.
  @Test func twinOfOneThatFailsWaits() async throws {
    guard case .created(let video) = try await store.store(sample(70, seed: 7), name: "motion.mov") else { return }
    try await store.catalog.write { db in try db.execute(sql: "UPDATE asset SET kind = 'VIDEO'") }
    var first = try await members([1], video: video)
    steps.intend(&first)
    try await store.catalog.write { db in try db.execute(sql: "UPDATE asset SET kind = 'IMAGE'") }
    let second = try await members([1])
    let (next, breakdown) = steps.finishIntended(&first) { second }
    #expect(breakdown == nil)
    guard case .done(.failure) = first[0].phase, case .deferred = next[0].phase else {
      Issue.record("\(first) \(next)")
      return
    }
    var again = [FinishMember(request: next[0].request)]
    steps.intend(&again)
    #expect(steps.finishIntended(&again).breakdown == nil)
    guard case .done(.success(.created)) = again[0].phase else {
      Issue.record("\(again)")
      return
    }
    #expect(try await store.problems() == [])
  }

  /// No room for the rows: those are undone, and the next batch is judged by itself.
  @Test func nextBatchIsJudgedByItselfWhereTheRowsDoNotFit() async throws {
    var first = try await members([1, 2])
    for index in first.indices {
      var request = first[index].request
      request.asset.metadata = String(repeating: "x", count: 40_000)
      first[index] = FinishMember(request: request)
    }
    steps.intend(&first)
    try await store.catalog.write { db in
      let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
      try db.execute(sql: "PRAGMA max_page_count = \(pages + 4)")
    }
    let second = try await members([3])
    let (next, breakdown) = steps.finishIntended(&first) { second }
    #expect(breakdown == nil)
    for member in first {
      guard case .done(.failure(let error)) = member.phase, error as? StoreError == .diskFull else {
        Issue.record("\(member.phase)")
        continue
      }
    }
    guard case .intended = next[0].phase else {
      Issue.record("\(next[0].phase)")
      return
    }
    try await store.catalog.write { db in try db.execute(sql: "PRAGMA max_page_count = 1000000") }
    var rest = next
    #expect(steps.finishIntended(&rest).breakdown == nil)
    #expect(try await store.problems() == [])
  }
}
