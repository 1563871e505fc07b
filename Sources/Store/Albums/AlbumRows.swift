import GRDB
import Ground

/// An album as the catalog knows it, with what is counted over its visible members: those that are neither in the trash
/// nor hidden nor locked.
package struct AlbumRow: Sendable, Equatable {
  package let id: Identifier
  package let owner: Identifier
  package let name: String
  package let description: String
  package let isActivityEnabled: Bool
  /// `asc` or `desc`.
  package let order: String
  package let createdAt: Instant
  package let updatedAt: Instant
  package let assetCount: Int
  /// The earliest and latest `local_date_time`, and the latest `updated_at`; nil where no member is visible.
  package let startDate: Instant?
  package let endDate: Instant?
  package let lastModifiedAsset: Instant?
  /// The chosen cover while it is visible, else the newest visible member.
  package let thumbnail: Identifier?
  /// Who may see it, its owner first.
  package var people: [AlbumPersonRow] = []

  /// Reads the albums that `condition` selects. Each album costs one walk over its members.
  static func query(_ condition: String) -> String {
    """
    SELECT album.id, user.id, album.name, album.description, album.is_activity_enabled, album.sort_order,
      album.created_at, album.updated_at, count(member.number), min(member.local_date_time),
      max(member.local_date_time), max(member.updated_at),
      coalesce(
        (SELECT cover.id FROM asset AS cover
         WHERE cover.number = album.thumbnail AND cover.deleted_at IS NULL
           AND cover.visibility IN ('timeline', 'archive')),
        (SELECT newest.id FROM album_asset JOIN asset AS newest ON newest.number = album_asset.asset
         WHERE album_asset.album = album.number AND newest.deleted_at IS NULL
           AND newest.visibility IN ('timeline', 'archive')
         ORDER BY album_asset.local_date_time DESC, album_asset.asset DESC LIMIT 1)),
      album.number
    FROM album
      JOIN user ON user.number = album.owner
      LEFT JOIN album_asset ON album_asset.album = album.number
      LEFT JOIN asset AS member ON member.number = album_asset.asset AND member.deleted_at IS NULL
        AND member.visibility IN ('timeline', 'archive')
    WHERE \(condition)
    GROUP BY album.number
    ORDER BY album.number DESC
    """
  }

  /// The albums that `condition` selects, newest first, with their people.
  static func all(_ db: Database, _ condition: String, _ arguments: [String: any DatabaseValueConvertible]) throws
    -> [AlbumRow]
  {
    let rows = try Row.fetchAll(db, sql: query(condition), arguments: StatementArguments(arguments))
    var people: [Int64: [AlbumPersonRow]] = [:]
    let sql = """
      SELECT album_user.album, album_user.role, \(UserRow.columns)
      FROM album_user JOIN user ON user.number = album_user.user
      WHERE album_user.album IN (SELECT album.number FROM album WHERE \(condition))
      ORDER BY album_user.role <> 'owner', user.number
      """
    let found = try Row.fetchCursor(db, sql: sql, arguments: StatementArguments(arguments))
    while let row = try found.next() {
      people[row[0], default: []].append(AlbumPersonRow(role: row[1], user: UserRow(row, at: 2)))
    }
    return rows.map { row in
      var album = AlbumRow(row)
      album.people = people[row[13]] ?? []
      return album
    }
  }

  init(_ row: Row) {
    (id, owner, name, description) = (row[0], row[1], row[2], row[3])
    (isActivityEnabled, order, createdAt, updatedAt) = (row[4], row[5], row[6], row[7])
    (assetCount, startDate, endDate, lastModifiedAsset) = (row[8], row[9], row[10], row[11])
    thumbnail = row[12]
  }
}

/// Somebody who may see an album.
package struct AlbumPersonRow: Sendable, Equatable {
  /// `owner`, `editor` or `viewer`.
  package let role: String
  package let user: UserRow
}

/// What became of one id that should join or leave an album.
package enum MembershipChange: Sendable, Equatable {
  case done
  /// It was a member already.
  case duplicate
  /// Unknown, somebody else's, or locked away.
  case noAccess
  /// It was no member.
  case notMember
}

/// What became of a change to an album itself.
package enum AlbumOutcome: Sendable, Equatable {
  case done(AlbumRow)
  /// Unknown, or not theirs to change.
  case unknown
  /// The thumbnail that was asked for is no member.
  case foreignThumbnail
}

/// What became of a change to the people of an album.
package enum SharingOutcome: Sendable, Equatable {
  case done
  /// The album is unknown, or not theirs to share.
  case unknown
  /// There is no such person.
  case noSuchUser
  /// The person is its owner.
  case isOwner
  /// The person is in it already.
  case isMember
  /// The person is not in it.
  case isNoMember
}
