import Foundation
import GRDB
import Ground
import Testing

@testable import Store

@Suite struct PartialFileTests {
  /// In pieces of every kind, over both ways to the disk, with checkpoints and new openings in between.
  @Test(arguments: [Staging.Mode.direct, .window]) func piecesArriveWhole(mode: Staging.Mode) async throws {
    let world = try await UploadFixture(mode: mode)
    let bytes = sample((21 << 20) + 77)
    let upload = try await world.create(length: Int64(bytes.count))
    var file = try await world.open(upload)
    var start = 0
    for (index, count) in [1, 4095, 4096, 1 << 20, 100, (9 << 20) + 3, 0, 3 << 20, bytes.count].enumerated() {
      let piece = bytes[start..<min(start + count, bytes.count)]
      try await world.feed(piece, to: file)
      start += piece.count
      try await world.checkpoint(file)
      #expect(file.length == Int64(start) && file.durable == Int64(start))
      #expect(try await world.row(upload)?.offset == Int64(start))
      if index % 2 == 1 { file = try await world.open(upload) }
    }
    #expect(start == bytes.count)
    #expect(try await file.seal(modified: Instant(milliseconds: 1_234_567_890_123)) == sha1(bytes))
    #expect(try world.contents(upload) == bytes)
    #expect(try await file.sha256() == sha256(bytes))
    #expect(world.store.staging.outstanding == 0)
  }

  @Test func nothingIsToldBeforeItIsRecorded() async throws {
    let world = try await UploadFixture()
    let upload = try await world.create()
    #expect(upload.offset == 0 && upload.state == .open)
    let file = try await world.open(upload)
    try await world.feed(sample(5000), to: file)
    #expect(file.length == 5000 && file.durable == 0)
    #expect(try await world.row(upload)?.offset == 0)
    try await world.checkpoint(file)
    #expect(file.durable == 5000)
  }

  /// The process died: the kernel has the bytes, and they count.
  @Test(arguments: [0, 100, 5000, (2 << 20) + 5]) func everythingCountsAfterACrash(recorded: Int) async throws {
    let world = try await UploadFixture()
    let bytes = sample((3 << 20) + 9)
    let upload = try await world.create(length: 10 << 20)
    var file: PartialFile? = try await world.open(upload)
    try await world.feed(bytes[..<recorded], to: file!)
    if recorded > 0 { try await world.checkpoint(file!) }
    try await world.feed(bytes[recorded...], to: file!)
    file = nil
    #expect(try await world.restart() == Recovery.Report())
    let again = try await world.open(upload)
    #expect(again.length == Int64(bytes.count) && again.durable == again.length)
    #expect(try await world.row(upload)?.offset == Int64(bytes.count))
    #expect(try await again.seal(modified: nil) == sha1(bytes))
  }

  /// The machine was restarted: only what was recorded counts, and the rest is cut off.
  @Test(arguments: [0, 100, 4096, (2 << 20) + 5]) func recordedBytesCountAfterAReboot(recorded: Int) async throws {
    let world = try await UploadFixture()
    let bytes = sample((3 << 20) + 9)
    let upload = try await world.create(length: Int64(bytes.count))
    var file: PartialFile? = try await world.open(upload)
    try await world.feed(bytes[..<recorded], to: file!)
    if recorded > 0 { try await world.checkpoint(file!) }
    try await world.feed(bytes[recorded...].map { ~$0 }, to: file!)
    file = nil
    #expect(try await world.restart(reboot: true) == Recovery.Report())
    let again = try await world.open(upload)
    #expect(again.length == Int64(recorded) && again.durable == Int64(recorded))
    #expect(try world.size(upload) == Int64(recorded))
    try await world.feed(bytes[recorded...], to: again)
    try await world.checkpoint(again)
    #expect(try await again.seal(modified: nil) == sha1(bytes))
    #expect(try world.contents(upload) == bytes)
  }

  /// A file that is shorter than what a client was told, or not there, is never a smaller offset.
  @Test(arguments: [true, false], [true, false]) func lostTailEndsTheUpload(isRemoved: Bool, reboot: Bool) async throws
  {
    let world = try await UploadFixture()
    let upload = try await world.create()
    var file: PartialFile? = try await world.open(upload)
    try await world.feed(sample(5000), to: file!)
    try await world.checkpoint(file!)
    file = nil
    let path = world.store.staging.path(upload.staged!)
    if isRemoved { try FileSystem.remove(path) } else { #expect(truncate(path, 4999) == 0) }
    await #expect(throws: StoreError.uploadLost) { try await world.open(upload) }
    let report = try await world.restart(reboot: reboot)
    #expect(report.lostUploads == 1 && report.swept == (isRemoved ? 0 : 1))
    #expect(try await world.row(upload)?.state == .gone)
    #expect(try world.store.staged.isEmpty)
    await #expect(throws: StoreError.uploadEnded) { try await world.open(upload) }
  }

  /// Where the state of the digest was not kept, it is computed from the file.
  @Test func missingStateIsComputedAnew() async throws {
    let world = try await UploadFixture()
    let bytes = sample((1 << 20) + 100)
    let upload = try await world.create()
    try await world.feed(bytes[..<70_001], to: world.open(upload))
    // Counted by the next opening.
    let file = try await world.open(upload)
    try await world.store.catalog.write { db in try db.execute(sql: "UPDATE upload SET sha1_state = NULL") }
    let again = try await world.open(upload)
    #expect(file.length == 70_001 && again.length == 70_001)
    try await world.feed(bytes[70_001...], to: again)
    #expect(try await again.seal(modified: nil) == sha1(bytes))
  }

  // MARK: Taking back

  @Test(arguments: [0, 100, 5000, (9 << 20) + 7]) func rollingBackTakesTheDigestBack(kept: Int) async throws {
    let world = try await UploadFixture()
    let bytes = sample((10 << 20) + 5)
    let upload = try await world.create(length: Int64(bytes.count))
    let file = try await world.open(upload)
    try await world.feed(bytes[..<kept], to: file)
    try await world.checkpoint(file)
    try await world.feed(sample((10 << 20) + 5 - kept, seed: 2), to: file)
    try await file.rollBack(to: file.durable)
    #expect(file.length == Int64(kept) && world.store.staging.outstanding >= 0)
    #expect(try world.size(upload) == Int64(kept))
    try await world.feed(bytes[kept...], to: file)
    try await world.checkpoint(file)
    #expect(try await file.seal(modified: nil) == sha1(bytes))
    #expect(try world.contents(upload) == bytes)
  }

  @Test func rollingBackToBetween() async throws {
    let world = try await UploadFixture()
    let bytes = sample(50_000)
    let file = try await world.open(world.create())
    try await world.feed(bytes[..<1000], to: file)
    try await world.checkpoint(file)
    try await world.feed(bytes[1000..<30_000], to: file)
    try await world.feed(sample(9000), to: file)
    try await file.rollBack(to: 30_000)
    await #expect(throws: StoreError.self) { try await file.rollBack(to: 999) }
    await #expect(throws: StoreError.self) { try await file.rollBack(to: 30_001) }
    try await world.feed(bytes[30_000...], to: file)
    #expect(try await file.seal(modified: nil) == sha1(bytes))
  }

  /// The bytes of a part whose checksum was not verified do not count, whatever ended it.
  @Test(arguments: [false, true]) func claimedPartCountsAsAWhole(reboot: Bool) async throws {
    let world = try await UploadFixture()
    let bytes = sample(20_000)
    let upload = try await world.create()
    var file: PartialFile? = try await world.open(upload)
    try await world.feed(bytes[..<1000], to: file!)
    try await world.checkpoint(file!)
    try file!.beginClaimed()
    try await world.feed(sample(5000, seed: 3), to: file!)
    #expect(!file!.checkpointBehind(length: nil, expiresAt: UploadFixture.far))
    file = nil
    try await world.restart(reboot: reboot)
    let again = try await world.open(upload)
    #expect(again.length == 1000)
    #expect(try world.store.staged == [upload.staged])
    try again.beginClaimed()
    try await world.feed(bytes[1000..<2000], to: again)
    try await world.checkpoint(again)
    // Verified: from now on everything counts again.
    try await world.feed(bytes[2000..<3000], to: again)
    #expect(try await world.open(upload).length == 3000)
    try await world.restart()
    let last = try await world.open(upload)
    try last.beginClaimed()
    try await world.feed(bytes, to: last)
    try await last.rollBack(to: 3000)
    #expect(try world.store.staged == [upload.staged])
    #expect(try await last.seal(modified: nil) == sha1(bytes[..<3000]))
  }

  /// An upload that came in one request need not be recorded before it is stored; where storing fails, it still can be.
  @Test func sealedFileCanStillBeRecorded() async throws {
    let world = try await UploadFixture()
    let bytes = sample(70_000)
    let upload = try await world.create()
    let file = try await world.open(upload)
    try file.beginClaimed()
    try await world.feed(bytes, to: file)
    #expect(try await file.seal(modified: nil) == sha1(bytes))
    #expect(try world.store.staged == [upload.staged])
    await #expect(throws: StoreError.self) { try await world.feed([1], to: file) }
    try await world.checkpoint(file)
    #expect(file.durable == 70_000)
    try await world.restart(reboot: true)
    #expect(try await world.open(upload).seal(modified: nil) == sha1(bytes))
  }

  /// The finisher may have made it an original, under the same descriptor: it is opened again instead.
  @Test func sealedFileTakesNothingBack() async throws {
    let world = try await UploadFixture()
    let bytes = sample(9000)
    let upload = try await world.create(length: Int64(bytes.count))
    let file = try await world.open(upload)
    try await world.feed(bytes[..<4097], to: file)
    try await world.checkpoint(file)
    try await world.feed(bytes[4097...], to: file)
    _ = try await file.seal(modified: nil)
    await #expect(throws: StoreError.self) { try await file.rollBack(to: file.durable) }
    #expect(try await world.open(upload).seal(modified: nil) == sha1(bytes))
  }

  /// A request that ends with a checkpoint and begins again without a byte, many times over.
  @Test func emptyPartsAreHarmless() async throws {
    let world = try await UploadFixture()
    let upload = try await world.create(length: 0)
    for _ in 0..<3 { try await world.checkpoint(world.open(upload)) }
    let file = try await world.open(upload)
    #expect(try await file.seal(modified: nil).hex == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    #expect(try await world.row(upload)?.offset == 0)
  }

  /// Neither the one who has it open nor a sweep leaves anything, also of a part that was not verified.
  @Test(arguments: [false, true]) func removedFileLeavesNothing(isIdle: Bool) async throws {
    let world = try await UploadFixture()
    let upload = try await world.create(length: 1 << 20)
    let file = try await world.open(upload)
    try file.beginClaimed()
    try await world.feed(sample(5000), to: file)
    #expect(try world.store.staged.count == 2)
    if isIdle { try world.store.staging.removeIdle(upload.staged!) } else { file.remove() }
    #expect(try world.store.staged.isEmpty)
    if !isIdle { #expect(world.store.staging.outstanding == 0) }
  }

  // MARK: Checkpoints behind

  /// A transfer goes on while its offsets are recorded; each recorded offset comes with the state that belongs to it.
  @Test(arguments: [Staging.Mode.direct, .window]) func checkpointsRunBehind(mode: Staging.Mode) async throws {
    let world = try await UploadFixture(mode: mode)
    let bytes = sample(24 << 20)
    let upload = try await world.create(length: Int64(bytes.count))
    let file = try await world.open(upload)
    var begun = 0
    for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
      try await world.feed(bytes[start..<start + (1 << 20)], to: file)
      if file.checkpointBehind(length: nil, expiresAt: UploadFixture.far) { begun += 1 }
      // Looked at before the row: what may be told is recorded already; the row may know of more.
      let durable = file.durable
      let row = try #require(try await world.row(upload))
      #expect(durable <= row.offset && row.offset <= file.length)
      if let state = row.sha1State {
        let running = try #require(RunningSHA1(state: state))
        #expect(running.count == row.offset && running.finish() == sha1(bytes[..<Int(row.offset)]))
      }
    }
    #expect(begun > 0)
    try await world.checkpoint(file)
    #expect(file.durable == 24 << 20)
    #expect(try await file.seal(modified: nil) == sha1(bytes))
  }

  /// A checkpoint that comes too late touches nothing.
  @Test func endedUploadTakesNoCheckpoint() async throws {
    let world = try await UploadFixture()
    let upload = try await world.create()
    let file = try await world.open(upload)
    try await world.feed(sample(10), to: file)
    #expect(try await world.store.catalog.end(upload: upload.number, .gone, forgetAt: UploadFixture.far))
    await #expect(throws: StoreError.uploadEnded) { try await world.checkpoint(file) }
    #expect(file.durable == 0)
    #expect(try await world.row(upload)?.offset == 0)
    #expect(try await !world.store.catalog.end(upload: upload.number, .gone, forgetAt: UploadFixture.far))
  }

  // MARK: Concatenation

  @Test(arguments: [Staging.Mode.direct, .window]) func partsArePutTogether(mode: Staging.Mode) async throws {
    let world = try await UploadFixture(mode: mode)
    let bytes = sample((20 << 20) + 11)
    var parts: [PartialFile] = []
    for range in [0..<5, 5..<(9 << 20) + 1, (9 << 20) + 1..<(9 << 20) + 1, (9 << 20) + 1..<bytes.count] {
      let part = try await world.open(world.create(kind: "partial"))
      try await world.feed(bytes[range], to: part)
      try await world.checkpoint(part)
      parts.append(part)
    }
    let final = try await world.create(length: Int64(bytes.count), kind: "final")
    let file = try await world.open(final)
    for part in parts { try await file.append(contentsOf: part) }
    try await world.checkpoint(file)
    #expect(try await world.row(final)?.offset == Int64(bytes.count))
    #expect(try await file.seal(modified: nil) == sha1(bytes))
    #expect(try world.contents(final) == bytes)
    #expect(try await parts[1].seal(modified: nil) == sha1(bytes[5..<(9 << 20) + 1]), "parts stay as they are")
    parts = []
    #expect(world.store.staging.outstanding == 0)
  }

  // MARK: Size

  /// Beyond 4 GiB, without writing them: a sparse file and the kept state of the digest of its zeros.
  @Test func offsetsHave64Bits() async throws {
    let world = try await UploadFixture()
    let start: Int64 = (5 << 30) + 12_345
    let running = RunningSHA1()
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    zeros.withUnsafeBytes { zeros in
      for _ in 0..<start >> 20 { running.update(zeros) }
      running.update(UnsafeRawBufferPointer(rebasing: zeros[..<Int(start % (1 << 20))]))
    }
    let upload = try await world.create(length: start + (3 << 20))
    try Descriptor(open: world.store.staging.path(upload.staged!), O_RDWR | O_CREAT).truncate(to: start)
    try await world.store.catalog.checkpoint(
      UploadCheckpoint(
        number: upload.number, offset: start, sha1State: running.state, length: nil, expiresAt: UploadFixture.far))
    let file = try await world.open(upload)
    #expect(file.length == start && file.durable == start)
    let bytes = sample(3 << 20)
    try await world.feed(bytes, to: file)
    try await world.checkpoint(file)
    #expect(try await world.row(upload)?.offset == start + (3 << 20))
    bytes.withUnsafeBytes { running.update($0) }
    #expect(try await file.seal(modified: nil) == running.finish())
    let block = world.store.staging.blocks.take()
    // Behind what the block has already, as every body does.
    bytes.withUnsafeBytes { block.append(UnsafeRawBufferPointer(rebasing: $0[..<7])) }
    let room = block.space.count
    #expect(try file.read(into: block, at: start + 7) == room)
    #expect(Array(block.bytes) == Array(bytes[..<(7 + room)]))
    block.count = 0
    #expect(try file.read(into: block, at: start + (3 << 20)) == 0)
  }
}
