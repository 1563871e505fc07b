import Ground
import Store

package typealias SyncAsset = Store.SyncAsset
package typealias SyncFacts = Store.SyncFacts
package typealias Facts = Store.Facts
package typealias SyncAlbum = Store.SyncAlbum

/// One line of the stream: what changed, and how the phone acknowledges that it knows.
package struct SyncLine: Sendable {
  package enum Entity: Sendable {
    /// The person who asks, with quota and use.
    case authUser(User)
    case user(User)
    case userDeleted(Identifier)
    /// JSON as the client stored it; nil where it never did.
    case preferences(user: Identifier, json: String?)
    case asset(SyncAsset)
    case assetDeleted(Identifier)
    case facts(SyncFacts)
    /// JSON text as it came with the upload.
    case metadata(asset: Identifier, json: String)
    case album(SyncAlbum)
    case albumDeleted(Identifier)
    case albumUser(album: Identifier, user: Identifier, role: String)
    case albumUserDeleted(album: Identifier, user: Identifier)
    case albumAsset(album: Identifier, asset: Identifier)
    case albumAssetDeleted(album: Identifier, asset: Identifier)
    /// Nothing but an acknowledgement.
    case nothing
  }

  package let type: SyncType
  package let entity: Entity
  /// Comes back in `POST /api/sync/ack`.
  package let ack: String
}

/// Immich's names of what a line can be (`SyncEntityType`), as far as they are ever sent.
package enum SyncType: String, Sendable, CaseIterable {
  case authUser = "AuthUserV1"
  case userDeleted = "UserDeleteV1"
  case user = "UserV1"
  case assetDeleted = "AssetDeleteV1"
  case asset = "AssetV2"
  case sharedAsset = "AlbumAssetCreateV2"
  case changedSharedAsset = "AlbumAssetUpdateV2"
  case albumDeleted = "AlbumDeleteV1"
  case album = "AlbumV2"
  case albumUserDeleted = "AlbumUserDeleteV1"
  case albumUser = "AlbumUserV1"
  case albumAssetDeleted = "AlbumToAssetDeleteV1"
  case albumAsset = "AlbumToAssetV1"
  case facts = "AssetExifV1"
  case sharedFacts = "AlbumAssetExifCreateV1"
  case changedSharedFacts = "AlbumAssetExifUpdateV1"
  case userMetadata = "UserMetadataV1"
  case assetMetadata = "AssetMetadataV1"
  case ack = "SyncAckV1"
  case reset = "SyncResetV1"
  case complete = "SyncCompleteV1"

  /// Everything that Immich 3 has: a client may acknowledge whatever it knows.
  package static let known: Set<String> = Set(allCases.map(\.rawValue)).union([
    "AssetV1", "AssetEditV1", "AssetEditDeleteV1", "AssetMetadataDeleteV1", "AssetOcrV1", "AssetOcrDeleteV1",
    "PartnerV1",
    "PartnerDeleteV1", "PartnerAssetV1", "PartnerAssetV2", "PartnerAssetBackfillV1", "PartnerAssetBackfillV2",
    "PartnerAssetDeleteV1", "PartnerAssetExifV1", "PartnerAssetExifBackfillV1", "PartnerStackBackfillV1",
    "PartnerStackDeleteV1", "PartnerStackV1", "AlbumV1", "AlbumUserBackfillV1", "AlbumAssetCreateV1",
    "AlbumAssetUpdateV1", "AlbumAssetBackfillV1", "AlbumAssetBackfillV2", "AlbumAssetExifBackfillV1",
    "AlbumToAssetBackfillV1", "MemoryV1", "MemoryDeleteV1", "MemoryToAssetV1", "MemoryToAssetDeleteV1", "StackV1",
    "StackDeleteV1", "PersonV1", "PersonDeleteV1", "AssetFaceV1", "AssetFaceV2", "AssetFaceDeleteV1",
    "UserMetadataDeleteV1",
  ])
}
