import GRDB

/// Where the next rows of a pass through albums lie: numbers alone. Their order runs across all albums of a person, so that
/// no index gives it: finding it means to look at everything that is left, which is done once for many pages.
struct SyncWindow {
  enum Order {
    /// By the change of an asset's membership: of everything, or of others' assets.
    case links, sharedLinks
    /// By the change of others' assets themselves, or of their facts.
    case sharedAssets, sharedFacts
  }
  struct Place {
    let cursor: SyncCursor
    /// `album.number`; 0 where an asset counts once for all its albums.
    let album: Int64
  }

  /// Pages that are found at once; of 1000 rows, 1.2 MB.
  static let pages = 50

  private let order: Order
  private var places: ArraySlice<Place>
  /// Where the phone stands before the first of `places`.
  private var position: SyncCursor
  private let reachesEnd: Bool

  init(_ db: Database, _ order: Order, for user: Int64, after cursor: SyncCursor, count: Int) throws {
    let statement = try db.cachedStatement(sql: order.sql)
    let rows = try Row.fetchCursor(
      statement, arguments: ["user": user, "change": cursor.change, "row": cursor.row, "count": count])
    var found: [Place] = []
    while let row = try rows.next() {
      found.append(Place(cursor: SyncCursor(change: row[0], row: row[1]), album: row[2]))
    }
    (self.order, position, reachesEnd) = (order, cursor, found.count < count)
    places = found[...]
  }

  /// Whether the next rows behind the cursor are known here.
  func continues(_ order: Order, after cursor: SyncCursor) -> Bool {
    self.order == order && position == cursor && (reachesEnd || !places.isEmpty)
  }

  mutating func take(_ count: Int) -> [Place] {
    let taken = Array(places.prefix(count))
    places = places.dropFirst(count)
    if let last = taken.last { position = last.cursor }
    return taken
  }
}

extension SyncWindow.Order {
  fileprivate var sql: String {
    switch self {
    case .links:
      """
      SELECT change, asset, album FROM album_asset
      WHERE album IN \(SyncSnapshot.mine) AND change >= :change AND (change, asset) > (:change, :row)
      ORDER BY change, asset LIMIT :count
      """
    case .sharedLinks:
      """
      SELECT link.change, link.asset, link.album FROM album_asset AS link JOIN asset ON asset.number = link.asset
      WHERE link.album IN \(SyncSnapshot.mine) AND link.change >= :change AND (link.change, link.asset) > (:change, :row)
        AND asset.owner <> :user
      ORDER BY link.change, link.asset LIMIT :count
      """
    case .sharedAssets: changed("asset", "number")
    case .sharedFacts: changed("facts", "asset")
    }
  }

  /// From what changed to the albums, not the other way round: mostly nothing did.
  private func changed(_ table: String, _ number: String) -> String {
    """
    SELECT change, \(number), 0 FROM \(table)
    WHERE owner IN (SELECT number FROM user WHERE number <> :user) AND change >= :change
      AND (change, \(number)) > (:change, :row)
      AND EXISTS (SELECT 1 FROM album_asset AS link
        WHERE link.asset = \(table).\(number) AND link.album IN \(SyncSnapshot.mine))
    ORDER BY change, \(number) LIMIT :count
    """
  }
}
