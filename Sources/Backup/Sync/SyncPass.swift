import Ground
import Store

/// One kind of line, read page by page.
struct SyncPass: Sendable {
  /// What a phone asks for (`SyncRequestType`).
  let request: String
  let type: SyncType
  /// What says of these rows that they changed later, in a pass behind this one. A phone without an acknowledgement of
  /// either learns *before* the first row from where on changes count: were it told after them, a phone that is ended in
  /// between would count from a later stream's bound and never hear of what changed since the rows were read.
  var changes: SyncType?
  /// The other way round: whose later changes these are. Nothing comes until something of that came.
  var changesOf: SyncType?
  let read: @Sendable (SyncSnapshot, SyncCursor, _ limit: Int) throws -> [SyncRow<SyncLine.Entity>]

  /// Parents before children, deletions first of their kind. A deleted asset comes before every new one: the app's index on
  /// (owner, checksum) takes the same bytes again only then.
  static let inOrder: [SyncPass] = [
    pass("AuthUsersV1", .authUser) { snapshot, cursor, _ in
      try snapshot.authUser(after: cursor).mapped { .authUser(User($0)) }
    },
    pass("UsersV1", .userDeleted) { try $0.deletedUsers(after: $1, limit: $2).mapped { .userDeleted($0) } },
    pass("UsersV1", .user) { try $0.users(after: $1, limit: $2).mapped { .user(User($0)) } },
    pass("AssetsV2", .assetDeleted) { try $0.deletedAssets(after: $1, limit: $2).mapped { .assetDeleted($0) } },
    pass("AssetsV2", .asset) { try $0.assets(after: $1, limit: $2).mapped { .asset($0) } },
    pass("AlbumAssetsV2", .sharedAsset, changes: .changedSharedAsset) {
      try $0.sharedAssets(after: $1, limit: $2).mapped { .asset($0) }
    },
    pass("AlbumAssetsV2", .changedSharedAsset, changesOf: .sharedAsset) {
      try $0.changedSharedAssets(after: $1, limit: $2).mapped { .asset($0) }
    },
    pass("AlbumsV2", .albumDeleted) { try $0.deletedAlbums(after: $1, limit: $2).mapped { .albumDeleted($0) } },
    pass("AlbumsV2", .album) { try $0.albums(after: $1, limit: $2).mapped { .album($0) } },
    pass("AlbumUsersV1", .albumUserDeleted) {
      try $0.deletedAlbumUsers(after: $1, limit: $2).mapped { .albumUserDeleted(album: $0.album, user: $0.user) }
    },
    pass("AlbumUsersV1", .albumUser) {
      try $0.albumUsers(after: $1, limit: $2).mapped { .albumUser(album: $0.album, user: $0.user, role: $0.role) }
    },
    pass("AlbumToAssetsV1", .albumAssetDeleted) {
      try $0.deletedAlbumAssets(after: $1, limit: $2).mapped { .albumAssetDeleted(album: $0.album, asset: $0.asset) }
    },
    pass("AlbumToAssetsV1", .albumAsset) {
      try $0.albumAssets(after: $1, limit: $2).mapped { .albumAsset(album: $0.album, asset: $0.asset) }
    },
    pass("AssetExifsV1", .facts) { try $0.facts(after: $1, limit: $2).mapped { .facts($0) } },
    pass("AlbumAssetExifsV1", .sharedFacts, changes: .changedSharedFacts) {
      try $0.sharedFacts(after: $1, limit: $2).mapped { .facts($0) }
    },
    pass("AlbumAssetExifsV1", .changedSharedFacts, changesOf: .sharedFacts) {
      try $0.changedSharedFacts(after: $1, limit: $2).mapped { .facts($0) }
    },
    pass("UserMetadataV1", .userMetadata) { snapshot, cursor, _ in
      try snapshot.preferences(after: cursor).mapped { .preferences(user: snapshot.userID, json: $0) }
    },
    pass("AssetMetadataV1", .assetMetadata) {
      try $0.metadata(after: $1, limit: $2).mapped { .metadata(asset: $0.asset, json: $0.json) }
    },
  ]

  private static func pass(
    _ request: String, _ type: SyncType, changes: SyncType? = nil, changesOf: SyncType? = nil,
    _ read: @escaping @Sendable (SyncSnapshot, SyncCursor, Int) throws -> [SyncRow<SyncLine.Entity>]
  ) -> SyncPass {
    SyncPass(request: request, type: type, changes: changes, changesOf: changesOf, read: read)
  }
}

extension Array {
  /// The rows as what the stream says of them.
  fileprivate func mapped<Value>(_ entity: (Value) -> SyncLine.Entity) -> [SyncRow<SyncLine.Entity>]
  where Element == SyncRow<Value> {
    map { SyncRow(cursor: $0.cursor, value: entity($0.value)) }
  }
}
