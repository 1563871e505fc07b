import Foundation
import Ground
import Store
import Testing

@testable import Backup

@Suite struct UploadTests {
  @Test func storedPhotoComesBackWhole() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample((2 << 20) + 77)
    let result = try await fixture.upload(bytes, "IMG 1.HEIC") { facts in
      facts.claimedChecksum = sha1(bytes)
      facts.isFavorite = true
      facts.durationMilliseconds = 0
      facts.metadata = "[]"
    }
    guard case .created(let id) = result else {
      Issue.record("\(result)")
      return
    }
    let (asset, file) = try await fixture.backup.assets.openOriginal(id, by: Reader(fixture.anna.id, opensLocked: true))
    #expect(try SHA1Digest(reading: file) == sha1(bytes))
    #expect(asset.checksum == sha1(bytes) && asset.size == Int64(bytes.count))
    #expect(asset.kind == .image && asset.mimeType == "image/heic" && asset.isFavorite)
    // The folder follows the writer's wall clock: it is still July there, and August in UTC.
    #expect(asset.originalKey == "\(fixture.anna.folder)/2024/2024-07/IMG 1.HEIC")
    #expect(asset.fileCreatedAt.iso8601 == "2024-08-01T01:30:00.000Z")
    #expect(asset.localDateTime.iso8601 == "2024-07-31T23:30:00.000Z")
    #expect(try file.status.modified.iso8601 == "2024-08-02T10:00:00.123Z")
    #expect(asset.durationMilliseconds == nil, "zero says nothing")
    #expect(asset.deletedAt == nil && asset.visibility == .timeline)
    #expect(try fixture.staged.isEmpty)
  }

  @Test func nameSurvivesByteForByte() async throws {
    let fixture = try await BackupFixture()
    let name: [UInt8] = [0x2F, 0x2E, 0x2E, 0x2F, 0xFF, 0x00, 0x2E, 0x6A, 0x70, 0x67]
    let id = try await fixture.upload(sample(10), "x.jpg") { $0.name = name }.id
    let asset = try await fixture.backup.assets.asset(id, owner: fixture.anna.id)
    #expect(asset.originalName == name)
    #expect(asset.originalKey == "\(fixture.anna.folder)/2024/2024-07/_.._\u{FFFD}_.jpg")
  }

  @Test func refusalsStoreNothing() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(1000)
    let wrong = sha1([1])
    let video = Identifier()
    let cases: [(BackupError, [UInt8], String, (inout UploadFacts) -> Void)] = [
      (.emptyFile, [], "a.jpg", { _ in }),
      (.checksumMismatch(claimed: wrong, received: sha1(bytes)), bytes, "a.jpg", { $0.claimedChecksum = wrong }),
      (.unsupportedType(name: "a.exe"), bytes, "a.exe", { _ in }),
      (.unsupportedType(name: "a.xmp"), bytes, "a.xmp", { _ in }),
      (.invalid("Live photo video not found"), bytes, "a.jpg", { $0.livePhotoVideo = video }),
    ]
    for (error, bytes, name, change) in cases {
      await #expect(throws: error) { try await fixture.upload(bytes, name, change: change) }
      #expect(try fixture.staged.isEmpty, "\(error)")
    }
    #expect(fixture.originals.isEmpty)
  }

  @Test func abandonedAndDroppedUploadsLeaveNothing() async throws {
    let fixture = try await BackupFixture()
    let first = try await fixture.receive(sample(100))
    #expect(first.received == 100)
    #expect(try fixture.staged.count == 1)
    first.abandon()
    #expect(try fixture.staged.isEmpty)
    _ = try await fixture.receive(sample(100))
    #expect(try fixture.staged.isEmpty)
  }

  @Test func duplicateAnswersTheFirstIdEvenFromTheTrash() async throws {
    let fixture = try await BackupFixture()
    let id = try await fixture.upload(sample(10), "a.jpg").id
    #expect(try await fixture.upload(sample(10), "b.png") == .duplicate(id))
    try await fixture.backup.trash.put([id], owner: fixture.anna.id)
    #expect(try await fixture.upload(sample(10), "c.jpg") == .duplicate(id))
    #expect(try await fixture.backup.assets.asset(id, owner: fixture.anna.id).deletedAt != nil, "it is not restored")
    #expect(try await fixture.backup.desk.existing(sha1(sample(10)), owner: fixture.anna.id) == id)
    #expect(try await fixture.backup.desk.existing(sha1(sample(11)), owner: fixture.anna.id) == nil)
    #expect(fixture.originals.count == 1)
  }

  @Test func quotaHoldsEarlyWhileReceivingAndAtTheEnd() async throws {
    let fixture = try await BackupFixture(quota: 3 << 20)
    let desk = fixture.backup.desk
    await #expect(throws: BackupError.quotaExceeded) {
      _ = try await desk.open(fixture.anna.account, expectedLength: ((3 + 34) << 20) + 1)
    }
    // The rest of the body may be a sidecar and the form.
    try await desk.open(fixture.anna.account, expectedLength: (3 + 34) << 20).abandon()
    await #expect(throws: BackupError.quotaExceeded) { _ = try await fixture.receive(sample((3 << 20) + 1)) }
    // Each fits alone, both do not: the second to finish is refused.
    let first = try await fixture.receive(sample(2 << 20, seed: 1))
    let second = try await fixture.receive(sample(2 << 20, seed: 2))
    _ = try await first.finish(fixture.facts("a.jpg"), sidecar: nil)
    await #expect(throws: BackupError.quotaExceeded) { try await second.finish(fixture.facts("b.jpg"), sidecar: nil) }
    let user = try await fixture.backup.accounts.user(email: "anna@example.org")
    #expect(user?.used == 2 << 20)
    #expect(try fixture.staged.isEmpty && fixture.originals.count == 1)
  }

  @Test func sidecarLiesBesideItsOriginal() async throws {
    let fixture = try await BackupFixture()
    let photo = try await fixture.receive(sample(100))
    let sidecar = try await fixture.receive(Array("<x:xmpmeta/>".utf8))
    _ = try await photo.finish(fixture.facts("a.dng"), sidecar: sidecar)
    let folder = "\(fixture.anna.folder)/2024/2024-07/"
    #expect(fixture.originals == [folder + "a.dng", folder + "a.dng.xmp"])
    // An empty one, and one of a duplicate, leave nothing.
    let empty = try await fixture.receive([])
    _ = try await fixture.receive(sample(101)).finish(fixture.facts("b.dng"), sidecar: empty)
    let late = try await fixture.receive(sample(5))
    _ = try await fixture.receive(sample(100)).finish(fixture.facts("c.dng"), sidecar: late)
    #expect(fixture.originals == [folder + "a.dng", folder + "a.dng.xmp", folder + "b.dng"])
    #expect(try fixture.staged.isEmpty)
  }

  @Test func livePhotoCountsOnce() async throws {
    let fixture = try await BackupFixture()
    let video = try await fixture.upload(sample(50), "IMG_1.MOV").id
    let still = try await fixture.upload(sample(60), "IMG_1.HEIC") { $0.livePhotoVideo = video }.id
    let assets = fixture.backup.assets
    #expect(try await assets.asset(still, owner: fixture.anna.id).livePhotoVideo == video)
    #expect(try await assets.asset(video, owner: fixture.anna.id).visibility == .hidden)
    let counts = try await assets.counts(owner: fixture.anna.id, isFavorite: nil, isTrashed: nil, visibility: nil)
    #expect(counts == AssetCounts(images: 1, videos: 0))
    let hidden = try await assets.counts(owner: fixture.anna.id, isFavorite: nil, isTrashed: nil, visibility: .hidden)
    #expect(hidden == AssetCounts(images: 0, videos: 0))
    try await fixture.backup.trash.put([still], owner: fixture.anna.id)
    let trashed = try await assets.counts(
      owner: fixture.anna.id, isFavorite: false, isTrashed: true, visibility: .timeline)
    #expect(trashed == AssetCounts(images: 1, videos: 0))
  }

  @Test func strangersSeeNothing() async throws {
    let fixture = try await BackupFixture()
    let bob = try await fixture.backup.accounts.add(
      email: "bob@example.org", password: "correct horse", name: "Bob", isAdmin: false, quota: nil)
    let id = try await fixture.upload(sample(10), "a.jpg").id
    let assets = fixture.backup.assets
    await #expect(throws: BackupError.noAccess(permission: "asset.read")) { try await assets.asset(id, owner: bob.id) }
    await #expect(throws: BackupError.noAccess(permission: "asset.download")) {
      try await assets.openOriginal(id, by: Reader(bob.id, opensLocked: true))
    }
    await #expect(throws: BackupError.noAccess(permission: "asset.delete")) {
      try await fixture.backup.trash.put([id], owner: bob.id)
    }
    #expect(try await assets.check([sha1(sample(10))], owner: bob.id) == [.wanted])
    #expect(try await assets.check([sha1(sample(10))], owner: fixture.anna.id) == [.present(id, isTrashed: false)])
    #expect(bob.folder != fixture.anna.folder)
  }

  @Test func missingOriginalIsSaid() async throws {
    let fixture = try await BackupFixture()
    let id = try await fixture.upload(sample(10), "a.jpg").id
    try FileManager.default.removeItem(atPath: fixture.root + "/originals/" + fixture.originals[0])
    await #expect(throws: BackupError.originalMissing(id)) {
      try await fixture.backup.assets.openOriginal(id, by: Reader(fixture.anna.id, opensLocked: true))
    }
    // Its bytes are asked for again, and heal it.
    let digest = sha1(sample(10))
    #expect(try await fixture.backup.assets.check([digest], owner: fixture.anna.id) == [.wanted])
    #expect(try await fixture.backup.desk.existing(digest, owner: fixture.anna.id) == nil)
    #expect(try await fixture.upload(sample(10), "b.jpg") == .duplicate(id))
    #expect(try await fixture.backup.assets.check([digest], owner: fixture.anna.id) == [.present(id, isTrashed: false)])
    #expect(try await fixture.backup.desk.existing(digest, owner: fixture.anna.id) == id)
    _ = try await fixture.backup.assets.openOriginal(id, by: Reader(fixture.anna.id, opensLocked: true))
  }

  /// A start finds what is missing, and its bytes are asked for again.
  @Test func startAsksForWhatIsMissing() async throws {
    let fixture = try await BackupFixture()
    let id = try await fixture.upload(sample(10), "a.jpg").id
    await fixture.backup.close()
    try FileManager.default.removeItem(atPath: fixture.root + "/originals/" + fixture.originals[0])
    let again = try await Backup(BackupFixture.options(fixture.root), logger: quiet)
    #expect(try await again.assets.check([sha1(sample(10))], owner: fixture.anna.id) == [.wanted])
    #expect(try await again.assets.asset(id, owner: fixture.anna.id).id == id)
    await again.close()
  }
}

@Suite struct OpeningTests {
  @Test func restartKeepsEverything() async throws {
    let fixture = try await BackupFixture()
    let id = try await fixture.upload(sample(10), "a.jpg").id
    await fixture.backup.close()
    let again = try await Backup(BackupFixture.options(fixture.root), logger: quiet)
    #expect(try await again.assets.asset(id, owner: fixture.anna.id).id == id)
    await again.close()
  }

  @Test func commandLineWorksBesideAServerAndBeforeTheFirst() async throws {
    let fixture = try await BackupFixture()
    let beside = try await Backup(BackupFixture.options(fixture.root, role: .commandLine), logger: quiet)
    _ = try await beside.accounts.add(
      email: "cli@example.org", password: "correct horse", name: "C", isAdmin: false, quota: nil)
    #expect(try await fixture.backup.accounts.user(email: "cli@example.org") != nil)
    await #expect(throws: StoreError.self) {
      _ = try await beside.desk.open(fixture.anna.account, expectedLength: nil)
    }
    await beside.close()

    let fresh = fixture.root + "/fresh"
    let first = try await Backup(BackupFixture.options(fresh, role: .commandLine), logger: quiet)
    // A server may start while the command is still at work.
    let server = try await Backup(BackupFixture.options(fresh), logger: quiet)
    await first.close()
    await server.close()
  }

  @Test func secondServerIsRefused() async throws {
    let fixture = try await BackupFixture()
    await #expect(throws: StoreError.inUse(path: fixture.root)) {
      _ = try await Backup(BackupFixture.options(fixture.root), logger: quiet)
    }
  }
}
