import Ground
import Store
import Testing

@testable import Backup

@Suite struct AlbumsTests {
  /// Uploads a photo for each text, taken at that wall clock.
  private func photos(_ fixture: BackupFixture, _ taken: [String]) async throws -> [Identifier] {
    var ids: [Identifier] = []
    for (index, text) in taken.enumerated() {
      let time = try #require(WrittenTime(text))
      ids.append(
        try await fixture.upload(sample(100, seed: UInt64(index + 1)), "\(index).jpg") { $0.createdAt = time }.id)
    }
    return ids
  }

  private let threeDays = ["2024-05-02T10:00:00.000Z", "2024-05-01T10:00:00.000Z", "2024-05-03T10:00:00.000Z"]

  /// A second person with one photo.
  private func stranger(_ fixture: BackupFixture) async throws -> (user: User, photo: Identifier) {
    let ben = try await fixture.backup.accounts.add(
      email: "ben@example.org", password: "x", name: "Ben", isAdmin: false, quota: nil)
    let reception = try await fixture.receive(sample(50, seed: 99), owner: ben.id)
    return (ben, try await reception.finish(fixture.facts("ben.jpg"), sidecar: nil).id)
  }

  @Test func anEmptyAlbumHasNoDatesAndNoCover() async throws {
    let fixture = try await BackupFixture()
    let album = try await fixture.backup.albums.create(
      owner: fixture.anna.id, name: "Söndag \u{1F319}", description: "", assets: [])
    #expect(album.assetCount == 0 && album.startDate == nil && album.endDate == nil && album.thumbnail == nil)
    #expect(album.lastModifiedAsset == nil && album.order == .desc && album.isActivityEnabled)
    #expect(try await fixture.backup.albums.album(album.id, by: fixture.anna.id) == album)
    #expect(try await fixture.backup.albums.list(by: fixture.anna.id, containing: nil) == [album])
  }

  @Test func creatingLeavesForeignAndUnknownIdsOutWithoutAWord() async throws {
    let fixture = try await BackupFixture()
    let ids = try await photos(fixture, threeDays)
    let foreign = try await stranger(fixture).photo
    let album = try await fixture.backup.albums.create(
      owner: fixture.anna.id, name: "May", description: "spring",
      assets: [foreign, Identifier(), ids[0], ids[1], ids[0], ids[2]])
    #expect(album.assetCount == 3 && album.thumbnail == ids[0])
    #expect(album.startDate?.iso8601 == "2024-05-01T10:00:00.000Z")
    #expect(album.endDate?.iso8601 == "2024-05-03T10:00:00.000Z")
    let newest = try await fixture.backup.assets.asset(ids[2], owner: fixture.anna.id).updatedAt
    #expect(album.lastModifiedAsset == newest)
  }

  @Test func joiningAndLeavingTellWhatHappenedToEachId() async throws {
    let fixture = try await BackupFixture()
    let ids = try await photos(fixture, threeDays)
    let foreign = try await stranger(fixture).photo
    let unknown = Identifier()
    let albums = fixture.backup.albums
    let album = try await albums.create(owner: fixture.anna.id, name: "May", description: "", assets: [ids[0]])
    let joined = try await albums.add(
      [ids[0], ids[1], ids[1], foreign, unknown, ids[2]], to: album.id, by: fixture.anna.id)
    #expect(joined.map(\.id) == [ids[0], ids[1], ids[1], foreign, unknown, ids[2]])
    #expect(joined.map(\.failure) == [.duplicate, nil, .duplicate, .noPermission, .noPermission, nil])

    let left = try await albums.remove([ids[1], ids[1], foreign, unknown], from: album.id, by: fixture.anna.id)
    #expect(left.map(\.failure) == [nil, .notFound, .notFound, .notFound])
    #expect(try await albums.album(album.id, by: fixture.anna.id).assetCount == 2)
    _ = try await fixture.backup.assets.asset(ids[1], owner: fixture.anna.id)
  }

  @Test func theCoverIsReplacedWhenItLeavesOrIsTrashed() async throws {
    let fixture = try await BackupFixture()
    let ids = try await photos(fixture, threeDays)
    let (albums, anna) = (fixture.backup.albums, fixture.anna.id)
    let id = try await albums.create(owner: anna, name: "May", description: "", assets: ids).id
    func cover() async throws -> Identifier? { try await albums.album(id, by: anna).thumbnail }
    #expect(try await cover() == ids[0])
    _ = try await albums.remove([ids[0]], from: id, by: anna)
    #expect(try await cover() == ids[2], "the newest stands in")

    _ = try await albums.update(
      id, by: anna, name: nil, description: nil, thumbnail: ids[1], isActivityEnabled: nil, order: nil)
    #expect(try await cover() == ids[1])
    try await fixture.backup.trash.put([ids[1]], owner: anna)
    #expect(try await cover() == ids[2])
    _ = try await fixture.backup.trash.restore([ids[1]], owner: anna)
    #expect(try await cover() == ids[1], "the chosen one is back")
    await #expect(throws: BackupError.self) {
      try await albums.update(
        id, by: anna, name: "renamed", description: nil, thumbnail: ids[0], isActivityEnabled: nil, order: nil)
    }
    #expect(try await albums.album(id, by: anna).name == "May", "a refused change changes nothing")
  }

  /// A trashed photo keeps its place in its albums, uncounted, and may join one: it is there when it is restored.
  @Test func trashedAssetsAreMembersThatDoNotCount() async throws {
    let fixture = try await BackupFixture()
    let ids = try await photos(fixture, threeDays)
    let (albums, anna) = (fixture.backup.albums, fixture.anna.id)
    try await fixture.backup.trash.put([ids[1]], owner: anna)
    let id = try await albums.create(owner: anna, name: "May", description: "", assets: [ids[0], ids[2]]).id
    #expect(try await albums.add([ids[1]], to: id, by: anna) == [AlbumChange(id: ids[1], failure: nil)])
    try await fixture.backup.trash.put([ids[2]], owner: anna)
    let now = try await albums.album(id, by: anna)
    #expect(now.assetCount == 1 && now.startDate?.iso8601 == threeDays[0] && now.endDate?.iso8601 == threeDays[0])

    #expect(try await fixture.backup.trash.restore(ids, owner: anna) == 2)
    let then = try await albums.album(id, by: anna)
    #expect(then.assetCount == 3 && then.startDate?.iso8601 == threeDays[1])
  }

  @Test func hiddenPartsDoNotCountAndLockedAssetsStayOut() async throws {
    let fixture = try await BackupFixture()
    let (albums, anna) = (fixture.backup.albums, fixture.anna.id)
    let hidden = try await fixture.upload(sample(10, seed: 7), "a.mov") { $0.visibility = .hidden }.id
    let locked = try await fixture.upload(sample(10, seed: 8), "b.jpg") { $0.visibility = .locked }.id
    let archived = try await fixture.upload(sample(10, seed: 9), "c.jpg") { $0.visibility = .archive }.id
    let id = try await albums.create(owner: anna, name: "x", description: "", assets: []).id
    let changes = try await albums.add([hidden, locked, archived], to: id, by: anna)
    #expect(changes.map(\.failure) == [nil, .noPermission, nil])
    let album = try await albums.album(id, by: anna)
    #expect(album.assetCount == 1 && album.thumbnail == archived)
  }

  @Test func changingKeepsWhatIsNotNamed() async throws {
    let fixture = try await BackupFixture()
    let (albums, anna) = (fixture.backup.albums, fixture.anna.id)
    let album = try await albums.create(owner: anna, name: "May", description: "spring", assets: [])
    let renamed = try await albums.update(
      album.id, by: anna, name: "June", description: nil, thumbnail: nil, isActivityEnabled: nil, order: nil)
    #expect(renamed.name == "June" && renamed.description == "spring" && renamed.updatedAt >= album.updatedAt)
    let flipped = try await albums.update(
      album.id, by: anna, name: nil, description: "", thumbnail: nil, isActivityEnabled: false, order: .asc)
    #expect(flipped.name == "June" && flipped.description == "" && !flipped.isActivityEnabled && flipped.order == .asc)
  }

  @Test func albumsOfOthersAreOutOfReach() async throws {
    let fixture = try await BackupFixture()
    let (albums, anna) = (fixture.backup.albums, fixture.anna.id)
    let ids = try await photos(fixture, threeDays)
    let album = try await albums.create(owner: anna, name: "May", description: "", assets: ids)
    let (ben, photo) = try await stranger(fixture)
    await #expect(throws: BackupError.noAccess(permission: "album.read")) {
      try await albums.album(album.id, by: ben.id)
    }
    await #expect(throws: BackupError.noAccess(permission: "album.update")) {
      try await albums.update(
        album.id, by: ben.id, name: "mine", description: nil, thumbnail: nil, isActivityEnabled: nil, order: nil)
    }
    await #expect(throws: BackupError.noAccess(permission: "album.delete")) {
      try await albums.delete(album.id, owner: ben.id)
    }
    await #expect(throws: BackupError.noAccess(permission: "albumAsset.create")) {
      try await albums.add([photo], to: album.id, by: ben.id)
    }
    await #expect(throws: BackupError.noAccess(permission: "albumAsset.delete")) {
      try await albums.remove(ids, from: album.id, by: ben.id)
    }
    #expect(try await albums.list(by: ben.id, containing: nil).isEmpty)
    #expect(try await albums.list(by: ben.id, containing: ids[0]).isEmpty)
    #expect(try await albums.album(album.id, by: anna) == album)
  }

  @Test func deletingAnAlbumTouchesNoAsset() async throws {
    let fixture = try await BackupFixture()
    let (albums, anna) = (fixture.backup.albums, fixture.anna.id)
    let ids = try await photos(fixture, threeDays)
    let (first, second) = (
      try await albums.create(owner: anna, name: "1", description: "", assets: ids),
      try await albums.create(owner: anna, name: "2", description: "", assets: [ids[0]])
    )
    #expect(try await albums.list(by: anna, containing: nil).map(\.id) == [second.id, first.id])
    #expect(try await albums.list(by: anna, containing: ids[1]).map(\.id) == [first.id])
    try await albums.delete(first.id, owner: anna)
    await #expect(throws: BackupError.noAccess(permission: "album.delete")) {
      try await albums.delete(first.id, owner: anna)
    }
    for id in ids { #expect(try await fixture.backup.assets.asset(id, owner: anna).deletedAt == nil) }
    #expect(fixture.originals.count == 3)
    #expect(try await albums.list(by: anna, containing: ids[0]) == [second])
  }

  @Test func namesAndCallsAreBounded() async throws {
    let fixture = try await BackupFixture()
    let (albums, anna) = (fixture.backup.albums, fixture.anna.id)
    for (name, description) in [
      (String(repeating: "n", count: 513), ""), ("n", String(repeating: "d", count: 10_001)), ("n\u{0}", ""),
    ] {
      await #expect(throws: BackupError.self) {
        try await albums.create(owner: anna, name: name, description: description, assets: [])
      }
    }
    #expect(try await albums.list(by: anna, containing: nil).isEmpty)
    let album = try await albums.create(
      owner: anna, name: String(repeating: "ü", count: 512), description: "", assets: [])
    let many = (0..<Albums.idsPerCall).map { _ in Identifier() }
    await #expect(throws: BackupError.self) {
      try await albums.add(many + [Identifier()], to: album.id, by: anna)
    }
    let changes = try await albums.add(many, to: album.id, by: anna)
    #expect(changes.count == Albums.idsPerCall && changes.allSatisfy { $0.failure == .noPermission })
  }
}
