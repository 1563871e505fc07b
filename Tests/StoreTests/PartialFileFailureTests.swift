import Foundation
import GRDB
import Ground
import Testing

@testable import Store

/// Disks that refuse in the middle of an upload that may be interrupted.
@Suite struct PartialFileFailureTests {
  /// A file of seven bytes of which none is recorded, over a descriptor that cannot be synced.
  private func unsyncable(_ world: UploadFixture, _ upload: UploadRow) throws -> PartialFile {
    var pair: [Int32] = [0, 0]
    try system("pipe") { pipe(&pair) }
    _ = Descriptor(owning: pair[0], path: "pipe")
    let descriptor = Descriptor(owning: pair[1], path: "pipe")
    let staging = world.store.staging
    let progress = UploadProgress(
      .init(offset: 0, sha1State: RunningSHA1().state), isNamed: true, number: upload.number, file: descriptor,
      staging: staging, catalog: world.store.catalog)
    let tail = FileTail(file: descriptor, staging: staging, length: 7, promised: 0)
    return PartialFile(name: upload.staged!, staging: staging, tail: tail, progress: progress)
  }

  private func expectLost(_ file: PartialFile, _ world: UploadFixture, _ upload: UploadRow) async throws {
    #expect(file.isLost && file.durable == 0)
    #expect(!file.checkpointBehind(length: nil, expiresAt: UploadFixture.far))
    await #expect(throws: StoreError.self) { try await world.checkpoint(file) }
    await #expect(throws: StoreError.self) { try await file.seal(modified: nil) }
    await #expect(throws: StoreError.self) { try await world.feed(sample(10), to: file) }
    #expect(try await world.row(upload)?.offset == 0, "nothing was recorded that is not on disk")
  }

  @Test func failedSyncIsFinal() async throws {
    let world = try await UploadFixture()
    let upload = try await world.create()
    let file = try unsyncable(world, upload)
    await #expect(throws: StoreError.self) { try await world.checkpoint(file) }
    try await expectLost(file, world, upload)
  }

  /// What a crash left behind the recorded offset cannot be put on disk when the upload is opened: it is cut off, for the
  /// kernel would vouch for it when it is asked again.
  @Test func failedSyncWhileOpeningCutsWhatWasNotRecorded() async throws {
    let world = try await UploadFixture()
    let upload = try await world.create()
    let file = try await world.open(upload)
    try await world.feed(sample(10), to: file)
    try await world.checkpoint(file)
    let staging = world.store.staging
    let real = try Descriptor(open: staging.path(upload.staged!), O_RDWR)
    try sample(7).withUnsafeBytes { try real.write($0, at: 10) }
    var pair: [Int32] = [0, 0]
    try system("pipe") { pipe(&pair) }
    _ = Descriptor(owning: pair[0], path: "pipe")
    let row = try #require(try await world.row(upload))
    let progress = UploadProgress(
      .init(offset: 10, sha1State: []), isNamed: true, number: row.number,
      file: Descriptor(owning: pair[1], path: "pipe"), staging: staging, catalog: world.store.catalog)
    await #expect(throws: StoreError.syncFailed) {
      try await staging.record(.init(offset: 17, sha1State: RunningSHA1().state), progress, row, real)
    }
    #expect(try world.size(upload) == 10)
    #expect(try await world.row(upload)?.offset == 10)
    #expect(try await world.open(upload).length == 10)
  }

  @Test func failedSealIsFinal() async throws {
    let world = try await UploadFixture()
    let upload = try await world.create()
    let file = try unsyncable(world, upload)
    await #expect(throws: StoreError.self) { try await file.seal(modified: nil) }
    try await expectLost(file, world, upload)
  }

  @Test func syncThatFailsBehindIsFinal() async throws {
    let world = try await UploadFixture()
    let upload = try await world.create()
    let file = try unsyncable(world, upload)
    #expect(file.checkpointBehind(length: nil, expiresAt: UploadFixture.far))
    // Waits for it.
    await #expect(throws: StoreError.self) { try await world.checkpoint(file) }
    try await expectLost(file, world, upload)
  }

  /// The reserve is touched before a byte is written: what came before is whole, and can be recorded.
  @Test func refusedRoomKeepsWhatCame() async throws {
    let world = try await UploadFixture()
    let upload = try await world.create()
    let file = try await world.open(upload)
    try await world.feed(sample(3 << 20), to: file)
    // Everybody else wants all there is.
    let staging = world.store.staging
    let wanted = try FileSystem.space(world.store.directory.root).free - staging.outstanding - (1 << 20)
    try staging.promise(wanted)
    await #expect(throws: StoreError.diskFull) { try await world.feed(sample(40 << 20, seed: 2), to: file) }
    #expect(file.length >= 3 << 20 && file.length < 43 << 20)
    staging.settle(wanted)
    try await world.checkpoint(file)
    #expect(try await world.row(upload)?.offset == file.length)
    #expect(try await world.open(upload).length == file.length)
  }

  @Test func creationThatCannotFitIsRefused() async throws {
    let world = try await UploadFixture()
    let free = try FileSystem.space(world.store.directory.root).free
    #expect(throws: StoreError.diskFull) { try world.store.staging.checkRoom(free + (1 << 40)) }
    try world.store.staging.checkRoom(1)
    let upload = try await world.create(length: free + (1 << 40))
    // Who asks needs no room, who writes does.
    let file = try await world.open(upload)
    #expect(throws: StoreError.diskFull) { try file.reserve(free + (1 << 40)) }
    try file.reserve(0)
    #expect(world.store.staging.outstanding == 0)
  }

  /// The disk itself runs full: the file is cut to what is recorded, and goes on from there once there is room.
  @Test(
    .enabled(if: SmallDisk.isPossible, "mounting a small file system is not permitted here"),
    arguments: [5000, (9 << 20) + 1])
  func fullDiskKeepsWhatIsRecorded(recorded: Int) async throws {
    let disk = try SmallDisk(megabytes: 48)
    let world = try await UploadFixture(path: disk.path)
    let bytes = sample((20 << 20) + 3)
    let upload = try await world.create(length: Int64(bytes.count))
    let file = try await world.open(upload)
    try await world.feed(bytes[..<recorded], to: file)
    try await world.checkpoint(file)
    try disk.fill(leaving: 600)
    await #expect(throws: StoreError.diskFull) { try await world.feed(bytes[recorded...], to: file) }
    #expect(file.length == Int64(recorded) && file.durable == Int64(recorded) && !file.isLost)
    #expect(try world.size(upload) == Int64(recorded), "the room is given back")
    try disk.empty()
    try await world.feed(bytes[recorded...], to: file)
    try await world.checkpoint(file)
    #expect(try await file.seal(modified: nil) == sha1(bytes))
    #expect(try world.contents(upload) == bytes)
    #expect(world.store.staging.outstanding == 0)
  }

  /// No room for the parts' copy: the final one is as empty as before, its parts are whole.
  @Test(.enabled(if: SmallDisk.isPossible, "mounting a small file system is not permitted here"))
  func fullDiskInAConcatenation() async throws {
    let disk = try SmallDisk(megabytes: 32)
    let world = try await UploadFixture(path: disk.path)
    let bytes = sample(12 << 20)
    let part = try await world.open(world.create(kind: "partial"))
    try await world.feed(bytes, to: part)
    try await world.checkpoint(part)
    let final = try await world.open(world.create(length: 12 << 20, kind: "final"))
    try disk.fill(leaving: 700)
    await #expect(throws: StoreError.diskFull) { try await final.append(contentsOf: part) }
    #expect(final.length == 0 && !final.isLost)
    try disk.empty()
    try await final.append(contentsOf: part)
    #expect(try await final.seal(modified: nil) == sha1(bytes))
  }
}

/// The process dies at each named point, as in a power cut without loss of the page cache, and a start follows.
@Suite struct UploadCrashTests {
  @Test(arguments: [
    "upload-inserted", "checkpoint-synced", "checkpointed", "staged-synced", "intents-committed", "renamed",
    "folder-synced", "recorded", "duplicate-found",
  ]) func killedAt(point: String) async throws {
    let folder = try TemporaryFolder()
    let bytes = sample((1 << 20) + 5)
    let half = 700_000
    await #expect(processExitsWith: .signal(SIGKILL)) { [root = folder.path as String, point = point as String] in
      setenv("NIGHTSTAND_CRASH_AT", point, 1)
      let world = try await UploadFixture(path: root + "/data")
      if point == "duplicate-found" { _ = try await world.store.store(sample((1 << 20) + 5), name: "b.jpg") }
      let upload = try await world.create(length: (1 << 20) + 5)
      try Data(upload.token).write(to: URL(fileURLWithPath: root + "/token"))
      let file = try await world.open(upload)
      let bytes = sample((1 << 20) + 5)
      try await world.feed(bytes[..<700_000], to: file)
      try await world.checkpoint(file)
      try Data([1]).write(to: URL(fileURLWithPath: root + "/told"))
      try await world.feed(bytes[700_000...], to: file)
      _ = try await world.store.finisher.finish(world.request(upload, file))
    }
    let world = try await UploadFixture(path: folder.path + "/data")
    _ = try world.store.recovery.run()
    let token = FileManager.default.contents(atPath: folder.path + "/token")
    #expect((token == nil) == (point == "upload-inserted"))
    guard let token, let upload = try await world.store.catalog.upload(token: [UInt8](token)) else { return }
    let isTold = FileManager.default.fileExists(atPath: folder.path + "/told")
    #expect(upload.offset >= (isTold ? Int64(half) : 0))
    if upload.state == .open {
      let file = try await world.open(upload)
      #expect(file.length >= upload.offset)
      try await world.feed(bytes[Int(file.length)...], to: file)
      #expect(try await world.store.finisher.finish(world.request(upload, file)) == .created(upload.asset))
    }
    let row = try #require(try await world.row(upload))
    guard case .complete(let isNew, let asset, let digest) = row.state else {
      Issue.record("\(row.state)")
      return
    }
    #expect(isNew == (point != "duplicate-found") && digest == sha1(bytes))
    #expect(try await world.store.row(asset)?.sha1 == digest)
    #expect(try await world.store.count("asset") == 1)
    #expect(try await world.store.problems() == [])
  }
}
