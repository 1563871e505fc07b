import FoundationEssentials
import GRDB
import Ground

/// What the timeline shows.
package struct TimelineFilter: Sendable {
  /// By which time assets lie in a month: the wall clock where they were taken, or when they came here.
  package enum Basis: String, Sendable { case taken, created }

  /// Degrees; where `west` is greater than `east` the box lies across the date line.
  package struct Box: Sendable {
    package let west: Double
    package let south: Double
    package let east: Double
    package let north: Double
    package init(west: Double, south: Double, east: Double, north: Double) {
      (self.west, self.south, self.east, self.north) = (west, south, east, north)
    }
  }

  package var visibilities: [String]
  package var isFavorite: Bool?
  package var isTrashed = false
  /// False leaves out the motion parts of what is locked away too.
  package var opensLocked = true
  /// Everything in it, whoever owns it; the caller sees to it that the person may read it.
  package var album: Identifier?
  package var box: Box?
  /// The person's own, with those below it.
  package var tag: Identifier?
  package var basis = Basis.taken
  package var ascending = false

  package init(visibilities: [String]) { self.visibilities = visibilities }

  /// Only what is hidden can be such a part.
  fileprivate var hidesMotionParts: Bool { !opensLocked && visibilities.contains("hidden") }
}

/// An asset in the timeline.
package struct TimelineRow: Sendable, Equatable {
  package let id: Identifier
  package let owner: Identifier
  package let isFavorite: Bool
  package let visibility: String
  package let isTrashed: Bool
  /// `IMAGE` or `VIDEO`.
  package let kind: String
  package let createdAt: Instant
  package let fileCreatedAt: Instant
  package let localDateTime: Instant
  package let durationMilliseconds: Int64?
  package let livePhotoVideo: Identifier?
  package let width: Int?
  package let height: Int?
  package let thumbhash: [UInt8]?
  package let projection: String?
  package let latitude: Double?
  package let longitude: Double?

  static let columns = """
    asset.id, owner.id, asset.is_favorite, asset.visibility, asset.deleted_at IS NOT NULL, asset.kind, asset.created_at,
    asset.file_created_at, asset.local_date_time, asset.duration, motion.id, facts.width, facts.height, facts.thumbhash,
    facts.projection, facts.latitude, facts.longitude
    """

  init(_ row: Row) {
    (id, owner, isFavorite, visibility, isTrashed, kind) = (row[0], row[1], row[2], row[3], row[4], row[5])
    (createdAt, fileCreatedAt, localDateTime, durationMilliseconds) = (row[6], row[7], row[8], row[9])
    (livePhotoVideo, width, height) = (row[10], row[11], row[12])
    thumbhash = (row[13] as Data?).map { [UInt8]($0) }
    (projection, latitude, longitude) = (row[14], row[15], row[16])
  }
}

extension Catalog {
  /// The months that have assets, `YYYY-MM-01`, with how many.
  package func months(_ filter: TimelineFilter, user: Identifier) async throws -> [(month: String, count: Int)] {
    try await read { db in
      let query = TimelineQuery(filter, user)
      let isCounted = filter.album == nil && filter.box == nil && filter.tag == nil && !filter.hidesMotionParts
      let sql = isCounted ? query.counted : query.counting
      return try Row.fetchAll(db.cachedStatement(sql: sql), arguments: query.arguments(of: sql)).map { ($0[0], $0[1]) }
    }
  }

  /// The assets of `[start, end)`, in the filter's order; nil where there are more than `limit`.
  package func timeline(
    _ filter: TimelineFilter, user: Identifier, from start: Instant, to end: Instant, limit: Int
  ) async throws -> [TimelineRow]? {
    try await read { db in
      let query = TimelineQuery(filter, user)
      let sql = query.rows + " LIMIT \(limit + 1)"
      let statement = try db.cachedStatement(sql: sql)
      let cursor = try Row.fetchCursor(statement, arguments: query.arguments(of: sql, ["start": start, "end": end]))
      var rows: [TimelineRow] = []
      while let row = try cursor.next() {
        guard rows.count < limit else { return nil }
        rows.append(TimelineRow(row))
      }
      return rows
    }
  }
}

/// The timeline's statements.
private struct TimelineQuery {
  private let filter: TimelineFilter
  private var arguments: [String: any DatabaseScalar]

  init(_ filter: TimelineFilter, _ user: Identifier) {
    self.filter = filter
    arguments = ["user": user]
    for (index, visibility) in filter.visibilities.enumerated() { arguments["visibility\(index)"] = visibility }
    if let album = filter.album { arguments["album"] = album }
    if let tag = filter.tag { arguments["tag"] = tag }
    if let isFavorite = filter.isFavorite { arguments["favorite"] = isFavorite }
    if let box = filter.box {
      arguments.merge(["west": box.west, "south": box.south, "east": box.east, "north": box.north]) { $1 }
    }
  }

  func arguments(of sql: String, _ more: [String: any DatabaseScalar] = [:]) -> StatementArguments {
    let named = arguments.merging(more) { $1 }.filter { sql.contains(":\($0.key)") }
    return StatementArguments(named.mapValues { $0 as (any DatabaseValueConvertible)? })
  }

  private var user: String { "(SELECT number FROM user WHERE id = :user)" }
  private var visibilities: String {
    filter.visibilities.indices.map { ":visibility\($0)" }.joined(separator: ", ")
  }
  private var direction: String { filter.ascending ? "ASC" : "DESC" }
  private var column: String { filter.basis == .taken ? "local_date_time" : "created_at" }

  /// What the triggers counted.
  var counted: String {
    """
    SELECT month, sum(count) AS total FROM month
    WHERE owner = \(user) AND basis = '\(filter.basis.rawValue)' AND visibility IN (\(visibilities))
      AND is_trashed = \(filter.isTrashed ? 1 : 0)\(filter.isFavorite == nil ? "" : " AND is_favorite = :favorite")
    GROUP BY month HAVING total > 0 ORDER BY month \(direction)
    """
  }

  /// Albums and places are counted when somebody asks.
  var counting: String {
    """
    SELECT strftime('%Y-%m-01', (asset.\(column) + 62167219200000) / 1000 - 62167219200, 'unixepoch') AS month, count(*)
    FROM \(source)\(filter.box == nil ? "" : " CROSS JOIN facts ON facts.asset = asset.number") WHERE \(conditions)
    GROUP BY month ORDER BY month \(direction)
    """
  }

  var rows: String {
    let time = filter.album != nil && filter.basis == .taken ? "link.local_date_time" : "asset.\(column)"
    return """
      SELECT \(TimelineRow.columns) FROM \(source)
        CROSS JOIN user AS owner ON owner.number = asset.owner CROSS JOIN facts ON facts.asset = asset.number
        LEFT JOIN asset AS motion ON motion.number = asset.live_photo_video
      WHERE \(conditions) AND \(time) >= :start AND \(time) < :end
      ORDER BY \(time) \(direction), asset.number \(direction)
      """
  }

  private var source: String {
    guard filter.album == nil else { return "album_asset AS link CROSS JOIN asset ON asset.number = link.asset" }
    return "asset INDEXED BY \(filter.basis == .taken ? "asset_wall_clock" : "asset_recorded")"
  }

  private var conditions: String {
    var all = ["asset.visibility IN (\(visibilities))", "asset.deleted_at IS \(filter.isTrashed ? "NOT " : "")NULL"]
    if filter.album != nil {
      all.append("link.album = (SELECT number FROM album WHERE id = :album)")
      // What others threw away, and what they like, is their own business.
      if filter.isTrashed { all.append("asset.owner = \(user)") }
      if filter.isFavorite != nil { all.append("(asset.is_favorite AND asset.owner = \(user)) = :favorite") }
    } else {
      all.append("asset.owner = \(user)")
      if filter.isFavorite != nil { all.append("asset.is_favorite = :favorite") }
      // `created_at` alone is indexed; without a bound the index is walked whole.
      if filter.basis == .created { all.append("asset.created_at IS NOT NULL") }
    }
    if filter.hidesMotionParts { all.append(AssetAccess.isUnlocked) }
    if filter.tag != nil { all.append(TagCondition.bears(":tag", user: user)) }
    if let box = filter.box {
      let across = box.west > box.east
      all.append("facts.latitude BETWEEN :south AND :north")
      all.append("(facts.longitude >= :west \(across ? "OR" : "AND") facts.longitude <= :east)")
    }
    return all.joined(separator: " AND ")
  }
}
