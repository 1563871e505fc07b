import GRDB
import Ground

/// What somebody searches for. Nil does not filter; `.some(nil)` asks for what has no such value.
package struct AssetQuery: Sendable {
  /// When something happened; both ends belong to it.
  package struct Span: Sendable {
    package var from: Instant?
    package var to: Instant?
    package init(from: Instant? = nil, to: Instant? = nil) { (self.from, self.to) = (from, to) }
  }
  package enum Trash: Sendable { case without, with, only }

  package var id: Identifier?
  package var sha1: SHA1Digest?
  /// `archive`, `timeline`, `hidden`, `locked`.
  package var visibilities: [String] = []
  /// False finds nothing of what is locked away, motion parts included.
  package var opensLocked = true
  package var trash = Trash.without
  /// `IMAGE` or `VIDEO`.
  package var kind: String?
  package var isFavorite: Bool?
  package var isMotion: Bool?
  package var isInNoAlbum = false
  /// In every one of these, whoever owns it; the caller sees to it that the person may read them.
  package var albums: [Identifier] = []
  /// Each of these, or one below it; the person's own. An empty list asks for what bears none.
  package var tags: [Identifier]?
  package var taken = Span()
  package var created = Span()
  package var updated = Span()
  package var trashed = Span()
  package var make: String??
  package var model: String??
  package var lens: String??
  package var rating: Int??
  /// Parts of a text, whatever their case and accents.
  package var name: String?
  package var path: String?
  package var description: String?

  package init() {}
}

/// A query as SQL: conditions on `asset` (and `facts`, where `needsFacts`), and the sets of asset numbers that an index can
/// list by itself.
struct CompiledQuery {
  private(set) var conditions: [String] = []
  private(set) var arguments: [String: any DatabaseScalar] = [:]
  private(set) var needsFacts = false
  /// `SELECT` statements of numbers; each holds everything that the query finds.
  private(set) var sets: [String] = []
  /// The same of the first album, where any are asked for: what is searched is a part of it, however large it is.
  private(set) var members: String?

  let query: AssetQuery

  /// - Parameter user: `user.number`.
  init(_ query: AssetQuery, user: Int64) {
    self.query = query
    arguments["user"] = user
    if query.albums.isEmpty { conditions.append("asset.owner = :user") }
    compileRow()
    compileFacts()
    compileAlbums()
    compileTags()
  }

  private mutating func compileRow() {
    let query = self.query
    let names = query.visibilities.enumerated().map { index, name in bind("visibility\(index)", name) }
    conditions.append("asset.visibility IN (\(names.joined(separator: ", ")))")
    if !query.opensLocked { conditions.append(AssetAccess.isUnlocked) }
    switch query.trash {
    case .without: conditions.append("asset.deleted_at IS NULL")
    // What others threw away is out of sight.
    case .with: if !query.albums.isEmpty { conditions.append("(asset.deleted_at IS NULL OR asset.owner = :user)") }
    case .only:
      conditions.append("asset.deleted_at IS NOT NULL")
      if !query.albums.isEmpty { conditions.append("asset.owner = :user") }
    }
    if let id = query.id {
      conditions.append("asset.id = \(bind("id", id))")
      sets.append("SELECT number FROM asset WHERE id = :id")
    }
    if let sha1 = query.sha1 {
      conditions.append("asset.sha1 = \(bind("sha1", sha1))")
      if query.albums.isEmpty {
        sets.append(
          "SELECT number FROM asset WHERE id = (SELECT id FROM content WHERE owner = :user AND sha1 = :sha1)")
      }
    }
    if let kind = query.kind { conditions.append("asset.kind = \(bind("kind", kind))") }
    if let isFavorite = query.isFavorite {
      // A favourite is its owner's own business.
      let own = query.albums.isEmpty ? "asset.is_favorite" : "(asset.is_favorite AND asset.owner = :user)"
      conditions.append("\(own) = \(isFavorite ? 1 : 0)")
    }
    if let isMotion = query.isMotion {
      conditions.append("asset.live_photo_video IS \(isMotion ? "NOT " : "")NULL")
      if isMotion { sets.append("SELECT number FROM asset WHERE live_photo_video IS NOT NULL") }
    }
    compile(query.taken, "file_created_at", "taken")
    compile(query.created, "created_at", "created")
    compile(query.updated, "updated_at", "updated")
    compile(query.trashed, "deleted_at", "trashed")
    if let name = query.name {
      conditions.append("instr(asset.search_name, \(bind("name", SearchText.folded(name)))) > 0")
      if query.albums.isEmpty {
        sets.append(
          "SELECT number FROM asset INDEXED BY asset_name WHERE owner = :user AND instr(search_name, :name) > 0")
      }
    }
    if let path = query.path {
      conditions.append("instr(folded(asset.original_key), \(bind("path", SearchText.folded(path)))) > 0")
    }
  }

  private mutating func compile(_ span: AssetQuery.Span, _ column: String, _ name: String) {
    if let from = span.from { conditions.append("asset.\(column) >= \(bind(name + "From", from))") }
    if let to = span.to { conditions.append("asset.\(column) <= \(bind(name + "To", to))") }
  }

  private mutating func compileFacts() {
    var camera: [String] = []
    for (column, value) in [("make", query.make), ("model", query.model), ("lens", query.lens)] {
      guard let value else { continue }
      needsFacts = true
      guard let text = value else {
        conditions.append("facts.\(column) IS NULL")
        continue
      }
      conditions.append("facts.\(column) = \(bind(column, text))")
      camera.append("\(column) = :\(column)")
    }
    if !camera.isEmpty {
      sets.append(
        """
        SELECT asset AS number FROM facts INDEXED BY facts_camera
        WHERE owner = :user AND coalesce(make, model, lens) IS NOT NULL AND \(camera.joined(separator: " AND "))
        """)
    }
    if let rating = query.rating {
      needsFacts = true
      conditions.append("facts.rating IS \(rating.map { bind("rating", $0) } ?? "NULL")")
      if rating != nil {
        sets.append(
          "SELECT asset AS number FROM facts INDEXED BY facts_rating WHERE owner = :user AND rating = :rating")
      }
    }
    if let description = query.description {
      needsFacts = true
      let finds = "instr(folded(facts.description), \(bind("description", SearchText.folded(description)))) > 0"
      conditions.append("facts.description <> '' AND \(finds)")
      sets.append(
        "SELECT asset AS number FROM facts INDEXED BY facts_description WHERE owner = :user AND description <> '' AND \(finds)"
      )
    }
  }

  private mutating func compileAlbums() {
    for (index, album) in query.albums.enumerated() {
      let condition = "album = (SELECT number FROM album WHERE id = \(bind("album\(index)", album)))"
      if index == 0 {
        members = "SELECT asset AS number FROM album_asset WHERE \(condition)"
      } else {
        conditions.append("asset.number IN (SELECT asset FROM album_asset WHERE \(condition))")
      }
    }
    if query.isInNoAlbum {
      conditions.append("NOT EXISTS (SELECT 1 FROM album_asset WHERE album_asset.asset = asset.number)")
    }
  }

  private mutating func compileTags() {
    guard let tags = query.tags else { return }
    if tags.isEmpty { conditions.append(TagCondition.bearsNone) }
    for (index, tag) in tags.enumerated() {
      let name = bind("tag\(index)", tag)
      conditions.append(TagCondition.bears(name, user: ":user"))
      sets.append(TagCondition.bearers(name, user: ":user"))
    }
  }

  private mutating func bind(_ name: String, _ value: any DatabaseScalar) -> String {
    arguments[name] = value
    return ":\(name)"
  }

  /// `FROM asset …` with all conditions.
  /// - Parameters:
  ///   - table: `asset`, by which index, or what it is joined to. CROSS JOIN keeps that order.
  ///   - first: one more condition.
  func from(_ table: String, where first: String? = nil) -> String {
    let facts = needsFacts ? " CROSS JOIN facts ON facts.asset = asset.number" : ""
    return "FROM \(table)\(facts) WHERE \(([first].compactMap { $0 } + conditions).joined(separator: " AND "))"
  }

  /// Those arguments that `sql` names.
  func arguments(of sql: String, _ more: [String: any DatabaseScalar] = [:]) -> StatementArguments {
    let named = arguments.merging(more) { $1 }.filter { sql.contains(":\($0.key)") }
    return StatementArguments(named.mapValues { $0 as (any DatabaseValueConvertible)? })
  }
}
