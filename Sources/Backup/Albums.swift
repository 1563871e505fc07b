import Ground
import Store

/// Albums and what is in them. What somebody may not do, and albums that they may not see, are
/// `.noAccess(permission: "album.…")`.
///
/// An album belongs to one person, who may share it with others of this server: viewers look at it, editors also change its
/// name and its like, add assets of their own and take those out again. Its owner takes out any, deletes it, and says who
/// else may see it. Nobody changes or deletes another's asset.
///
/// A trashed asset may join an album and stays in those it is in, as it would in a shoe box: it is not counted and does
/// not show until it is restored. So do hidden motion parts, which never show by themselves. A locked asset joins none.
package final class Albums: Sendable {
  /// Ids in one call; immichpy and the Immich command line send up to this many.
  package static let idsPerCall = 65_000
  /// Unicode scalars.
  static let longestName = 512
  static let longestDescription = 10_000

  let catalog: Catalog
  private let now: @Sendable () -> Instant

  package init(catalog: Catalog, now: @escaping @Sendable () -> Instant = { .now() }) {
    (self.catalog, self.now) = (catalog, now)
  }

  /// Their own and those shared with them, newest first.
  package func list(by user: Identifier, containing asset: Identifier?) async throws -> [Album] {
    try await speaking { try await catalog.albums(seenBy: user, containing: asset).map(Album.init) }
  }

  package func album(_ id: Identifier, by user: Identifier) async throws -> Album {
    guard let row = try await speaking({ try await catalog.album(id, seenBy: user) }) else {
      throw BackupError.noAccess(permission: "album.read")
    }
    return Album(row)
  }

  /// The visible assets of an album, at most `limit`, in its order.
  package func assets(of id: Identifier, by user: Identifier, limit: Int) async throws -> [Asset] {
    try await speaking { try await catalog.assets(ofAlbum: id, seenBy: user, limit: limit).map { try Asset($0) } }
  }

  /// Ids that are not the owner's are left out without a word, as Immich does; the first becomes the thumbnail.
  package func create(
    owner: Identifier, name: String, description: String, assets: [Identifier],
    people: [(user: Identifier, role: AlbumRole)] = []
  ) async throws -> Album {
    try Albums.check(name: name, description: description, count: assets.count)
    try Albums.check(people)
    let made = try await speaking {
      try await catalog.insertAlbum(
        id: Identifier(), owner: owner, name: name, description: description, assets: assets,
        people: people.map { ($0.user, $0.role.rawValue) }, now: now())
    }
    guard let row = made.album else { throw Albums.refusal(made.sharing, permission: "album.create") }
    return Album(row)
  }

  /// Changes what is not nil.
  /// - Throws: `.invalid` where the thumbnail is not in the album.
  package func update(
    _ id: Identifier, by user: Identifier, name: String?, description: String?, thumbnail: Identifier?,
    isActivityEnabled: Bool?, order: AlbumOrder?
  ) async throws -> Album {
    try Albums.check(name: name ?? "", description: description ?? "", count: 0)
    let outcome = try await speaking {
      try await catalog.updateAlbum(
        id, by: user, name: name, description: description, thumbnail: thumbnail,
        isActivityEnabled: isActivityEnabled, order: order?.rawValue, now: now())
    }
    switch outcome {
    case .done(let row): return Album(row)
    case .unknown: throw BackupError.noAccess(permission: "album.update")
    case .foreignThumbnail: throw BackupError.invalid("The album's thumbnail must be one of its assets")
    }
  }

  /// Deletes the album, never its assets.
  package func delete(_ id: Identifier, owner: Identifier) async throws {
    guard try await speaking({ try await catalog.deleteAlbum(id, owner: owner) }) else {
      throw BackupError.noAccess(permission: "album.delete")
    }
  }

  /// One result per id, in order; a repeated id is a duplicate the second time.
  package func add(_ assets: [Identifier], to id: Identifier, by user: Identifier) async throws -> [AlbumChange] {
    try Albums.check(name: "", description: "", count: assets.count)
    let changes = try await speaking { try await catalog.addToAlbum(id, by: user, assets: assets, now: now()) }
    guard let changes else { throw BackupError.noAccess(permission: "albumAsset.create") }
    return zip(assets, changes).map(AlbumChange.init)
  }

  /// One result per id, in order; what is no member is `.notFound`, what an editor may not take out `.noPermission`.
  package func remove(_ assets: [Identifier], from id: Identifier, by user: Identifier) async throws -> [AlbumChange] {
    try Albums.check(name: "", description: "", count: assets.count)
    let changes = try await speaking { try await catalog.removeFromAlbum(id, by: user, assets: assets, now: now()) }
    guard let changes else { throw BackupError.noAccess(permission: "albumAsset.delete") }
    return zip(assets, changes).map(AlbumChange.init)
  }

  private static func check(name: String, description: String, count: Int) throws(BackupError) {
    guard name.unicodeScalars.count <= longestName else {
      throw .invalid("albumName must be shorter than or equal to \(longestName) characters")
    }
    guard description.unicodeScalars.count <= longestDescription else {
      throw .invalid("description must be shorter than or equal to \(longestDescription) characters")
    }
    // SQLite's text functions end at a zero byte.
    guard !name.utf8.contains(0), !description.utf8.contains(0) else {
      throw .invalid("albumName and description must not contain a zero character")
    }
    guard count <= idsPerCall else { throw .invalid("there must be at most \(idsPerCall) ids") }
  }
}

extension Album {
  init(_ row: AlbumRow) {
    self.init(
      id: row.id, owner: row.owner, name: row.name, description: row.description, thumbnail: row.thumbnail,
      isActivityEnabled: row.isActivityEnabled, order: AlbumOrder(rawValue: row.order) ?? .desc,
      assetCount: row.assetCount, startDate: row.startDate, endDate: row.endDate,
      lastModifiedAsset: row.lastModifiedAsset, createdAt: row.createdAt, updatedAt: row.updatedAt,
      people: row.people.map { AlbumPerson(role: AlbumRole(rawValue: $0.role) ?? .viewer, user: User($0.user)) })
  }
}

extension AlbumChange {
  init(_ id: Identifier, _ change: MembershipChange) {
    let failure: Failure? =
      switch change {
      case .done: nil
      case .duplicate: .duplicate
      case .noAccess: .noPermission
      case .notMember: .notFound
      }
    self.init(id: id, failure: failure)
  }
}
