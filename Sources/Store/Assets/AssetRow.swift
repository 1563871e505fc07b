import FoundationEssentials
import GRDB
import Ground

/// A row of `asset`, with ids instead of numbers.
package struct AssetRow: Sendable, Equatable {
  package let id: Identifier
  package let owner: Identifier
  package let sha1: SHA1Digest
  /// `IMAGE` or `VIDEO`.
  package let kind: String
  package let mimeType: String
  package let size: Int64
  package let originalKey: String
  package let originalName: [UInt8]
  package let fileCreatedAt: Instant
  package let fileModifiedAt: Instant
  package let localDateTime: Instant
  package let createdAt: Instant
  package let updatedAt: Instant
  package let isFavorite: Bool
  package let visibility: String
  package let durationMilliseconds: Int64?
  package let livePhotoVideo: Identifier?
  package let sidecarKey: String?
  /// Bytes, 0 without one.
  package let sidecarSize: Int64
  package let metadata: String?
  package let deletedAt: Instant?

  /// Needs the columns of `AssetRow.selection`.
  init(_ row: Row) {
    id = row["id"]
    owner = row["owner_id"]
    sha1 = row["sha1"]
    kind = row["kind"]
    mimeType = row["mime_type"]
    size = row["size"]
    originalKey = row["original_key"]
    originalName = [UInt8](row["original_name"] as Data)
    fileCreatedAt = row["file_created_at"]
    fileModifiedAt = row["file_modified_at"]
    localDateTime = row["local_date_time"]
    createdAt = row["created_at"]
    updatedAt = row["updated_at"]
    isFavorite = row["is_favorite"]
    visibility = row["visibility"]
    durationMilliseconds = row["duration"]
    livePhotoVideo = row["live_photo_video_id"]
    sidecarKey = row["sidecar_key"]
    sidecarSize = row["sidecar_size"]
    metadata = row["metadata"]
    deletedAt = row["deleted_at"]
  }

  /// `SELECT … FROM asset` with its owner as `owner` and its motion part as `motion`.
  static let selection = """
    SELECT asset.*, owner.id AS owner_id, motion.id AS live_photo_video_id
    FROM asset JOIN user AS owner ON owner.number = asset.owner
    LEFT JOIN asset AS motion ON motion.number = asset.live_photo_video
    """
}

/// Where an asset's file must lie, and how long it must be.
package struct StoredOriginal: Sendable, Equatable {
  package let id: Identifier
  package let key: String
  package let size: Int64

  /// - Parameter owner: `user.number`.
  static func find(_ db: Database, _ digest: SHA1Digest, owner: Int64) throws -> StoredOriginal? {
    try Row.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT asset.id, asset.original_key, asset.size FROM content JOIN asset ON asset.id = content.id
          WHERE content.owner = ? AND content.sha1 = ?
          """), arguments: [owner, digest]
    ).map { StoredOriginal(id: $0["id"], key: $0["original_key"], size: $0["size"]) }
  }
}
