import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `/api/download`: many assets at once.
struct DownloadHandlers: Sendable {
  let downloads: Downloads
  /// Looking at thousands of files may wait for a disk that wakes up.
  private let lanes = Lanes(label: "nightstand.download", count: 2)

  init(downloads: Downloads) { self.downloads = downloads }

  private struct Plan: Decodable {
    let assetIds: [Identifier]?
    let albumId: Identifier?
    let userId: Identifier?
    let archiveSize: Int64?
  }

  private struct PlanShape: Encodable {
    struct Archive: Encodable {
      let size: Int64
      let assetIds: [Identifier]
    }
    let totalSize: Int64
    let archives: [Archive]
  }

  func plan(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Plan.self)
    if let size = input.archiveSize, size < 1 { throw ValidationFailure("archiveSize", "must not be less than 1") }
    let selection: Downloads.Selection
    switch (input.assetIds, input.albumId, input.userId) {
    case (let ids?, _, _): selection = .assets(ids)
    case (_, let album?, _): selection = .album(album)
    case (_, _, let user?):
      guard user == principal.user.id else { throw BackupError.noAccess(permission: "timeline.download") }
      selection = .everything
    default: throw BackupError.invalid("assetIds, albumId, or userId is required")
    }
    let archives = try await downloads.plan(
      selection, by: principal.reader, archiveSize: input.archiveSize ?? Downloads.archiveSize)
    return await JSONWork.lanes.next().run {
      .json(
        PlanShape(
          totalSize: archives.reduce(0) { $0 + $1.size },
          archives: archives.map { .init(size: $0.size, assetIds: $0.assets) }), status: .created)
    }
  }

  private struct Selection: Decodable {
    let assetIds: [Identifier]
  }

  /// `edited` is accepted and ignored: nothing is ever edited here.
  func archive(_ request: Request, _ principal: Principal) async throws -> Response {
    let ids = try await request.json(Selection.self).assetIds
    let items = try await lanes.next().run { try await downloads.archive(ids, by: principal.reader) }
    return archiveResponse(
      items.map { item in
        ArchiveFile(name: item.name, size: item.size, modified: item.takenAt) { [downloads] in
          try downloads.open(item)
        }
      },
      fields: [
        .contentDisposition: "attachment; filename=\"immich.zip\"", .cacheControl: "no-store",
        .xContentTypeOptions: "nosniff",
      ])
  }
}
