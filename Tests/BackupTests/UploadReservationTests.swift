import Foundation
import Ground
import Testing

@testable import Backup
@testable import Store

/// What an upload takes from others while nobody brings it: nothing. What it may not survive: a disk that refuses to sync.
@Suite struct UploadReservationTests {
  private func outstanding(_ world: BackupFixture) throws -> Int64 { try #require(world.uploads.staging).outstanding }

  /// Room on the disk is set aside while somebody writes, and for nobody else.
  @Test func idleUploadsKeepNoRoom() async throws {
    let world = try await BackupFixture()
    let upload = try await world.open(BackupFixture.creation(length: 64 << 20))
    let writer = try await world.uploads.append(UploadPart(offset: 0) {}, to: upload.token)
    #expect(try outstanding(world) == 64 << 20)
    try await world.feed(sample(1000), writer)
    await writer.lane.run { _ = await writer.cut() }
    #expect(try outstanding(world) == 0)
    // Also where its file was opened anew to say where it stands.
    #expect(try await world.uploads.settle(upload.token).offset == 1000)
    #expect(try outstanding(world) == 0)
    let again = try await world.uploads.append(UploadPart(offset: 1000) {}, to: upload.token)
    #expect(try outstanding(world) == (64 << 20) - 1000)
    await again.lane.run { _ = await again.cut() }
    #expect(try outstanding(world) == 0)
    try await world.uploads.cancel(upload.token)
    #expect(try outstanding(world) == 0)
  }

  /// On a full disk an upload still says where it stands, ends and is cancelled; only more bytes are refused.
  @Test func fullDiskRefusesOnlyBytes() async throws {
    let world = try await BackupFixture()
    let staging = try #require(world.uploads.staging)
    let whole = try await world.open(BackupFixture.creation(.flag))
    let rest = try await world.open(BackupFixture.creation(length: 64 << 20))
    for upload in [whole, rest] { try await world.sendCut(sample(1000), to: upload.token, at: 0) }
    // Others were promised more than there is by now.
    let others = try 2 * FileSystem.space(world.root).free
    staging.settle(-others)
    #expect(throws: StoreError.diskFull) { try staging.promise(0) }
    #expect(try await world.uploads.settle(rest.token).offset == 1000)
    await #expect(throws: BackupError.diskFull) {
      try await world.uploads.append(UploadPart(offset: 1000) {}, to: rest.token)
    }
    let status = try await world.send([], to: whole.token, at: 1000) { $0.isLast = true }
    #expect(status.outcome?.result.isNew == true)
    try await world.uploads.cancel(rest.token)
  }

  /// A file that could not be synced is over with its next visitor: nobody is told of its bytes.
  @Test func uploadThatCannotBeSyncedFails() async throws {
    let world = try await BackupFixture()
    let staging = try #require(world.uploads.staging)
    let upload = try await world.open(BackupFixture.creation(length: 100))
    let row = try #require(try await world.uploads.catalog.upload(token: upload.token.bytes))
    var pair: [Int32] = [0, 0]
    try system("pipe") { pipe(&pair) }
    _ = Descriptor(owning: pair[0], path: "pipe")
    let descriptor = Descriptor(owning: pair[1], path: "pipe")
    let progress = UploadProgress(
      .init(offset: 0, sha1State: RunningSHA1().state), isNamed: true, number: row.number, file: descriptor,
      staging: staging, catalog: world.uploads.catalog)
    let tail = FileTail(file: descriptor, staging: staging, length: 7, promised: 0)
    let file = PartialFile(name: try #require(row.staged), staging: staging, tail: tail, progress: progress)
    let seat = try await world.uploads.registry.visit(upload.token, .atOnce)
    world.uploads.registry.leave(seat, .letGo, parking: file)
    #expect(try await world.uploads.settle(upload.token).failure == .storageFailed)
    #expect(try await world.uploads.find(upload.token).failure == .storageFailed)
  }

  /// What is complete at once was never open.
  @Test func knownBytesAreRecordedEnded() async throws {
    let world = try await BackupFixture()
    let first = try await world.open(BackupFixture.creation(length: 1000))
    try await world.send(sample(1000), to: first.token, at: 0)
    var creation = BackupFixture.creation(length: 1000)
    creation.facts.claimedChecksum = sha1(sample(1000))
    let known = try await world.open(creation)
    #expect(known.outcome?.result.isNew == false && known.offset == 1000)
    #expect(try await world.uploads.find(known.token).outcome == known.outcome)
    #expect(try await world.uploads.list(owner: world.anna.id).isEmpty)
  }
}
