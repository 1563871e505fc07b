import Backup
import Ground

/// Immich's `AlbumResponseDto`. Since version 3 it holds no assets; clients made for version 2 ask for them
/// (`withoutAssets=false`: `Response.album`). Keys that are optional there are left out where
/// they have no value: their schema knows no null.
struct AlbumShape: Encodable {
  struct Member: Encodable {
    let role: String
    let user: UserShape
  }

  let id: Identifier
  let albumName: String
  let description: String
  @Nullable var albumThumbnailAssetId: Identifier?
  /// The owner comes first.
  let albumUsers: [Member]
  let assetCount: Int
  let createdAt: String
  let updatedAt: String
  let hasSharedLink = false
  let isActivityEnabled: Bool
  let shared: Bool
  let order: AlbumOrder
  let startDate: String?
  let endDate: String?
  let lastModifiedAssetTimestamp: String?

  init(_ album: Album) {
    (id, albumName, description) = (album.id, album.name, album.description)
    albumUsers = album.people.map { Member(role: $0.role.rawValue, user: UserShape($0.user)) }
    shared = album.isShared
    assetCount = album.assetCount
    (createdAt, updatedAt) = (album.createdAt.iso8601, album.updatedAt.iso8601)
    isActivityEnabled = album.isActivityEnabled
    order = album.order
    startDate = album.startDate?.iso8601
    endDate = album.endDate?.iso8601
    lastModifiedAssetTimestamp = album.lastModifiedAsset?.iso8601
    albumThumbnailAssetId = album.thumbnail
  }
}

/// Immich's `BulkIdResponseDto`.
struct AlbumChangeShape: Encodable {
  let id: Identifier
  let success: Bool
  let error: String?

  init(_ change: AlbumChange) {
    (id, success, error) = (change.id, change.failure == nil, change.failure?.rawValue)
  }
}

struct AlbumCountsShape: Encodable {
  let owned: Int
  let shared: Int
  let notShared: Int
}
