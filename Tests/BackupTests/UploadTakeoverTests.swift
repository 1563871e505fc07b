import Foundation
import Ground
import Store
import Synchronization
import Testing

@testable import Backup

/// What a hung-up connection does with its writer.
private final class Connection: Sendable {
  private let state = Mutex<(writer: UploadWriter?, hangUps: Int)>((nil, 0))
  private let reaction: @Sendable (UploadWriter) async -> Void

  init(_ reaction: @escaping @Sendable (UploadWriter) async -> Void = { _ = await $0.cut() }) {
    self.reaction = reaction
  }

  var hangUps: Int { state.withLock { $0.hangUps } }

  func part(at offset: Int64) -> UploadPart {
    UploadPart(offset: offset) { [self] in
      let writer = state.withLock { state in
        state.hangUps += 1
        return state.writer
      }
      if let writer { Task { [reaction] in await writer.lane.run { await reaction(writer) } } }
    }
  }

  func append(to token: UploadToken, at offset: Int64, _ uploads: Uploads) async throws -> UploadWriter {
    let writer = try await uploads.append(part(at: offset), to: token)
    state.withLock { $0.writer = writer }
    return writer
  }
}

/// Opens once.
private final class Gate: Sendable {
  private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))
  func open() {
    let waiting = state.withLock { state in
      defer { state = (true, []) }
      return state.waiting
    }
    for one in waiting { one.resume() }
  }
  var isOpen: Bool { state.withLock { $0.isOpen } }
  func pass() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }
}

/// Comes again where one newcomer held the upload for longer than the other's patience, as a busy machine makes it; but
/// only once the storing is over.
private func insisting<T>(once gate: Gate, _ visit: () async throws -> T) async throws -> T {
  while true {
    do { return try await visit() } catch BackupError.uploadBusy where gate.isOpen {}
  }
}

@Suite struct UploadTakeoverTests {
  @Test func newcomerGetsTheOffsetOfEverythingThatCame() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(3000)
    let upload = try await fixture.open(BackupFixture.creation(length: 3000))
    let connection = Connection()
    let writer = try await connection.append(to: upload.token, at: 0, fixture.uploads)
    try await fixture.feed(Array(bytes[..<1000]), writer)
    #expect(try await fixture.uploads.find(upload.token).isReceiving)
    let status = try await fixture.uploads.settle(upload.token)
    #expect(status.offset == 1000 && !status.isReceiving && connection.hangUps == 1)
    // Late bytes of the old one never reach the file.
    await #expect(throws: BackupError.overtaken) { try await fixture.feed(sample(100, seed: 9), writer) }
    await #expect(throws: BackupError.overtaken) { try await writer.lane.run { try await writer.end {} } }
    let end = try await fixture.send(Array(bytes[1000...]), to: upload.token, at: 1000)
    #expect(end.outcome?.sha1 == sha1(bytes))
  }

  /// A door that is hung up still writes what it has in hand and what lies in the socket, but not for ever.
  @Test func whatHasComeIsTakenAfterTheHangUp() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(3000)
    let upload = try await fixture.open(BackupFixture.creation(length: 3000))
    let writes = UploadRegistry.lastWrites
    let refused = Mutex(false)
    let connection = Connection { writer in
      let block = Block(capacity: 4096)
      func take(_ range: Range<Int>) { Array(bytes[range]).withUnsafeBytes { block.append($0) } }
      for turn in 0..<writes {
        take(1000 + turn * 10..<1010 + turn * 10)
        guard let next = try? await writer.write(block, 10) else { return }
        if next === block { block.count = 0 }
      }
      take(1000 + writes * 10..<1010 + writes * 10)
      do { _ = try await writer.write(block, 10) } catch BackupError.overtaken {
        refused.withLock { $0 = true }
      } catch {}
      await writer.cut()
    }
    let writer = try await connection.append(to: upload.token, at: 0, fixture.uploads)
    try await fixture.feed(Array(bytes[..<1000]), writer)
    let end = 1000 + writes * 10
    #expect(try await fixture.uploads.settle(upload.token).offset == Int64(end))
    #expect(refused.withLock { $0 })
    let rest = Array(bytes[end...])
    #expect(try await fixture.send(rest, to: upload.token, at: Int64(end)).outcome?.sha1 == sha1(bytes))
  }

  @Test func writerThatDoesNotLetGoMakesNewcomersWaitNoLongerThanTheirPatience() async throws {
    let fixture = try await BackupFixture {
      $0.uploads.patience = 0.05
      $0.uploads.courtesy = 0
    }
    let upload = try await fixture.open(BackupFixture.creation(length: 1000))
    let deaf = Connection { _ in }
    let writer = try await deaf.append(to: upload.token, at: 0, fixture.uploads)
    try await fixture.feed(sample(1000), writer)
    await #expect(throws: BackupError.uploadBusy(retryAfter: 1)) { try await fixture.uploads.settle(upload.token) }
    await #expect(throws: BackupError.uploadBusy(retryAfter: 1)) { try await fixture.uploads.cancel(upload.token) }
    await #expect(throws: BackupError.uploadBusy(retryAfter: 1)) {
      try await fixture.send(sample(1000), to: upload.token, at: 0)
    }
    #expect(deaf.hangUps == 1, "hung up once, however many ask")
    // Its body came whole after all.
    #expect(try await writer.lane.run { try await writer.end {} }.outcome?.sha1 == sha1(sample(1000)))
  }

  /// A sealed file may have become an original: nothing may cut it any more.
  @Test func sealedFileIsNeverCut() async throws {
    let fixture = try await BackupFixture()
    let upload = try await fixture.open(BackupFixture.creation(.flag))
    let writer = try await fixture.uploads.append(UploadPart(offset: 0) {}, to: upload.token)
    try await fixture.feed(sample(1000), writer)
    await writer.lane.run { _ = await writer.cut() }
    guard case .open(let held) = try await fixture.uploads.hold(upload.token, .atOnce) else {
      Issue.record("not open")
      return
    }
    _ = try await held.file.seal(modified: nil)
    await #expect(throws: StoreError.self) { try await held.file.rollBack(to: 0) }
    await fixture.uploads.keep(held, length: 1000)
    #expect(try await fixture.uploads.settle(upload.token).offset == 1000)
  }

  @Test func droppedWriterCountsAsCut() async throws {
    let fixture = try await BackupFixture()
    let upload = try await fixture.open(BackupFixture.creation(length: 1000))
    try await fixture.feed(sample(400), fixture.uploads.append(UploadPart(offset: 0) {}, to: upload.token))
    #expect(try await fixture.uploads.settle(upload.token).offset == 400)
    let rest = Array(sample(1000)[400...])
    #expect(try await fixture.send(rest, to: upload.token, at: 400).outcome?.sha1 == sha1(sample(1000)))
  }

  /// Of eight equal requests at once one is stored; the others hear where the upload stands, or that it is over.
  @Test func eightAppendsAtOneOffset() async throws {
    // The clock stands still: whoever writes is never silent for long.
    let time = TestClock()
    let fixture = try await BackupFixture { $0.clock = time.clock }
    let bytes = sample((2 << 20) + 5)
    let upload = try await fixture.open(BackupFixture.creation(length: Int64(bytes.count)))
    let results = await withTaskGroup(of: Result<UploadStatus, any Error>.self) { group in
      for _ in 0..<8 {
        group.addTask {
          do { return .success(try await fixture.send(bytes, to: upload.token, at: 0)) } catch {
            return .failure(error)
          }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    let winners = results.compactMap { try? $0.get() }
    #expect(winners.count == 1 && winners.first?.outcome?.sha1 == sha1(bytes), "\(results)")
    for case .failure(let error) in results {
      switch error as? BackupError {
      case .offsetMismatch(expected: Int64(bytes.count), provided: 0), .overtaken: break
      default: Issue.record("\(error)")
      }
    }
    #expect(fixture.originals.count == 1)
    #expect(try fixture.staged.isEmpty)
  }

  /// Random parts, cuts, HEADs from many tasks at once: the file is the photo all the same.
  @Test func crowdCannotTearTheFile() async throws {
    let fixture = try await BackupFixture { $0.uploads.courtesy = 0 }
    let bytes = sample(1 << 20)
    let upload = try await fixture.open(BackupFixture.creation(length: Int64(bytes.count)))
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<6 {
        group.addTask {
          while true {
            guard let status = try? await fixture.uploads.settle(upload.token) else { continue }
            guard status.state == .open else { return }
            let connection = Connection()
            guard
              let writer = try? await connection.append(to: upload.token, at: status.offset, fixture.uploads)
            else { continue }
            let start = Int(status.offset)
            let piece = Array(bytes[start..<min(bytes.count, start + 20_000 + number * 7919)])
            let isWritten = (try? await fixture.feed(piece, writer)) != nil
            await writer.lane.run {
              if isWritten, number % 3 != 0 { _ = try? await writer.end {} } else { await writer.cut() }
            }
          }
        }
      }
    }
    let outcome = try #require(try await fixture.uploads.settle(upload.token).outcome)
    #expect(outcome.sha1 == sha1(bytes))
    #expect(try await fixture.stored(outcome.result.id) == sha1(bytes))
  }

  @Test func storingIsNotInterrupted() async throws {
    let fixture = try await BackupFixture {
      $0.uploads.patience = 0.02
      $0.uploads.finishPatience = 120
    }
    let upload = try await fixture.open(BackupFixture.creation(length: 1000))
    let connection = Connection()
    let writer = try await connection.append(to: upload.token, at: 0, fixture.uploads)
    try await fixture.feed(sample(1000), writer)
    let (storing, gate) = (Gate(), Gate())
    let end = Task {
      try await writer.lane.run {
        try await writer.end {
          storing.open()
          await gate.pass()
        }
      }
    }
    await storing.pass()
    // Longer than the patience for writers.
    let head = Task { try await insisting(once: gate) { try await fixture.uploads.settle(upload.token) } }
    let cancel = Task { try await insisting(once: gate) { try await fixture.uploads.cancel(upload.token) } }
    let busy = try await BackupFixture.outlast { try await fixture.uploads.find(upload.token).state == .open }
    #expect(busy)
    gate.open()
    let outcome = try #require(try await end.value.outcome)
    try await cancel.value
    // Whichever came first: the answer, or that it was removed after it had been stored.
    do { #expect(try await head.value.outcome == outcome) } catch { #expect(error as? BackupError == .uploadGone) }
    #expect(connection.hangUps == 0)
    #expect(try await fixture.stored(outcome.result.id) == sha1(sample(1000)))
  }

  @Test func patienceForOneThatIsBeingStoredHasAnEnd() async throws {
    let fixture = try await BackupFixture {
      $0.uploads.patience = 0.02
      $0.uploads.finishPatience = 0.05
    }
    let upload = try await fixture.open(BackupFixture.creation(length: 1000))
    let (storing, gate) = (Gate(), Gate())
    let end = Task {
      try await fixture.send(sample(1000), to: upload.token, at: 0) { _ in
      } authorize: {
        storing.open()
        await gate.pass()
      }
    }
    await storing.pass()
    await #expect(throws: BackupError.uploadBusy(retryAfter: 1)) { try await fixture.uploads.settle(upload.token) }
    gate.open()
    #expect(try await end.value.outcome != nil)
  }

  /// Storing a large upload takes longer than anybody waits for a server that stops; a crash there costs nothing.
  @Test func stoppingServerLeavesWhatIsBeingStored() async throws {
    let fixture = try await BackupFixture { $0.uploads.finishPatience = 600 }
    let upload = try await fixture.open(BackupFixture.creation(length: 100))
    let (storing, gate) = (Gate(), Gate())
    let end = Task {
      try await fixture.send(sample(100), to: upload.token, at: 0) { _ in
      } authorize: {
        storing.open()
        await gate.pass()
      }
    }
    await storing.pass()
    let begun = MonotonicTime.now()
    await fixture.uploads.drain(within: 0.1)
    #expect(MonotonicTime.now().seconds(since: begun) < 300)
    gate.open()
    #expect(try await end.value.outcome != nil)
  }

  @Test func stoppingServerCutsEveryWriterAndKeepsWhatCame() async throws {
    let fixture = try await BackupFixture()
    var tokens: [UploadToken] = []
    for number in 1...3 {
      let upload = try await fixture.open(BackupFixture.creation(.flag))
      let writer = try await Connection().append(to: upload.token, at: 0, fixture.uploads)
      try await fixture.feed(sample(number * 100_000), writer)
      tokens.append(upload.token)
    }
    await fixture.uploads.drain(within: 5)
    await #expect(throws: BackupError.unavailable("The server is stopping")) {
      try await fixture.uploads.settle(tokens[0])
    }
    await fixture.backup.close()
    let again = try await BackupFixture(root: fixture.root)
    for (index, token) in tokens.enumerated() {
      #expect(try await again.uploads.find(token).offset == Int64((index + 1) * 100_000))
    }
    await again.backup.close()
  }

  /// More idle uploads than files stay open for.
  @Test func manyIdleUploadsGoOn() async throws {
    let fixture = try await BackupFixture()
    var tokens: [UploadToken] = []
    for number in 0..<(UploadRegistry.parkedLimit + 6) {
      let upload = try await fixture.open(BackupFixture.creation(length: 200))
      try await fixture.sendCut(Array(sample(200, seed: UInt64(number))[..<100]), to: upload.token, at: 0)
      tokens.append(upload.token)
    }
    for (number, token) in tokens.enumerated() {
      let bytes = sample(200, seed: UInt64(number))
      #expect(try await fixture.send(Array(bytes[100...]), to: token, at: 100).outcome?.sha1 == sha1(bytes))
    }
  }

  @Test func slowConnectionIsCutAndKept() async throws {
    let time = TestClock()
    let fixture = try await BackupFixture { $0.clock = time.clock }
    let upload = try await fixture.open(BackupFixture.creation(length: 100_000))
    let writer = try await fixture.uploads.append(UploadPart(offset: 0) {}, to: upload.token)
    // 61 s at 2 KiB a second pass, at 0.9 KiB they do not.
    try writer.heard(61 * 2048)
    time.advance(61)
    try writer.heard(1)
    try writer.heard(30 * 1024)
    time.advance(59)
    try writer.heard(20 * 1024)
    time.advance(2)
    #expect(throws: BackupError.tooSlow) { try writer.heard(1) }
    try await fixture.feed(sample(100), writer)
    #expect(await writer.lane.run { await writer.cut() }?.offset == 100)
    // A door that says nothing of its reads is measured by its writes.
    let second = try await fixture.uploads.append(UploadPart(offset: 100) {}, to: upload.token)
    time.advance(61)
    await #expect(throws: BackupError.tooSlow) { try await fixture.feed(sample(100), second) }
  }

  /// Within a long transfer: by bytes, and by time.
  @Test(arguments: [true, false])
  func longTransferIsCheckpointed(byBytes: Bool) async throws {
    let time = TestClock()
    let fixture = try await BackupFixture {
      $0.clock = time.clock
      if byBytes { $0.uploads.checkpointBytes = 1 << 20 }
    }
    let upload = try await fixture.open(BackupFixture.creation(.flag))
    let writer = try await fixture.uploads.append(UploadPart(offset: 0) {}, to: upload.token)
    if !byBytes { time.advance(2.5) }
    try await fixture.feed(sample(1 << 20), writer)
    // Goes back by nothing, behind the checkpoint that is under way: only that one moves what is durable.
    let file = try #require(writer.transfer.held).file
    try await writer.lane.run { try await file.rollBack(to: 1 << 20) }
    #expect(writer.durable == 1 << 20)
    #expect(try await fixture.uploads.find(upload.token).offset == 1 << 20)
    await writer.lane.run { _ = await writer.cut() }
  }
}

extension BackupFixture {
  /// Whether something holds a hundred times in a row, while others run.
  static func outlast(_ body: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<100 {
      guard try await body() else { return false }
      await Task.yield()
    }
    return true
  }
}
