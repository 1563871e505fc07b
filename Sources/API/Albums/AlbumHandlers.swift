import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `/api/albums`.
struct AlbumHandlers: Sendable {
  let albums: Albums

  /// Members of an album for clients made for version 2, which go on without those beyond it.
  static let assetLimit = 10_000

  /// Filters as in Immich 3; `shared`, by which version 2 filtered, is not one of them.
  func list(_ request: Request, _ principal: Principal) async throws -> Response {
    let (id, name) = (try request.identifier("id"), request.target.query("name"))
    let (isShared, isOwned) = (try request.flag("isShared"), try request.flag("isOwned"))
    let found = try await albums.list(by: principal.user.id, containing: try request.identifier("assetId"))
    return await .json(
      list: found.filter { album in
        (id == nil || album.id == id) && (name == nil || album.name == name)
          && (isShared == nil || album.isShared == isShared)
          && (isOwned == nil || (album.owner == principal.user.id) == isOwned)
      }.map { AlbumShape($0) })
  }

  private struct Person: Decodable {
    let userId: Identifier
    let role: AlbumRole?

    /// Immich's default.
    var entry: (user: Identifier, role: AlbumRole) { (userId, role ?? .editor) }
  }

  private struct Creation: Decodable {
    let albumName: String
    let description: String?
    let assetIds: [Identifier]?
    let albumUsers: [Person]?
  }

  func create(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Creation.self)
    let album = try await albums.create(
      owner: principal.user.id, name: input.albumName, description: input.description ?? "",
      assets: input.assetIds ?? [], people: (input.albumUsers ?? []).map(\.entry))
    return .json(AlbumShape(album), status: .created)
  }

  func read(_ request: Request, _ principal: Principal) async throws -> Response {
    let id = try request.id()
    let album = try await albums.album(id, by: principal.user.id)
    guard try request.flag("withoutAssets") == false else { return .json(AlbumShape(album)) }
    let assets = try await albums.assets(of: id, by: principal.user.id, limit: AlbumHandlers.assetLimit)
    return try await .album(album, with: assets, to: principal)
  }

  private struct Update: Decodable {
    let albumName: String?
    let description: String?
    let albumThumbnailAssetId: Identifier?
    let isActivityEnabled: Bool?
    let order: AlbumOrder?
  }

  func update(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Update.self)
    let album = try await albums.update(
      try request.id(), by: principal.user.id, name: input.albumName, description: input.description,
      thumbnail: input.albumThumbnailAssetId, isActivityEnabled: input.isActivityEnabled, order: input.order)
    return .json(AlbumShape(album))
  }

  func delete(_ request: Request, _ principal: Principal) async throws -> Response {
    try await albums.delete(try request.id(), owner: principal.user.id)
    return .noContent
  }

  private struct Members: Decodable {
    let ids: [Identifier]
  }

  func addAssets(_ request: Request, _ principal: Principal) async throws -> Response {
    let ids = try await request.json(Members.self).ids
    let changes = try await albums.add(ids, to: try request.id(), by: principal.user.id)
    return await .json(list: changes.map(AlbumChangeShape.init))
  }

  func removeAssets(_ request: Request, _ principal: Principal) async throws -> Response {
    let ids = try await request.json(Members.self).ids
    let changes = try await albums.remove(ids, from: try request.id(), by: principal.user.id)
    return await .json(list: changes.map(AlbumChangeShape.init))
  }

  func statistics(_ request: Request, _ principal: Principal) async throws -> Response {
    let found = try await albums.list(by: principal.user.id, containing: nil)
    let owned = found.filter { $0.owner == principal.user.id }
    return .json(
      AlbumCountsShape(
        owned: owned.count, shared: found.count(where: \.isShared), notShared: owned.count(where: { !$0.isShared })))
  }

  // MARK: People

  private struct People: Decodable {
    let albumUsers: [Person]
  }

  func addPeople(_ request: Request, _ principal: Principal) async throws -> Response {
    let people = try await request.json(People.self).albumUsers
    guard !people.isEmpty else { throw ValidationFailure("albumUsers", "must contain at least 1 element") }
    return .json(AlbumShape(try await albums.share(try request.id(), by: principal.user.id, with: people.map(\.entry))))
  }

  private struct RoleChange: Decodable {
    let role: AlbumRole
  }

  func setRole(_ request: Request, _ principal: Principal) async throws -> Response {
    let role = try await request.json(RoleChange.self).role
    let person = try AlbumHandlers.person(request, principal)
    try await albums.setRole(role, of: person, in: try request.id(), by: principal.user.id)
    return .noContent
  }

  func removePerson(_ request: Request, _ principal: Principal) async throws -> Response {
    let person = try AlbumHandlers.person(request, principal)
    try await albums.unshare(try request.id(), with: person, by: principal.user.id)
    return .noContent
  }

  /// The one whom the path names: `me`, or an id.
  private static func person(_ request: Request, _ principal: Principal) throws(ValidationFailure) -> Identifier {
    let text = request.parameters["userId"]
    if text == "me" { return principal.user.id }
    guard let id = text.flatMap({ Identifier($0) }) else { throw ValidationFailure("userId", "must be a UUID or me") }
    return id
  }
}
