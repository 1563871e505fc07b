import Ground
import Media
import Store

/// What is stored, looked up and changed.
package final class Assets: Sendable {
  private let catalog: Catalog
  private let originals: Originals

  init(catalog: Catalog, originals: Originals) { (self.catalog, self.originals) = (catalog, originals) }

  /// One answer per digest, in order; other people's assets never match, and one whose file is known to be gone is wanted
  /// again. Takes about 1 µs a digest.
  package func check(_ digests: [SHA1Digest], owner: Identifier) async throws -> [CheckResult] {
    let lost = originals.lost.all
    return try await catalog.check(digests, owner: owner).map { known in
      switch known {
      case .unknown: .wanted
      case .known(let id, _) where !lost.isEmpty && lost.contains(id): .wanted
      case .known(let id, let isTrashed): .present(id, isTrashed: isTrashed)
      }
    }
  }

  /// - Throws: `.noAccess(permission: "asset.read")`; it is the caller's own or nobody's.
  package func asset(_ id: Identifier, owner: Identifier) async throws -> Asset {
    try await asset(id, owner: owner, permission: "asset.read")
  }

  private func asset(_ id: Identifier, owner: Identifier, permission: String) async throws -> Asset {
    guard let row = try await catalog.asset(id, owner: owner) else {
      throw BackupError.noAccess(permission: permission)
    }
    return try Asset(row)
  }

  /// Counts of assets. As in Immich, a nil `isTrashed` means not in the trash, a nil `visibility` the timeline and the
  /// archive, and a nil `isFavorite` both. Hidden motion parts never count.
  package func counts(
    owner: Identifier, isFavorite: Bool?, isTrashed: Bool?, visibility: Visibility?
  ) async throws -> AssetCounts {
    let visibilities = visibility.map { [$0] } ?? [.archive, .timeline]
    let filter = AssetFilter(
      visibilities: visibilities.map(\.rawValue), isFavorite: isFavorite, isTrashed: isTrashed ?? false,
      withoutMotionParts: visibility == .hidden)
    let counts = try await catalog.counts(owner: owner, filter)
    return AssetCounts(
      images: counts[MediaKind.image.rawValue, default: 0], videos: counts[MediaKind.video.rawValue, default: 0])
  }

  /// What one person's originals take: every asset, those in the trash and motion parts too.
  package func usage(owner: Identifier) async throws -> AssetUsage {
    let usage = try await catalog.usage(owner: owner)
    let (images, videos) = (usage[MediaKind.image.rawValue], usage[MediaKind.video.rawValue])
    return AssetUsage(
      images: images?.count ?? 0, videos: videos?.count ?? 0, imageBytes: images?.bytes ?? 0,
      videoBytes: videos?.bytes ?? 0)
  }

  /// The original's open file and size. Opens a file: call it on a lane.
  /// - Throws: `.noAccess(permission: "asset.download")`, `.originalMissing`.
  package func openOriginal(_ id: Identifier, owner: Identifier) async throws -> (asset: Asset, file: Descriptor) {
    let asset = try await asset(id, owner: owner, permission: "asset.download")
    guard let file = try originals.open(asset.originalKey) else {
      originals.lost.insert(id)
      throw BackupError.originalMissing(id)
    }
    return (asset, file)
  }

  /// Moves assets to the trash; all ids must be the owner's or nothing changes (`.noAccess(permission: "asset.delete")`).
  package func trash(_ ids: [Identifier], owner: Identifier) async throws {
    guard try await speaking({ try await catalog.trash(ids, owner: owner) }) else {
      throw BackupError.noAccess(permission: "asset.delete")
    }
  }

  /// Brings assets back from the trash; the count of those that were in it. All ids must be the owner's, as above.
  package func restore(_ ids: [Identifier], owner: Identifier) async throws -> Int {
    guard let count = try await speaking({ try await catalog.restore(ids, owner: owner) }) else {
      throw BackupError.noAccess(permission: "asset.delete")
    }
    return count
  }
}

extension Asset {
  init(_ row: AssetRow) throws {
    guard let kind = MediaKind(rawValue: row.kind), let visibility = Visibility(rawValue: row.visibility) else {
      throw StoreError.broken("asset \(row.id) has an unknown kind or visibility")
    }
    self.init(
      id: row.id, owner: row.owner, checksum: row.sha1, kind: kind, mimeType: row.mimeType, size: row.size,
      originalKey: row.originalKey, originalName: row.originalName, fileCreatedAt: row.fileCreatedAt,
      fileModifiedAt: row.fileModifiedAt, localDateTime: row.localDateTime, createdAt: row.createdAt,
      updatedAt: row.updatedAt, isFavorite: row.isFavorite, visibility: visibility,
      durationMilliseconds: row.durationMilliseconds, livePhotoVideo: row.livePhotoVideo, deletedAt: row.deletedAt)
  }
}
