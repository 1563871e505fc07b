import Foundation
import Ground
import Store
import Testing

@testable import Backup

@Suite struct UploadsTests {
  @Test func partsBecomeOneAssetAndItsAnswerIsReplayed() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample((3 << 20) + 77)
    let upload = try await fixture.open(BackupFixture.creation(length: Int64(bytes.count)))
    #expect(upload.offset == 0 && upload.state == .open && !upload.isReceiving && upload.device == "Pixel 8")
    var status = try await fixture.send(Array(bytes[..<1_500_000]), to: upload.token, at: 0)
    #expect(status.offset == 1_500_000 && status.state == .open)
    status = try await fixture.send(Array(bytes[1_500_000...]), to: upload.token, at: 1_500_000)
    let outcome = try #require(status.outcome)
    #expect(outcome.sha1 == sha1(bytes) && outcome.result == .created(upload.asset))
    #expect(try await fixture.stored(outcome.result.id) == sha1(bytes))
    #expect(try fixture.staged.isEmpty)
    // Only the answer was lost: HEAD says it, an empty part at the end says it again, bytes do not fit.
    #expect(try await fixture.uploads.settle(upload.token).outcome == outcome)
    #expect(try await fixture.send([], to: upload.token, at: Int64(bytes.count)).outcome == outcome)
    await #expect(throws: BackupError.offsetMismatch(expected: Int64(bytes.count), provided: 0)) {
      try await fixture.send([], to: upload.token, at: 0)
    }
    await #expect(throws: BackupError.lengthExceeded) {
      try await fixture.send([1], to: upload.token, at: Int64(bytes.count))
    }
    #expect(fixture.originals.count == 1)
  }

  @Test func whatCameBeforeACutIsKeptAndTheDigestGoesOn() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(2_500_000)
    let upload = try await fixture.open(BackupFixture.creation(.flag))
    var offset = 0
    for end in [1, 100_000, 1_048_576, 1_048_577, 2_499_999] {
      let status = try await fixture.sendCut(Array(bytes[offset..<end]), to: upload.token, at: Int64(offset))
      #expect(status?.offset == Int64(end))
      #expect(try await fixture.uploads.settle(upload.token).offset == Int64(end))
      offset = end
    }
    let status = try await fixture.send(Array(bytes[offset...]), to: upload.token, at: Int64(offset)) {
      $0.isLast = true
    }
    #expect(status.outcome?.sha1 == sha1(bytes))
  }

  /// A draft upload is whole only when its client says so; the length alone does not end it.
  @Test func flaggedUploadEndsOnlyByItsFlag() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(5000)
    let upload = try await fixture.open(BackupFixture.creation(.flag, length: 5000))
    #expect(try await fixture.send(bytes, to: upload.token, at: 0).state == .open)
    #expect(try await fixture.send([], to: upload.token, at: 5000) { $0.isLast = true }.outcome?.result.isNew == true)
    // Nothing after all.
    let empty = try await fixture.open(BackupFixture.creation(.flag))
    await #expect(throws: BackupError.emptyFile) {
      try await fixture.send([], to: empty.token, at: 0) { $0.isLast = true }
    }
    #expect(try await fixture.uploads.find(empty.token).failure?.code == "empty_file")
  }

  @Test func lengthsMustAgree() async throws {
    let fixture = try await BackupFixture { $0.uploads.size = 10_000 }
    await #expect(throws: BackupError.uploadTooLarge(limit: 10_000)) {
      try await fixture.open(BackupFixture.creation(length: 10_001))
    }
    await #expect(throws: BackupError.emptyFile) { try await fixture.open(BackupFixture.creation(length: 0)) }
    let late = try await fixture.open(BackupFixture.creation())
    try await fixture.send(sample(100), to: late.token, at: 0)
    await #expect(throws: BackupError.inconsistentLength) {
      try await fixture.send([], to: late.token, at: 100) { $0.length = 99 }
    }
    await #expect(throws: BackupError.uploadTooLarge(limit: 10_000)) {
      try await fixture.send([], to: late.token, at: 100) { $0.length = 10_001 }
    }
    // The offset is looked at first.
    await #expect(throws: BackupError.offsetMismatch(expected: 100, provided: 7)) {
      try await fixture.send([], to: late.token, at: 7) { $0.length = 99 }
    }
    #expect(try await fixture.send([1], to: late.token, at: 100) { $0.length = 200 }.length == 200)
    await #expect(throws: BackupError.inconsistentLength) {
      try await fixture.send([], to: late.token, at: 101) { $0.length = 201 }
    }
    await #expect(throws: BackupError.lengthExceeded) {
      try await fixture.send(sample(100), to: late.token, at: 101)
    }
    #expect(try await fixture.send(sample(99), to: late.token, at: 101).outcome != nil)
    // Declared when everything is there, on an empty part.
    let empty = try await fixture.open(BackupFixture.creation())
    try await fixture.send(sample(50, seed: 2), to: empty.token, at: 0)
    #expect(try await fixture.send([], to: empty.token, at: 50) { $0.length = 50 }.outcome != nil)
  }

  /// Bytes of unknown number: nothing beyond the length is written; the draft's upload is over then, tus's is not.
  @Test(arguments: [CompletionRule.length, .flag])
  func tooManyBytes(rule: CompletionRule) async throws {
    let fixture = try await BackupFixture()
    let upload = try await fixture.open(BackupFixture.creation(rule, length: 100))
    await #expect(throws: BackupError.lengthExceeded) {
      try await fixture.send(sample(101), to: upload.token, at: 0) { $0.count = nil }
    }
    let status = try await fixture.uploads.find(upload.token)
    switch rule {
    case .length:
      #expect(status.offset == 100 && status.state == .open)
      #expect(try await fixture.send([], to: upload.token, at: 100).outcome?.sha1 == sha1(sample(100)))
    case .flag:
      #expect(status.failure?.code == "length_exceeded")
      await #expect(throws: BackupError.self) { try await fixture.send([], to: upload.token, at: 100) }
      #expect(try fixture.staged.isEmpty)
    }
  }

  @Test func partsWithAClaimCountWholeOrNotAtAll() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(1_200_000)
    let upload = try await fixture.open(BackupFixture.creation(length: Int64(bytes.count)))
    try await fixture.send(Array(bytes[..<500]), to: upload.token, at: 0) {
      $0.claim = PartClaim(.sha1, sha1(Array(bytes[..<500])).bytes)
    }
    await #expect(throws: BackupError.partMismatch) {
      try await fixture.send(Array(bytes[500...]), to: upload.token, at: 500) {
        $0.claim = PartClaim(.sha1, sha1(bytes).bytes)
      }
    }
    #expect(try await fixture.uploads.settle(upload.token).offset == 500)
    // Broken off in the middle: nobody can tell whether these were right.
    var part = UploadPart(offset: 500) {}
    part.claim = PartClaim(.sha256, sha256(bytes[500...]))
    let writer = try await fixture.uploads.append(part, to: upload.token)
    try await fixture.feed(Array(bytes[500..<1_100_000]), writer)
    #expect(await writer.lane.run { await writer.cut() }?.offset == 500)
    let status = try await fixture.send(Array(bytes[500...]), to: upload.token, at: 500) { $0.claim = part.claim }
    #expect(status.outcome?.sha1 == sha1(bytes))
    #expect(try fixture.staged.isEmpty)
  }

  @Test func failuresForEverAreReplayed() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(1000)
    var creation = BackupFixture.creation(length: 1000)
    creation.facts.claimedChecksum = sha1([1])
    let wrong = try await fixture.open(creation)
    await #expect(throws: BackupError.checksumMismatch(claimed: sha1([1]), received: sha1(bytes))) {
      try await fixture.send(bytes, to: wrong.token, at: 0)
    }
    creation = BackupFixture.creation(length: 1000)
    creation.claimedSHA256 = sha256([1])
    let wrong256 = try await fixture.open(creation)
    await #expect(throws: BackupError.self) { try await fixture.send(bytes, to: wrong256.token, at: 0) }
    let nothing = try await fixture.open(BackupFixture.creation(length: 1000, name: nil))
    await #expect(throws: BackupError.unsupportedType(name: "")) {
      try await fixture.send(bytes, to: nothing.token, at: 0)
    }
    for (token, code) in [
      (wrong.token, "checksum_mismatch"), (wrong256.token, "checksum_mismatch"), (nothing.token, "unsupported_type"),
    ] {
      let failure = try #require(try await fixture.uploads.settle(token).failure)
      #expect(failure.code == code)
      await #expect(throws: BackupError.uploadFailed(failure)) { try await fixture.send([], to: token, at: 1000) }
    }
    #expect(try fixture.staged.isEmpty && fixture.originals.isEmpty)
    // Known before a byte came.
    await #expect(throws: BackupError.unsupportedType(name: "a.exe")) {
      try await fixture.open(BackupFixture.creation(length: 1000, name: "a.exe"))
    }
  }

  @Test func causesThatPassLeaveItOpen() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(1000)
    let upload = try await fixture.open(BackupFixture.creation(.flag))
    await #expect(throws: BackupError.invalidSessionToken) {
      try await fixture.send(bytes, to: upload.token, at: 0) {
        $0.isLast = true
      } authorize: {
        throw BackupError.invalidSessionToken
      }
    }
    let status = try await fixture.uploads.settle(upload.token)
    #expect(status.state == .open && status.offset == 1000)
    #expect(try await fixture.send([], to: upload.token, at: 1000) { $0.isLast = true }.outcome?.sha1 == sha1(bytes))
  }

  @Test func quotaIsAskedBeforeTheBytesAndAtTheEnd() async throws {
    let fixture = try await BackupFixture(quota: 1500)
    await #expect(throws: BackupError.quotaExceeded) {
      try await fixture.open(BackupFixture.creation(length: 1501))
    }
    let first = try await fixture.open(BackupFixture.creation(length: 1000))
    let second = try await fixture.open(BackupFixture.creation(length: 1000))
    let unknown = try await fixture.open(BackupFixture.creation(.flag))
    await #expect(throws: BackupError.quotaExceeded) {
      try await fixture.send(sample(1501), to: unknown.token, at: 0) { $0.count = nil }
    }
    // Both fit when they begin; the second finds the room gone and can be ended later.
    let writer = try await fixture.uploads.append(UploadPart(offset: 0) {}, to: second.token)
    try await fixture.feed(sample(1000, seed: 2), writer)
    try await fixture.send(sample(1000), to: first.token, at: 0)
    await #expect(throws: BackupError.quotaExceeded) {
      try await writer.lane.run { try await writer.end {} }
    }
    let status = try await fixture.uploads.settle(second.token)
    #expect(status.state == .open && status.offset == 1000)
  }

  @Test func knownBytesNeedNoTransfer() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(1000)
    let id = try await fixture.upload(bytes, "a.jpg").id
    var creation = BackupFixture.creation(.flag, length: 1000)
    creation.facts.claimedChecksum = sha1(bytes)
    guard case .stored(let outcome) = try await fixture.uploads.create(creation, by: fixture.principal) else {
      Issue.record("not answered at once")
      return
    }
    #expect(outcome == UploadOutcome(result: .duplicate(id), sha1: sha1(bytes)))
    // tus clients need an address.
    creation = BackupFixture.creation(.length)
    creation.facts.claimedChecksum = sha1(bytes)
    let status = try await fixture.open(creation)
    #expect(status.outcome == outcome && status.offset == 1000 && status.length == 1000)
    #expect(try fixture.staged.isEmpty)
  }

  @Test func halfOfTheBytesIsFound() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(3 << 20)
    var creation = BackupFixture.creation(.flag)
    creation.facts.claimedChecksum = sha1(bytes)
    let upload = try await fixture.open(creation)
    try await fixture.send(Array(bytes[..<1000]), to: upload.token, at: 0)
    #expect(try await fixture.uploads.partlyHere(sha1(bytes), owner: fixture.anna.id) == nil)
    try await fixture.send(Array(bytes[1000..<(2 << 20)]), to: upload.token, at: 1000)
    #expect(try await fixture.uploads.partlyHere(sha1(bytes), owner: fixture.anna.id)?.token == upload.token)
    #expect(try await fixture.uploads.partlyHere(sha1(bytes), owner: Identifier()) == nil)
  }

  @Test func cancelledUploadsAreGoneAndTheAssetOfAFinishedOneStays() async throws {
    let fixture = try await BackupFixture()
    let open = try await fixture.open(BackupFixture.creation(length: 1000))
    try await fixture.sendCut(sample(500), to: open.token, at: 0)
    let done = try await fixture.open(BackupFixture.creation(length: 1000))
    let outcome = try #require(try await fixture.send(sample(1000), to: done.token, at: 0).outcome)
    for token in [open.token, done.token] {
      try await fixture.uploads.cancel(token)
      await #expect(throws: BackupError.uploadGone) { try await fixture.uploads.settle(token) }
      await #expect(throws: BackupError.uploadGone) { try await fixture.send([], to: token, at: 500) }
      await #expect(throws: BackupError.uploadGone) { try await fixture.uploads.cancel(token) }
    }
    #expect(try await fixture.stored(outcome.result.id) == sha1(sample(1000)))
    #expect(try fixture.staged.isEmpty)
    await #expect(throws: BackupError.unknownUpload) { try await fixture.uploads.settle(UploadToken()) }
  }

  @Test func limitsOfOnePerson() async throws {
    let fixture = try await BackupFixture {
      $0.uploads.open = 2
      $0.uploads.writers = 1
    }
    let first = try await fixture.open(BackupFixture.creation(length: 10))
    let second = try await fixture.open(BackupFixture.creation(length: 10))
    await #expect(throws: BackupError.tooManyUploads(retryAfter: 60)) {
      try await fixture.open(BackupFixture.creation(length: 10))
    }
    let writer = try await fixture.uploads.append(UploadPart(offset: 0) {}, to: first.token)
    await #expect(throws: BackupError.tooManyUploads(retryAfter: 1)) {
      try await fixture.send(sample(10), to: second.token, at: 0)
    }
    await writer.lane.run { _ = await writer.cut() }
    try await fixture.send(sample(10), to: second.token, at: 0)
    #expect(try await fixture.uploads.list(owner: fixture.anna.id).map(\.token) == [first.token])
  }

  @Test func creationsAtOnceKeepTheLimit() async throws {
    let fixture = try await BackupFixture { $0.uploads.open = 5 }
    let opened = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<12 {
        group.addTask { (try? await fixture.open(BackupFixture.creation(length: 10))) != nil }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(opened == 5)
  }

  /// The row tells where an upload stands: a HEAD reads no file again whose digest's state is lost.
  @Test func settlingReadsNothingThatIsRecorded() async throws {
    let fixture = try await BackupFixture()
    let upload = try await fixture.open(BackupFixture.creation(length: 1000))
    #expect(try await fixture.uploads.settle(upload.token).offset == 0)
    #expect(try fixture.staged.isEmpty, "no file was made by looking")
    try await fixture.sendCut(sample(400), to: upload.token, at: 0)
    await fixture.backup.close()
    let again = try await BackupFixture(root: fixture.root)
    #expect(try await again.uploads.settle(upload.token).offset == 400)
    // More than is recorded counts in the same boot, and is recorded before it is told.
    let name = try #require(try again.staged.first)
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: again.root + "/staging/" + name))
    try file.seekToEnd()
    try file.write(contentsOf: sample(1000)[400..<600])
    try file.close()
    #expect(try await again.uploads.settle(upload.token).offset == 600)
    #expect(try await again.uploads.find(upload.token).offset == 600)
    let rest = Array(sample(1000)[600...])
    #expect(try await again.send(rest, to: upload.token, at: 600).outcome?.sha1 == sha1(sample(1000)))
    await again.backup.close()
  }

  @Test func restartGoesOnWithEverythingThatWasSaid() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(2_000_000)
    var creation = BackupFixture.creation(.flag, name: nil)
    creation.facts.name = [0xFF] + Array("x.HEIC".utf8)
    creation.facts.createdAt = WrittenTime("2024-07-31T23:30:00.000-02:00")
    creation.facts.isFavorite = true
    creation.facts.metadata = "[]"
    creation.metadata = "filename YQ=="
    let upload = try await fixture.open(creation)
    try await fixture.sendCut(Array(bytes[..<1_234_567]), to: upload.token, at: 0)
    let before = try await fixture.uploads.find(upload.token)
    await fixture.backup.close()
    let again = try await BackupFixture(root: fixture.root)
    #expect(try await again.uploads.find(upload.token) == before)
    let status = try await again.send(Array(bytes[1_234_567...]), to: upload.token, at: 1_234_567) { $0.isLast = true }
    let asset = try await again.backup.assets.asset(#require(status.outcome).result.id, owner: again.anna.id)
    #expect(asset.checksum == sha1(bytes) && asset.originalName == creation.facts.name && asset.isFavorite)
    #expect(asset.localDateTime.iso8601 == "2024-07-31T23:30:00.000Z")
    #expect(asset.fileModifiedAt == creation.facts.createdAt?.instant)
    await again.backup.close()
  }

  @Test func expiredUploadsAreSweptAndEndingsForgotten() async throws {
    let time = TestClock()
    let fixture = try await BackupFixture { $0.clock = time.clock }
    let idle = try await fixture.open(BackupFixture.creation(length: 1000))
    try await fixture.sendCut(sample(500), to: idle.token, at: 0)
    let live = try await fixture.open(BackupFixture.creation(length: 1000))
    let writer = try await fixture.uploads.append(UploadPart(offset: 0) {}, to: live.token)
    try await fixture.feed(sample(500), writer)
    time.advance(8 * 86_400)
    let clock = time.clock
    await fixture.uploads.sweep(clock.wall())
    await #expect(throws: BackupError.uploadGone) { try await fixture.uploads.find(idle.token) }
    // A live writer is not touched, however long it takes.
    #expect(await writer.lane.run { await writer.cut() }?.offset == 500)
    #expect(try fixture.staged.count == 1)
    time.advance(8 * 86_400)
    await fixture.uploads.sweep(clock.wall())
    await #expect(throws: BackupError.unknownUpload) { try await fixture.uploads.find(idle.token) }
    await #expect(throws: BackupError.uploadGone) { try await fixture.uploads.find(live.token) }
    #expect(try fixture.staged.isEmpty)
  }

  @Test func addressAloneGoesOnOnlyWhileItsCreatorMay() async throws {
    let fixture = try await BackupFixture()
    let accounts = fixture.backup.accounts
    let login = try await accounts.login(
      email: "anna@example.org", password: "correct horse",
      device: LoginDevice(type: "iOS", system: "iPhone", appVersion: nil), address: "1.2.3.4")
    let bySession = try await fixture.open(
      BackupFixture.creation(length: 10), by: try await accounts.authenticate(sessionToken: login.token))
    let (key, secret) = try await accounts.createKey(
      for: fixture.anna.id, name: "laptop", permissions: ["asset.upload"])
    let byKey = try await fixture.open(
      BackupFixture.creation(length: 10), by: try await accounts.authenticate(apiKey: secret))
    #expect(byKey.device == "laptop")
    let uploads = fixture.uploads
    try await uploads.requireCreatorStillMayUpload(bySession)
    try await uploads.requireCreatorStillMayUpload(byKey.token)
    try await accounts.logout(login.session.id)
    await #expect(throws: BackupError.invalidSessionToken) { try await uploads.requireCreatorStillMayUpload(bySession) }
    _ = try await accounts.updateKey(key.id, of: fixture.anna.id, name: nil, permissions: ["asset.read"])
    await #expect(throws: BackupError.missingPermission("asset.upload")) {
      try await uploads.requireCreatorStillMayUpload(byKey)
    }
    try await accounts.deleteKey(key.id, of: fixture.anna.id)
    await #expect(throws: BackupError.invalidAPIKey) { try await uploads.requireCreatorStillMayUpload(byKey) }
  }
}
