import Ground
import Store

/// Albums and what is in them. Foreign and unknown albums are `.noAccess(permission: "album.…")`.
///
/// A trashed asset may join an album and stays in those it is in, as it would in a shoe box: it is not counted and does
/// not show until it is restored. So do hidden motion parts, which never show by themselves. A locked asset joins none.
package final class Albums: Sendable {
  /// Ids in one call; immichpy and the Immich command line send up to this many.
  package static let idsPerCall = 65_000
  /// Unicode scalars.
  static let longestName = 512
  static let longestDescription = 10_000

  private let catalog: Catalog
  private let now: @Sendable () -> Instant

  package init(catalog: Catalog, now: @escaping @Sendable () -> Instant = { .now() }) {
    (self.catalog, self.now) = (catalog, now)
  }

  /// Newest first.
  package func list(owner: Identifier, containing asset: Identifier?) async throws -> [Album] {
    try await speaking { try await catalog.albums(owner: owner, containing: asset).map(Album.init) }
  }

  package func album(_ id: Identifier, owner: Identifier) async throws -> Album {
    guard let row = try await speaking({ try await catalog.album(id, owner: owner) }) else {
      throw BackupError.noAccess(permission: "album.read")
    }
    return Album(row)
  }

  /// Ids that are not the owner's are left out without a word, as Immich does; the first becomes the thumbnail.
  package func create(
    owner: Identifier, name: String, description: String, assets: [Identifier]
  ) async throws -> Album {
    try Albums.check(name: name, description: description, count: assets.count)
    let row = try await speaking {
      try await catalog.insertAlbum(
        id: Identifier(), owner: owner, name: name, description: description, assets: assets, now: now())
    }
    guard let row else { throw BackupError.noAccess(permission: "album.create") }
    return Album(row)
  }

  /// Changes what is not nil.
  /// - Throws: `.invalid` where the thumbnail is not in the album.
  package func update(
    _ id: Identifier, owner: Identifier, name: String?, description: String?, thumbnail: Identifier?,
    isActivityEnabled: Bool?, order: AlbumOrder?
  ) async throws -> Album {
    try Albums.check(name: name ?? "", description: description ?? "", count: 0)
    let outcome = try await speaking {
      try await catalog.updateAlbum(
        id, owner: owner, name: name, description: description, thumbnail: thumbnail,
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
  package func add(_ assets: [Identifier], to id: Identifier, owner: Identifier) async throws -> [AlbumChange] {
    try Albums.check(name: "", description: "", count: assets.count)
    let changes = try await speaking { try await catalog.addToAlbum(id, owner: owner, assets: assets, now: now()) }
    guard let changes else { throw BackupError.noAccess(permission: "albumAsset.create") }
    return zip(assets, changes).map(AlbumChange.init)
  }

  /// One result per id, in order; what is no member is `.notFound`.
  package func remove(_ assets: [Identifier], from id: Identifier, owner: Identifier) async throws -> [AlbumChange] {
    try Albums.check(name: "", description: "", count: assets.count)
    let changes = try await speaking { try await catalog.removeFromAlbum(id, owner: owner, assets: assets, now: now()) }
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
      lastModifiedAsset: row.lastModifiedAsset, createdAt: row.createdAt, updatedAt: row.updatedAt)
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
