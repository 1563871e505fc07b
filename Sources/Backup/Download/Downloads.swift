import Ground
import Store

/// Many assets at once, in archives.
package final class Downloads: Sendable {
  /// Assets in one archive; its directory is held in memory.
  package static let archiveLimit = 65_000
  /// Assets in one plan.
  package static let planLimit = 200_000
  /// Bytes of an archive where nobody says otherwise: 4 GiB.
  package static let archiveSize: Int64 = 4 << 30

  package enum Selection: Sendable {
    case assets([Identifier])
    case album(Identifier)
    case everything
  }

  /// One archive of a plan.
  package struct Archive: Sendable, Equatable {
    package var size: Int64 = 0
    package var assets: [Identifier] = []
  }

  /// One file of an archive.
  package struct Item: Sendable {
    package let id: Identifier
    /// One path component that every file system takes, unique in its archive.
    package let name: String
    package let size: Int64
    /// On the wall clock where it was taken.
    package let takenAt: CalendarTime
    let key: String
  }

  private let catalog: Catalog
  private let originals: Originals

  init(catalog: Catalog, originals: Originals) { (self.catalog, self.originals) = (catalog, originals) }

  /// How to fetch a selection, motion parts included: an archive is full when it exceeds `archiveSize`, as in Immich.
  /// - Throws: `.noAccess` where one may not be seen, `.invalid` where there are too many.
  package func plan(_ selection: Selection, by user: Reader, archiveSize: Int64) async throws -> [Archive] {
    let (wanted, permission): (Catalog.DownloadSelection, String) =
      switch selection {
      case .assets(let ids): (.assets(ids), "asset.download")
      case .album(let id): (.album(id), "album.download")
      case .everything: (.everything, "timeline.download")
      }
    let rows = try await rows(wanted, by: user, limit: Downloads.planLimit, withMotionParts: true, permission)
    var archives: [Archive] = []
    var current = Archive()
    for row in rows {
      current.size += row.size
      current.assets.append(row.id)
      guard current.size > archiveSize || current.assets.count == Downloads.archiveLimit else { continue }
      archives.append(current)
      current = Archive()
    }
    return current.assets.isEmpty ? archives : archives + [current]
  }

  /// The files of an archive, with their names in it. Looks at every file: call it on a lane.
  /// - Throws: as `plan`; `.originalMissing` before the first byte is sent where a file is not there or not whole.
  package func archive(_ ids: [Identifier], by user: Reader) async throws -> [Item] {
    let rows = try await rows(
      .assets(ids), by: user, limit: Downloads.archiveLimit, withMotionParts: false, "asset.download")
    var names = ArchiveNames()
    return try rows.map { row in
      guard try originals.size(row.key) == row.size else {
        originals.lost.insert(row.id)
        throw BackupError.originalMissing(row.id)
      }
      return Item(
        id: row.id, name: names.next(row.name), size: row.size, takenAt: CalendarTime(row.takenAt), key: row.key)
    }
  }

  /// Opens a file: call it on a lane.
  package func open(_ item: Item) throws -> Descriptor {
    guard let file = try originals.open(item.key) else { throw BackupError.originalMissing(item.id) }
    return file
  }

  private func rows(
    _ selection: Catalog.DownloadSelection, by user: Reader, limit: Int, withMotionParts: Bool, _ permission: String
  ) async throws -> [DownloadRow] {
    let tooMany = BackupError.invalid("there must be at most \(limit) assets in one download")
    if case .assets(let ids) = selection, ids.count > limit { throw tooMany }
    let found = try await speaking {
      try await catalog.downloads(selection, by: user, limit: limit, withMotionParts: withMotionParts)
    }
    guard let found else { throw BackupError.noAccess(permission: permission) }
    guard found.isComplete else { throw tooMany }
    return found.rows
  }
}

/// Names in one archive: made safe, and numbered where they would clash on any file system: `IMG_1.JPG`, `IMG_1+1.JPG`.
struct ArchiveNames {
  private var taken: Set<String> = []
  /// The last number of each name.
  private var numbers: [String: Int] = [:]

  mutating func next(_ original: [UInt8]) -> String {
    let name = SafeName.make(original)
    var number = numbers[name.lowercased()] ?? 0
    while true {
      let candidate = SafeName.numbered(name, number)
      number += 1
      if taken.insert(candidate.lowercased()).inserted {
        numbers[name.lowercased()] = number
        return candidate
      }
    }
  }
}
