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

  package let facts: Facts
  package let tags: [TagRow]

  /// Needs the columns of `AssetRow.selection`. By place: finding 44 columns by name takes longer than reading them.
  init(_ row: Row) {
    (id, owner, sha1, kind, mimeType, size) = (row[0], row[1], row[2], row[3], row[4], row[5])
    (originalKey, originalName) = (row[6], [UInt8](row[7] as Data))
    (fileCreatedAt, fileModifiedAt, localDateTime) = (row[8], row[9], row[10])
    (createdAt, updatedAt, isFavorite, visibility) = (row[11], row[12], row[13], row[14])
    (durationMilliseconds, livePhotoVideo) = (row[15], row[16])
    (sidecarKey, sidecarSize, metadata, deletedAt) = (row[17], row[18], row[19], row[20])
    facts = Facts(row, at: 21)
    tags = TagRow.all(row[43])
  }

  /// `SELECT … FROM asset` with its owner as `owner`, its motion part as `motion`, and its facts.
  static let selection = """
    SELECT asset.id, owner.id, asset.sha1, asset.kind, asset.mime_type, asset.size, asset.original_key,
      asset.original_name, asset.file_created_at, asset.file_modified_at, asset.local_date_time, asset.created_at,
      asset.updated_at, asset.is_favorite, asset.visibility, asset.duration, motion.id, asset.sidecar_key,
      asset.sidecar_size, asset.metadata, asset.deleted_at, \(Facts.columns), asset.number,
      \(TagRow.ofAsset)
    FROM asset JOIN user AS owner ON owner.number = asset.owner JOIN facts ON facts.asset = asset.number
    LEFT JOIN asset AS motion ON motion.number = asset.live_photo_video
    """
  /// Where `selection` has `asset.number`.
  static let numberColumn = 42

  /// The rows of these numbers, in their order; numbers that no asset has are left out.
  static func all(_ numbers: [Int64], _ db: Database) throws -> [AssetRow] {
    let list = "[\(numbers.map(String.init).joined(separator: ","))]"
    let statement = try db.cachedStatement(
      sql: selection + " WHERE asset.number IN (SELECT value FROM json_each(?))")
    var rows: [Int64: AssetRow] = [:]
    let cursor = try Row.fetchCursor(statement, arguments: [list])
    while let row = try cursor.next() { rows[row[numberColumn]] = AssetRow(row) }
    return numbers.compactMap { rows[$0] }
  }
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
