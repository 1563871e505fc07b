import Foundation
import Ground
import Media
import Store
import Testing

@testable import Backup

@Suite struct ConcatenationTests {
  private func part(_ fixture: BackupFixture, _ bytes: [UInt8], by principal: Principal? = nil) async throws
    -> UploadToken
  {
    let upload = try await fixture.open(
      BackupFixture.creation(length: Int64(bytes.count), name: nil, kind: .partial), by: principal)
    let status = try await fixture.send(bytes, to: upload.token, at: 0)
    #expect(status.state == .open && status.offset == Int64(bytes.count), "a part is never a photo by itself")
    return upload.token
  }

  @Test func partsInTheirOrderWithRepeats() async throws {
    let fixture = try await BackupFixture()
    let pieces = [sample(1_500_000, seed: 1), sample(77, seed: 2), sample(400_000, seed: 3)]
    var tokens: [UploadToken] = []
    for piece in pieces { tokens.append(try await part(fixture, piece)) }
    let whole = pieces[2] + pieces[0] + pieces[2] + pieces[1]
    var creation = BackupFixture.creation()
    creation.facts.claimedChecksum = sha1(whole)
    creation.concat = "final;a b"
    let status = try await fixture.uploads.concatenate(
      [tokens[2], tokens[0], tokens[2], tokens[1]], creation, by: fixture.principal)
    #expect(status.kind == .final && status.offset == Int64(whole.count) && status.length == Int64(whole.count))
    let outcome = try #require(status.outcome)
    #expect(outcome.sha1 == sha1(whole) && status.concat == "final;a b")
    #expect(try await fixture.stored(outcome.result.id) == sha1(whole))
    for token in tokens {
      await #expect(throws: BackupError.uploadGone) { try await fixture.uploads.find(token) }
    }
    #expect(try fixture.staged.isEmpty)
  }

  @Test func refusalsChangeNothing() async throws {
    let fixture = try await BackupFixture()
    let bob = try await fixture.backup.accounts.add(
      email: "bob@example.org", password: "correct horse", name: "Bob", isAdmin: false, quota: nil)
    let mine = try await part(fixture, sample(100))
    let his = try await part(
      fixture, sample(100), by: Principal(user: bob, credential: .session(fixture.session(of: bob))))
    let raw = try await fixture.open(BackupFixture.creation(length: 10)).token
    let half = try await fixture.open(BackupFixture.creation(length: 10, kind: .partial)).token
    await #expect(throws: BackupError.unknownUpload) {
      try await fixture.uploads.concatenate([mine, his], BackupFixture.creation(), by: fixture.principal)
    }
    for parts in [[], [mine, raw], [mine, half]] {
      let error = await #expect(throws: BackupError.self) {
        try await fixture.uploads.concatenate(parts, BackupFixture.creation(), by: fixture.principal)
      }
      guard case .invalid = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
    #expect(try await fixture.uploads.settle(mine).offset == 100)
    let status = try await fixture.uploads.concatenate([mine], BackupFixture.creation(), by: fixture.principal)
    #expect(status.outcome?.sha1 == sha1(sample(100)))
    await #expect(throws: BackupError.self) { try await fixture.send([], to: status.token, at: 100) { $0.length = 3 } }
  }

  @Test func sumIsHeldAgainstTheLimit() async throws {
    let fixture = try await BackupFixture { $0.uploads.size = 150 }
    let token = try await part(fixture, sample(100))
    await #expect(throws: BackupError.uploadTooLarge(limit: 150)) {
      try await fixture.uploads.concatenate([token, token], BackupFixture.creation(), by: fixture.principal)
    }
    #expect(try await fixture.uploads.settle(token).offset == 100)
  }

  @Test func wrongDigestIsFinalAndQuotaIsNot() async throws {
    let fixture = try await BackupFixture(quota: 250)
    let first = try await part(fixture, sample(100))
    let second = try await part(fixture, sample(100, seed: 2))
    await #expect(throws: BackupError.quotaExceeded) {
      try await fixture.uploads.concatenate(
        [first, second, first], BackupFixture.creation(), by: fixture.principal)
    }
    #expect(try await fixture.uploads.settle(second).offset == 100)
    var creation = BackupFixture.creation()
    creation.facts.claimedChecksum = sha1([1])
    await #expect(throws: BackupError.checksumMismatch(claimed: sha1([1]), received: sha1(sample(100)))) {
      try await fixture.uploads.concatenate([first], creation, by: fixture.principal)
    }
    #expect(fixture.originals.isEmpty)
  }
}

@Suite struct MultipartUploadTests {
  @Test func wholeBodyIsReadByItsDoorAndItsAnswerKept() async throws {
    let fixture = try await BackupFixture()
    let body = sample(1_300_000)
    var creation = BackupFixture.creation(.flag, name: nil, kind: .multipart)
    (creation.contentType, creation.agent) = ("multipart/form-data; boundary=x", "curl")
    let upload = try await fixture.open(creation)
    #expect(upload.contentType == creation.contentType && upload.agent == "curl")
    try await fixture.sendCut(Array(body[..<700_000]), to: upload.token, at: 0)
    func whole() async throws -> UploadWriter {
      let offset = try await fixture.uploads.settle(upload.token).offset
      var part = UploadPart(offset: offset) {}
      part.isLast = true
      let writer = try await fixture.uploads.append(part, to: upload.token)
      try await fixture.feed(Array(body[Int(offset)...]), writer)
      let status = try await writer.lane.run { try await writer.end {} }
      #expect(status.state == .open && writer.holdsWholeBody)
      return writer
    }
    let first = try await whole()
    let read = try await first.lane.run {
      let block = Block(capacity: 1 << 20)
      var bytes: [UInt8] = []
      while try await first.read(into: block, at: Int64(bytes.count)) > 0 {
        bytes += block.head(block.count)
        block.count = 0
      }
      return bytes
    }
    #expect(read == body)
    // The form could not be stored just now: it is still there.
    await first.lane.run { _ = await first.cut() }
    let second = try await whole()
    let outcome = UploadOutcome(result: try await fixture.upload(sample(10), "a.jpg"), sha1: sha1(sample(10)))
    #expect(try await second.lane.run { try await second.record(outcome) }.outcome == outcome)
    #expect(try await fixture.uploads.settle(upload.token).outcome == outcome)
    #expect(try fixture.staged.isEmpty)
  }

  @Test func bodyThatIsNoFormFails() async throws {
    let fixture = try await BackupFixture()
    let upload = try await fixture.open(BackupFixture.creation(.length, length: 10, kind: .multipart))
    let writer = try await fixture.uploads.append(UploadPart(offset: 0) {}, to: upload.token)
    try await fixture.feed(sample(10), writer)
    _ = try await writer.lane.run { try await writer.end {} }
    let failure = UploadFailure(code: "invalid", message: "no form")
    await writer.lane.run { await writer.fail(failure) }
    #expect(try await fixture.uploads.settle(upload.token).failure == failure)
    #expect(try fixture.staged.isEmpty)
  }
}

@Suite struct FlightTests {
  @Test func oneOfManyTransfersOfTheSameBytesIsEnough() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(3000)
    func announced() async throws -> UploadToken {
      var creation = BackupFixture.creation(.flag)
      creation.facts.claimedChecksum = sha1(bytes)
      return try await fixture.open(creation).token
    }
    let (first, second, idle) = (try await announced(), try await announced(), try await announced())
    let writer = try await fixture.uploads.append(UploadPart(offset: 0) {}, to: second)
    try await fixture.feed(Array(bytes[..<1000]), writer)
    let reception = try await fixture.backup.desk.open(
      fixture.anna.account, expectedLength: nil, claimed: sha1(bytes))
    let stranger = try await fixture.backup.desk.open(
      fixture.anna.account, expectedLength: nil, claimed: sha1([1]))
    let id = try #require(
      try await fixture.send(bytes, to: first, at: 0) { $0.isLast = true }.outcome
    ).result.id
    let error = BackupError.storedMeanwhile(id)
    await #expect(throws: error) { try await fixture.feed(Array(bytes[1000..<2000]), writer) }
    await writer.lane.run { _ = await writer.cut() }
    await #expect(throws: error) { try await fixture.send([], to: idle, at: 0) }
    let block = Block(capacity: 4096)
    block.count = 10
    await #expect(throws: error) { try await reception.writeTail(block, count: 10) }
    reception.abandon()
    try await stranger.writeTail(block, count: 10)
    stranger.abandon()
    for token in [second, idle] {
      #expect(
        try await fixture.uploads.find(token).outcome == UploadOutcome(result: .duplicate(id), sha1: sha1(bytes)))
    }
    #expect(try fixture.staged.isEmpty && fixture.originals.count == 1)
  }
}

@Suite struct FillingTests {
  private static let jpeg: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0, 0, 16] + Array("JFIF\0".utf8) + sample(300)
  private static let movie: [UInt8] = [0, 0, 0, 20] + Array("ftypqt  ".utf8) + [0, 0, 0, 0] + Array("qt  ".utf8)
  private static let begun = WrittenTime("2026-01-02T03:04:05Z")!.instant

  @Test func namesFollowTheContent() throws {
    func name(_ name: String?, _ head: [UInt8], byContent: Bool = true) throws -> String {
      var facts = UploadFacts()
      facts.name = name.map { Array($0.utf8) }
      facts.typeByContent = byContent
      return String(decoding: try facts.filled(head: head, begun: FillingTests.begun).name, as: UTF8.self)
    }
    #expect(try name(nil, FillingTests.jpeg, byContent: false) == "IMG_20260102_030405.jpg")
    #expect(try name(nil, FillingTests.movie) == "VID_20260102_030405.mov")
    #expect(try name("upload.jpg", FillingTests.movie) == "upload.mov")
    #expect(try name("upload.jpg", FillingTests.movie, byContent: false) == "upload.jpg", "as in Immich")
    #expect(try name("clip.MP4", FillingTests.movie) == "clip.MP4", "they begin alike")
    #expect(try name("photo", FillingTests.jpeg) == "photo.jpg")
    #expect(try name("photo.bin", FillingTests.jpeg) == "photo.bin.jpg")
    #expect(try name("a.png", FillingTests.jpeg) == "a.png")
    #expect(try name("odd.x3f", [1, 2, 3]) == "odd.x3f", "an unknown beginning is believed to be what its name says")
    #expect(throws: BackupError.unsupportedType(name: "a.txt")) { try name("a.txt", Array("hello".utf8)) }
    #expect(throws: BackupError.unsupportedType(name: "")) { try name(nil, Array("hello".utf8)) }
  }

  @Test func timesThatDidNotComeAreTheBeginningOfTheUpload() throws {
    var facts = UploadFacts()
    var filled = try facts.filled(head: FillingTests.jpeg, begun: FillingTests.begun)
    #expect(filled.createdAt.instant == FillingTests.begun && filled.modifiedAt.instant == FillingTests.begun)
    #expect(filled.createdAt.wallClock.hour == 3)
    facts.createdAt = WrittenTime("2024-07-31T23:30:00-02:00")
    filled = try facts.filled(head: FillingTests.jpeg, begun: FillingTests.begun)
    #expect(filled.modifiedAt == facts.createdAt)
    #expect(filled.name == Array("IMG_20240731_233000.jpg".utf8))
  }

  /// The same for a transfer that cannot resume.
  @Test func receptionFillsIn() async throws {
    let fixture = try await BackupFixture()
    let reception = try await fixture.receive(FillingTests.movie + sample(5000))
    let id = try await reception.finish(UploadFacts(), sidecar: nil).id
    let asset = try await fixture.backup.assets.asset(id, owner: fixture.anna.id)
    #expect(asset.kind == .video && asset.mimeType == "video/quicktime")
    #expect(String(decoding: asset.originalName, as: UTF8.self).hasPrefix("VID_20"))
    #expect(reception.digest == asset.checksum)
    // And for one that can, over two parts of which the first is too short to tell.
    var creation = BackupFixture.creation(name: "upload.jpg")
    creation.facts.typeByContent = true
    let bytes = FillingTests.movie + sample(6000)
    creation.length = Int64(bytes.count)
    let upload = try await fixture.open(creation)
    try await fixture.send(Array(bytes[..<3]), to: upload.token, at: 0)
    let outcome = try #require(try await fixture.send(Array(bytes[3...]), to: upload.token, at: 3).outcome)
    let second = try await fixture.backup.assets.asset(outcome.result.id, owner: fixture.anna.id)
    #expect(second.originalName == Array("upload.mov".utf8) && second.kind == .video)
  }
}
