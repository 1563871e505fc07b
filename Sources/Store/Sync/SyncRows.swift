import FoundationEssentials
import GRDB
import Ground

/// An asset as phones keep it.
package struct SyncAsset: Sendable, Equatable {
  package let id: Identifier
  package let owner: Identifier
  package let originalName: [UInt8]
  package let thumbhash: [UInt8]?
  package let sha1: SHA1Digest
  package let fileCreatedAt: Instant
  package let fileModifiedAt: Instant
  package let createdAt: Instant
  package let localDateTime: Instant
  package let durationMilliseconds: Int64?
  /// `IMAGE` or `VIDEO`.
  package let kind: String
  package let deletedAt: Instant?
  package let isFavorite: Bool
  package let visibility: String
  package let livePhotoVideo: Identifier?
  package let width: Int?
  package let height: Int?

  static let columns = columns(reader: ":user")

  /// - Parameter reader: the number of who reads, in SQL: what others like is their own business.
  static func columns(reader: String) -> String {
    """
    asset.id, owner.id, asset.original_name, facts.thumbhash, asset.sha1, asset.file_created_at, asset.file_modified_at,
    asset.created_at, asset.local_date_time, asset.duration, asset.kind, asset.deleted_at,
    asset.is_favorite AND asset.owner = \(reader), asset.visibility, motion.id, facts.width, facts.height
    """
  }

  static let joins = """
    JOIN user AS owner ON owner.number = asset.owner LEFT JOIN facts ON facts.asset = asset.number
    LEFT JOIN asset AS motion ON motion.number = asset.live_photo_video
    """

  init(_ row: Row, at start: Int) {
    (id, owner) = (row[start], row[start + 1])
    originalName = [UInt8](row[start + 2] as Data)
    thumbhash = (row[start + 3] as Data?).map { [UInt8]($0) }
    sha1 = row[start + 4]
    (fileCreatedAt, fileModifiedAt, createdAt) = (row[start + 5], row[start + 6], row[start + 7])
    (localDateTime, durationMilliseconds, kind) = (row[start + 8], row[start + 9], row[start + 10])
    (deletedAt, isFavorite, visibility) = (row[start + 11], row[start + 12], row[start + 13])
    (livePhotoVideo, width, height) = (row[start + 14], row[start + 15], row[start + 16])
  }
}

/// What is known of an asset's content.
package struct SyncFacts: Sendable, Equatable {
  package let asset: Identifier
  package let size: Int64
  package let facts: Facts

  static let columns = "asset.id, asset.size, \(Facts.columns)"
  static let join = "JOIN facts ON facts.asset = asset.number"

  init(_ row: Row, at start: Int) {
    (asset, size) = (row[start], row[start + 1])
    facts = Facts(row, at: start + 2)
  }
}

package struct SyncAlbum: Sendable, Equatable {
  package let id: Identifier
  package let name: String
  package let description: String
  package let createdAt: Instant
  package let updatedAt: Instant
  package let thumbnail: Identifier?
  package let isActivityEnabled: Bool
  /// `asc` or `desc`.
  package let order: String

  init(_ row: Row, at start: Int) {
    (id, name, description) = (row[start], row[start + 1], row[start + 2])
    (createdAt, updatedAt, thumbnail) = (row[start + 3], row[start + 4], row[start + 5])
    (isActivityEnabled, order) = (row[start + 6], row[start + 7])
  }
}

package struct SyncAlbumUser: Sendable, Equatable {
  package let album: Identifier
  package let user: Identifier
  /// `owner`, `editor` or `viewer`; empty where the membership ended.
  package let role: String
}

package struct SyncAlbumAsset: Sendable, Equatable {
  package let album: Identifier
  package let asset: Identifier
}
