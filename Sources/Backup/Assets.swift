import Ground
import Media
import Store

/// What is stored, looked up and changed.
package final class Assets: Sendable {
  let catalog: Catalog
  let originals: Originals
  /// Searches at once: each may read a million rows, and two of the catalog's readers stay free for everybody else.
  let searches = Slots(2)
  /// Months at once: each may hold `monthLimit` rows in memory. Not behind a search that takes a second.
  let views = Slots(2)

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

  /// - Throws: `.noAccess(permission: "asset.read")` unless it is the caller's own; see `readable` for what they may look at.
  package func asset(_ id: Identifier, owner: Identifier) async throws -> Asset {
    guard let row = try await speaking({ try await catalog.asset(id, owner: owner) }) else {
      throw BackupError.noAccess(permission: "asset.read")
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

  /// The devices that have a photo of one's own, as far as they said so; the one that brought it comes first.
  /// - Throws: as `readable`; `.noAccess` for somebody else's.
  package func holders(of asset: Identifier, by reader: Reader) async throws -> [HolderRow] {
    _ = try await readable(asset, by: reader)
    guard let found = try await speaking({ try await catalog.holders(of: asset, owner: reader.user) }) else {
      throw BackupError.noAccess(permission: "asset.read")
    }
    return found
  }

  /// How many photos and videos a person sees: as `counts` without filters, at the price of a look at their months.
  func visible(of owner: Identifier) async throws -> Int {
    try await speaking { try await catalog.visibleAssets(of: owner) }
  }

  /// How many assets of each person lost their file, as far as somebody noticed.
  func lostByOwner() async throws -> [Identifier: Int] {
    let lost = originals.lost.all
    guard !lost.isEmpty else { return [:] }
    return try await speaking { try await catalog.owners(of: lost) }
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
  /// - Throws: `.noAccess(permission: "asset.download")` where the person may not see it (`readable`), `.originalMissing`.
  package func openOriginal(_ id: Identifier, by user: Reader) async throws -> (asset: Asset, file: Descriptor) {
    let asset = try await readable(id, by: user, permission: "asset.download")
    guard let file = try originals.open(asset.originalKey) else {
      originals.lost.insert(id)
      throw BackupError.originalMissing(id)
    }
    return (asset, file)
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
      durationMilliseconds: row.durationMilliseconds, livePhotoVideo: row.livePhotoVideo, deletedAt: row.deletedAt,
      facts: row.facts, tags: row.tags)
  }
}
