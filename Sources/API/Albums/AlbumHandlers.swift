import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `/api/albums`.
struct AlbumHandlers: Sendable {
  let albums: Albums

  /// Filters as in Immich. Nothing is shared, so whoever asks for shared albums, or for other people's, finds none.
  func list(_ request: Request, _ principal: Principal) async throws -> Response {
    let (id, name) = (try request.identifier("id"), request.target.query("name"))
    guard try request.flag("isShared") != true, try request.flag("isOwned") != false else {
      return .json([String]())
    }
    let found = try await albums.list(owner: principal.user.id, containing: try request.identifier("assetId"))
    return await .json(
      list: found.filter { (id == nil || $0.id == id) && (name == nil || $0.name == name) }
        .map { AlbumShape($0, owner: principal.user) })
  }

  private struct Creation: Decodable {
    struct Member: Decodable {}

    let albumName: String
    let description: String?
    let assetIds: [Identifier]?
    let albumUsers: [Member]?
  }

  func create(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Creation.self)
    guard input.albumUsers?.isEmpty ?? true else {
      throw BackupError.invalid("Sharing albums is not supported by Nightstand")
    }
    let album = try await albums.create(
      owner: principal.user.id, name: input.albumName, description: input.description ?? "",
      assets: input.assetIds ?? [])
    return .json(AlbumShape(album, owner: principal.user), status: .created)
  }

  func read(_ request: Request, _ principal: Principal) async throws -> Response {
    let album = try await albums.album(try request.id(), owner: principal.user.id)
    return .json(AlbumShape(album, owner: principal.user))
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
      try request.id(), owner: principal.user.id, name: input.albumName, description: input.description,
      thumbnail: input.albumThumbnailAssetId, isActivityEnabled: input.isActivityEnabled, order: input.order)
    return .json(AlbumShape(album, owner: principal.user))
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
    let changes = try await albums.add(ids, to: try request.id(), owner: principal.user.id)
    return await .json(list: changes.map(AlbumChangeShape.init))
  }

  func removeAssets(_ request: Request, _ principal: Principal) async throws -> Response {
    let ids = try await request.json(Members.self).ids
    let changes = try await albums.remove(ids, from: try request.id(), owner: principal.user.id)
    return await .json(list: changes.map(AlbumChangeShape.init))
  }

  func statistics(_ request: Request, _ principal: Principal) async throws -> Response {
    let owned = try await albums.list(owner: principal.user.id, containing: nil).count
    return .json(AlbumCountsShape(owned: owned, shared: 0, notShared: owned))
  }
}
