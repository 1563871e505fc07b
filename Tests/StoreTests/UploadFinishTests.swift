import Foundation
import GRDB
import Ground
import LogLines
import Logging
import Testing

@testable import Store

/// What becomes of an upload's row and file when it is stored, when storing fails, and when a crash comes in between.
@Suite struct UploadFinishTests {
  let world: UploadFixture
  let bytes = sample(5000)
  let key = "anna/2024/2024-07/a.jpg"

  init() async throws { world = try await UploadFixture() }

  private var steps: FinishSteps {
    FinishSteps(
      catalog: world.store.catalog, staging: world.store.staging, originals: world.store.originals,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private func path(_ key: String) -> String { world.store.directory.originals + "/" + key }

  /// Received as a whole and recorded.
  private func whole(_ bytes: [UInt8]? = nil, owner: Owner? = nil) async throws -> (UploadRow, FinishRequest) {
    let bytes = bytes ?? self.bytes
    let upload = try await world.create(length: Int64(bytes.count), owner: owner)
    let file = try await world.open(upload)
    try await world.feed(bytes, to: file)
    try await world.checkpoint(file)
    return (upload, try await world.request(upload, file))
  }

  private func expectComplete(_ upload: UploadRow, isNew: Bool, _ asset: Identifier) async throws {
    let row = try #require(try await world.row(upload))
    #expect(row.state == .complete(isNew: isNew, asset: asset, sha1: sha1(bytes)))
    #expect(row.staged == nil && row.sha1State == nil && row.offset == Int64(bytes.count) && row.length == row.offset)
    #expect(abs(row.expiresAt.milliseconds - Instant.now().milliseconds - UploadRow.answerKept * 1000) < 600_000)
    #expect(try await world.store.count("asset") == 1)
    #expect(try await world.store.problems() == [])
  }

  /// Open as before, its bytes in staging: the client can finish it again.
  private func expectOpen(_ upload: UploadRow) async throws {
    let row = try #require(try await world.row(upload))
    #expect(row.state == .open && row.offset == Int64(bytes.count))
    #expect(try world.contents(upload) == bytes)
    #expect(try await world.store.count("intent") == 0)
    #expect(try world.store.staged == [upload.staged])
  }

  private func finish(again upload: UploadRow) async throws -> FinishOutcome {
    let file = try await world.open(upload)
    #expect(file.length == Int64(bytes.count))
    return try await world.store.finisher.finish(world.request(upload, file))
  }

  // MARK: Without a crash

  /// The photo counts, and the log says it once, though the batch is written twice because of another member.
  @Test func onesThatHadEndedAreLoggedOnce() async throws {
    guard case .created = try await world.store.store(sample(60, seed: 8), name: "before.jpg") else {
      Issue.record("not created")
      return
    }
    let log = LogLines()
    let steps = FinishSteps(
      catalog: world.store.catalog, staging: world.store.staging, originals: world.store.originals, logger: log.logger)
    let (new, newRequest) = try await whole()
    let (known, knownRequest) = try await whole(sample(60, seed: 8))
    try await world.store.catalog.write { db in try db.execute(sql: "UPDATE user SET quota = 6000") }
    let tooLarge = try await world.store.request(sample(1000, seed: 3), name: "b.jpg")
    let again = try await world.store.request(sample(1000, seed: 5), name: "b.jpg")
    try await world.store.catalog.write { db in
      try db.execute(sql: "UPDATE upload SET state = 'gone', staged = NULL, sha1_state = NULL")
      try db.execute(
        sql: """
          CREATE TRIGGER refusing BEFORE INSERT ON asset WHEN new.original_name = CAST('c.jpg' AS BLOB)
          BEGIN SELECT RAISE(ABORT, 'no'); END
          """)
    }
    let refused = try await world.store.request(sample(70, seed: 4), name: "c.jpg")
    // Intents are written twice because of the quota, rows because of the trigger; the duplicate comes with those.
    var members = [newRequest, refused, tooLarge].map { FinishMember(request: $0) }
    steps.intend(&members)
    let (next, breakdown) = steps.finishIntended(&members) {
      [knownRequest, again].map { FinishMember(request: $0) }
    }
    #expect(breakdown == nil)
    guard case .done(.success(.created(new.asset))) = members[0].phase, case .done(.failure) = members[1].phase,
      case .done(.failure) = members[2].phase, case .done(.failure) = next[1].phase,
      case .done(.success(.duplicate)) = next[0].phase
    else {
      Issue.record("\(members) \(next)")
      return
    }
    for upload in [new, known] {
      #expect(log.all.count { $0.hasPrefix("upload \(upload.number) had ended") } == 1)
    }
  }

  @Test func becomesAnAsset() async throws {
    let (upload, request) = try await whole()
    #expect(try await world.store.finisher.finish(request) == .created(upload.asset))
    try await expectComplete(upload, isNew: true, upload.asset)
  }

  @Test func duplicateTakesNothing() async throws {
    guard case .created(let id) = try await world.store.store(bytes, name: "before.jpg") else { return }
    let (upload, request) = try await whole()
    #expect(try await world.store.finisher.finish(request) == .duplicate(id))
    try await expectComplete(upload, isNew: false, id)
  }

  @Test func lostOriginalIsRestored() async throws {
    guard case .created(let id) = try await world.store.store(bytes, name: "a.jpg") else { return }
    try FileSystem.remove(path(key))
    let (upload, request) = try await whole()
    #expect(try await world.store.finisher.finish(request) == .duplicate(id))
    try await expectComplete(upload, isNew: false, id)
  }

  @Test func twoUploadsOfTheSameBytes() async throws {
    let (first, one) = try await whole()
    let (second, two) = try await whole()
    async let left = world.store.finisher.finish(one)
    async let right = world.store.finisher.finish(two)
    let outcomes = try await [left, right]
    let winner = outcomes.contains(.created(first.asset)) ? first : second
    let loser = winner.number == first.number ? second : first
    #expect(outcomes.contains(.created(winner.asset)) && outcomes.contains(.duplicate(winner.asset)))
    try await expectComplete(winner, isNew: true, winner.asset)
    try await expectComplete(loser, isNew: false, winner.asset)
  }

  /// Refused for a cause that can pass: the file stays, and what was refused goes through later.
  @Test func quotaKeepsTheFile() async throws {
    try await world.store.catalog.write { db in try db.execute(sql: "UPDATE user SET quota = 4999") }
    let (upload, request) = try await whole()
    await #expect(throws: FinishError.quotaExceeded) { try await world.store.finisher.finish(request) }
    try await expectOpen(upload)
    try await world.restart()
    try await expectOpen(upload)
    try await world.store.catalog.write { db in try db.execute(sql: "UPDATE user SET quota = 5000") }
    #expect(try await finish(again: upload) == .created(upload.asset))
    try await expectComplete(upload, isNew: true, upload.asset)
  }

  /// The file was moved already when the row was refused: it comes back.
  @Test func failedRecordBringsTheFileBack() async throws {
    let (upload, request) = try await whole()
    try await world.store.catalog.write { db in
      try db.execute(
        sql: "CREATE TRIGGER refusing BEFORE INSERT ON asset BEGIN SELECT RAISE(ABORT, 'no'); END")
    }
    await #expect(throws: StoreError.self) { try await world.store.finisher.finish(request) }
    try await expectOpen(upload)
    #expect(world.store.files == [])
    try await world.store.catalog.write { db in try db.execute(sql: "DROP TRIGGER refusing") }
    #expect(try await finish(again: upload) == .created(upload.asset))
    try await expectComplete(upload, isNew: true, upload.asset)
  }

  /// The file came back, its intent could not be removed: the sweep does that, and spares what lies there by now.
  @Test func interruptedUndoSparesTheStranger() async throws {
    let (upload, request) = try await whole()
    try await world.store.catalog.write { db in
      try db.execute(
        sql: """
          CREATE TRIGGER refusing BEFORE INSERT ON asset BEGIN SELECT RAISE(ABORT, 'no'); END;
          CREATE TRIGGER keeping BEFORE DELETE ON intent BEGIN SELECT RAISE(ABORT, 'no'); END
          """)
    }
    await #expect(throws: StoreError.self) { try await world.store.finisher.finish(request) }
    #expect(try await world.store.count("intent") == 1)
    #expect(try world.contents(upload) == bytes)
    try Data("mine".utf8).write(to: URL(fileURLWithPath: path(key)))
    try await world.store.catalog.write { db in try db.execute(sql: "DROP TRIGGER refusing; DROP TRIGGER keeping") }
    // Nobody opens it while its bytes may lie in originals.
    await #expect(throws: StoreError.self) { try await world.open(upload) }
    try await world.store.finisher.settleLeftovers()
    #expect(try await finish(again: upload) == .created(upload.asset))
    #expect(try FileSystem.contents(path(key)) == Array("mine".utf8))
    #expect(world.store.files == ["anna/2024/2024-07/a+1.jpg", key])
  }

  @Test func stoppingServerKeepsTheFile() async throws {
    let (upload, request) = try await whole()
    await world.store.finisher.close()
    await #expect(throws: FinishError.self) { try await world.store.finisher.finish(request) }
    try await expectOpen(upload)
  }

  /// A restored original whose list cannot be written is not stored: its file is the upload's again.
  @Test func failedRestoreBringsTheFileBack() async throws {
    guard case .created = try await world.store.store(bytes, name: "a.jpg") else { return }
    try FileSystem.remove(path(key))
    let blocker = path("anna/2024/2024-07/SHA1SUMS.new")
    try FileManager.default.createDirectory(atPath: blocker, withIntermediateDirectories: false)
    try FileSystem.remove(path("anna/2024/2024-07/SHA1SUMS"))
    let (upload, request) = try await whole()
    await #expect(throws: (any Error).self) { try await world.store.finisher.finish(request) }
    try await expectOpen(upload)
    #expect(world.store.files == [])
  }

  // MARK: Crash matrix

  /// The process, or the machine, stops behind a step of the finish sequence.
  enum Step: CaseIterable {
    case sealed, intended, renamed, listed, recorded, duplicateCommitted
  }

  @Test(arguments: Step.allCases, [false, true]) func crashBehind(step: Step, reboot: Bool) async throws {
    if step == .duplicateCommitted { _ = try await world.store.store(bytes, name: "a.jpg") }
    let (upload, request) = try await whole()
    var members = [FinishMember(request: request)]
    switch step {
    case .sealed: break
    case .intended, .duplicateCommitted: steps.intend(&members)
    case .renamed, .listed, .recorded:
      steps.intend(&members)
      guard case .intended(var intent, _) = members[0].phase else {
        Issue.record("no intent")
        return
      }
      var moved = Moved.nothing
      try steps.moveIn(&intent, &moved)
      members[0].phase = .intended(intent, isMoved: true)
      if step != .renamed { steps.syncFolders(&members) { list, lines in try list.append(lines) } }
      if step == .recorded { #expect(steps.record(&members) == nil) }
    }
    if step == .duplicateCommitted {
      // The staged file was not removed yet.
      try Data(bytes).write(to: URL(fileURLWithPath: world.store.staging.path(upload.staged!)))
    }
    let report = try await world.restart(reboot: reboot)
    switch step {
    case .sealed:
      try await expectOpen(upload)
      #expect(try await finish(again: upload) == .created(upload.asset))
    case .intended, .renamed, .listed: #expect(report.completed == 1 && report.lostUploads == 0)
    case .recorded: #expect(report == Recovery.Report())
    case .duplicateCommitted: #expect(report.swept == 1)
    }
    if step == .duplicateCommitted {
      guard case .complete(isNew: false, let asset, _) = try await world.row(upload)?.state else {
        Issue.record("not complete")
        return
      }
      try await expectComplete(upload, isNew: false, asset)
    } else {
      try await expectComplete(upload, isNew: true, upload.asset)
    }
    #expect(try await world.restart() == Recovery.Report())
  }

  /// Both names after a power cut, and a row that cannot be written at the start: undone, and the file is the upload's.
  @Test func recoveryThatCannotRecordBringsTheFileBack() async throws {
    let (upload, request) = try await whole()
    var members = [FinishMember(request: request)]
    steps.intend(&members)
    try FileManager.default.createDirectory(
      atPath: path(splitKey(key).folder), withIntermediateDirectories: true)
    #expect(link(world.store.staging.path(upload.staged!), path(key)) == 0)
    try await world.store.catalog.write { db in
      try db.execute(
        sql: "CREATE TRIGGER refusing BEFORE INSERT ON asset BEGIN SELECT RAISE(ABORT, 'no'); END")
    }
    #expect(try await world.restart().undone == 1)
    try await expectOpen(upload)
    #expect(world.store.files == [])
  }

  /// Bytes that were on disk and are not any more: the upload is gone, nothing is stored.
  @Test(arguments: [true, false]) func tornFileEndsTheUpload(isRemoved: Bool) async throws {
    let (upload, request) = try await whole()
    var members = [FinishMember(request: request)]
    steps.intend(&members)
    let staged = world.store.staging.path(upload.staged!)
    if isRemoved {
      try FileSystem.remove(staged)
    } else {
      try Data(bytes.map { ~$0 }).write(to: URL(fileURLWithPath: staged))
    }
    #expect(try await world.restart().undone == 1)
    #expect(try await world.row(upload)?.state == .gone)
    #expect(try await world.store.count("asset") == 0)
    #expect(try await world.store.problems() == [])
  }

  /// An intent's upload that was forgotten meanwhile does not hold the catalog up.
  @Test func forgottenUploadLeavesAPlainIntent() async throws {
    let (upload, request) = try await whole()
    var members = [FinishMember(request: request)]
    steps.intend(&members)
    let past = Instant(milliseconds: 0)
    try await world.store.catalog.end(upload: upload.number, .gone, forgetAt: past)
    #expect(try await world.store.catalog.forgetUploads(.now()) == 1)
    #expect(try await world.restart().completed == 1)
    #expect(try await world.store.problems() == [])
  }

  // MARK: Sweeps

  /// A start keeps the files of open uploads, with their marks, and removes every other.
  /// Nobody can go on with a half of what was being put together; its parts are whole still.
  @Test func concatenationUnderWayEnds() async throws {
    let part = try await world.create(length: 5000, kind: "partial")
    let file = try await world.open(part)
    try await world.feed(bytes, to: file)
    try await world.checkpoint(file)
    let final = try await world.create(length: 10_000, kind: "final")
    let target = try await world.open(final)
    try await target.append(contentsOf: file)
    try await world.checkpoint(target)
    let (report, staged) = (try await world.restart(), try #require(final.staged))
    #expect(report.swept == 1 && report.lostUploads == 0)
    #expect(try await world.row(final)?.state == .gone)
    #expect(try FileSystem.status(world.store.staging.path(staged)) == nil)
    #expect(try await world.row(part)?.offset == 5000)
    #expect(try world.contents(part) == bytes)
    #expect(try await world.restart() == Recovery.Report())
  }

  /// One that was whole and being stored becomes an asset.
  @Test func concatenationWithAnIntentIsStored() async throws {
    let final = try await world.create(length: 5000, kind: "final")
    let file = try await world.open(final)
    try await world.feed(bytes, to: file)
    var members = [FinishMember(request: try await world.request(final, file))]
    steps.intend(&members)
    #expect(try await world.restart().completed == 1)
    try await expectComplete(final, isNew: true, final.asset)
  }

  @Test func sweepKeepsOpenUploads() async throws {
    let open = try await world.create()
    let file = try await world.open(open)
    try await world.feed(bytes, to: file)
    try await world.checkpoint(file)
    try file.beginClaimed()
    let ended = try await world.create()
    try await world.checkpoint(world.open(ended))
    try await world.store.catalog.end(
      upload: ended.number, .failed(code: "x", message: "y"), forgetAt: UploadFixture.far)
    let empty = try await world.create()
    let staging = world.store.directory.staging
    for name in ["stranger", ended.staged! + ".claimed"] {
      try Data([1]).write(to: URL(fileURLWithPath: "\(staging)/\(name)"))
    }
    let report = try await world.restart()
    #expect(report.swept == 3 && report.lostUploads == 0)
    #expect(try Set(world.store.staged) == [open.staged!, open.staged! + ".claimed"])
    #expect(try await world.row(empty)?.state == .open, "nothing was promised of its bytes")
    #expect(try await world.open(empty).length == 0)
    #expect(try await world.row(ended)?.state == .failed(code: "x", message: "y"))
  }
}
