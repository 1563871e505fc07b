import Ground
import Store
import Testing

@testable import Backup

/// What lies in staging is on the owner's account from its first byte on.
@Suite struct UploadQuotaTests {
  @Test func largestQuotaOverflowsNowhere() async throws {
    let fixture = try await BackupFixture(quota: .max)
    let upload = try await fixture.open(BackupFixture.creation(.flag, kind: .multipart))
    #expect(try await fixture.sendCut(sample(100), to: upload.token, at: 0)?.offset == 100)
    let other = try await fixture.open(BackupFixture.creation(length: 1 << 20))
    #expect(try await fixture.sendCut(sample(100), to: other.token, at: 0)?.offset == 100)
  }

  @Test func unfinishedUploadsTakeTheirRoom() async throws {
    let fixture = try await BackupFixture(quota: 1000)
    let first = try await fixture.open(BackupFixture.creation(length: 900))
    let second = try await fixture.open(BackupFixture.creation(length: 900))
    try await fixture.sendCut(sample(600), to: first.token, at: 0)
    await #expect(throws: BackupError.quotaExceeded) {
      try await fixture.send(sample(900, seed: 2), to: second.token, at: 0)
    }
    await #expect(throws: BackupError.quotaExceeded) {
      try await fixture.open(BackupFixture.creation(length: 401))
    }
    // Its own bytes are no obstacle, nor is what another person left.
    let bob = try await fixture.backup.accounts.add(
      email: "bob@example.org", password: "correct horse", name: "Bob", isAdmin: false, quota: 1000)
    let his = try await fixture.open(
      BackupFixture.creation(length: 1000), by: Principal(user: bob, credential: .session(fixture.session(of: bob))))
    #expect(try await fixture.send(sample(1000, seed: 3), to: his.token, at: 0).outcome != nil)
    let rest = Array(sample(900)[600...])
    #expect(try await fixture.send(rest, to: first.token, at: 600).outcome?.sha1 == sha1(sample(900)))
    // What was cancelled gives its room back.
    let third = try await fixture.open(BackupFixture.creation(length: 100))
    try await fixture.sendCut(sample(90, seed: 4), to: third.token, at: 0)
    await #expect(throws: BackupError.quotaExceeded) { try await fixture.open(BackupFixture.creation(length: 11)) }
    try await fixture.uploads.cancel(third.token)
    _ = try await fixture.open(BackupFixture.creation(length: 100))
  }

  /// Of several that are received at once, each counts with the length that it announced.
  @Test func writersOfOneMomentShareTheRoom() async throws {
    let fixture = try await BackupFixture(quota: 1000)
    let first = try await fixture.open(BackupFixture.creation(length: 600))
    let second = try await fixture.open(BackupFixture.creation(length: 600))
    let writer = try await fixture.uploads.append(UploadPart(offset: 0) {}, to: first.token)
    await #expect(throws: BackupError.quotaExceeded) {
      try await fixture.uploads.append(UploadPart(offset: 0) {}, to: second.token)
    }
    await writer.lane.run { _ = await writer.cut() }
    let other = try await fixture.uploads.append(UploadPart(offset: 0) {}, to: second.token)
    await other.lane.run { _ = await other.cut() }
  }

  /// Nobody knows how long these become: the room is looked at again while they grow.
  @Test func endlessWritersShareTheRoomToo() async throws {
    let fixture = try await BackupFixture(quota: 4 << 20) { $0.uploads.checkpointBytes = 256 << 10 }
    let bytes = sample(3 << 20)
    let (first, second) = (
      try await fixture.open(BackupFixture.creation(.flag)), try await fixture.open(BackupFixture.creation(.flag))
    )
    let writer = try await fixture.uploads.append(UploadPart(offset: 0) {}, to: first.token)
    try await fixture.sendCut(bytes, to: second.token, at: 0)
    await #expect(throws: BackupError.quotaExceeded) { try await fixture.feed(bytes, writer) }
    let status = await writer.lane.run { await writer.cut() }
    #expect(try #require(status).offset < 3 << 20)
  }

  @Test func wholePartsLeaveRoomForWhatIsPutTogetherFromThem() async throws {
    let fixture = try await BackupFixture(quota: 1000)
    let bytes = sample(800)
    var parts: [UploadToken] = []
    for half in [bytes[..<400], bytes[400...]] {
      let upload = try await fixture.open(BackupFixture.creation(length: 400, name: nil, kind: .partial))
      try await fixture.send(Array(half), to: upload.token, at: 0)
      parts.append(upload.token)
    }
    let status = try await fixture.uploads.concatenate(parts, BackupFixture.creation(), by: fixture.principal)
    #expect(status.outcome?.sha1 == sha1(bytes))
  }
}
