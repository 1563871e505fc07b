import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `/api/tags`.
struct TagHandlers: Sendable {
  let tags: Tags

  func list(_ request: Request, _ principal: Principal) async throws -> Response {
    await .json(list: try await tags.list(of: principal.user.id).map(TagShape.init))
  }

  func read(_ request: Request, _ principal: Principal) async throws -> Response {
    .json(TagShape(try await tags.tag(try request.id(), owner: principal.user.id)))
  }

  private struct Paths: Decodable {
    let tags: [String]
  }

  func upsert(_ request: Request, _ principal: Principal) async throws -> Response {
    let paths = try await request.json(Paths.self).tags
    return await .json(list: try await tags.upsert(paths, owner: principal.user.id).map(TagShape.init))
  }

  private struct Creation: Decodable {
    let name: String
    let parentId: Identifier?
    let color: String?
  }

  func create(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Creation.self)
    let tag = try await tags.create(
      input.name, parent: input.parentId, color: try TagHandlers.color(input.color), owner: principal.user.id)
    return .json(TagShape(tag), status: .created)
  }

  private struct Change: Decodable {
    let color: String?
    let changesColor: Bool

    private enum Key: CodingKey { case color }

    init(from decoder: any Decoder) throws {
      let input = try decoder.container(keyedBy: Key.self)
      changesColor = input.contains(.color)
      color = try input.decodeIfPresent(String.self, forKey: .color)
    }
  }

  func change(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Change.self)
    let (id, owner) = (try request.id(), principal.user.id)
    guard input.changesColor else { return .json(TagShape(try await tags.tag(id, owner: owner))) }
    return .json(TagShape(try await tags.setColor(try TagHandlers.color(input.color), id, owner: owner)))
  }

  func delete(_ request: Request, _ principal: Principal) async throws -> Response {
    try await tags.delete(try request.id(), owner: principal.user.id)
    return .noContent
  }

  // MARK: Assets

  private struct Members: Decodable {
    let ids: [Identifier]
  }

  func addAssets(_ request: Request, _ principal: Principal) async throws -> Response {
    let ids = try await request.json(Members.self).ids
    let changes = try await tags.add(try request.id(), to: ids, owner: principal.user.id)
    return await .json(list: changes.map(AlbumChangeShape.init))
  }

  func removeAssets(_ request: Request, _ principal: Principal) async throws -> Response {
    let ids = try await request.json(Members.self).ids
    let changes = try await tags.remove(try request.id(), from: ids, owner: principal.user.id)
    return await .json(list: changes.map(AlbumChangeShape.init))
  }

  private struct Many: Decodable {
    let tagIds: [Identifier]
    let assetIds: [Identifier]
  }

  func addMany(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Many.self)
    return .json(["count": try await tags.add(input.tagIds, to: input.assetIds, owner: principal.user.id)])
  }

  /// CSS's hexadecimal notation, kept with its `#`.
  private static func color(_ text: String?) throws(ValidationFailure) -> String? {
    guard let text, !text.isEmpty else { return nil }
    let digits = text.first == "#" ? text.dropFirst() : text[...]
    guard [3, 4, 6, 8].contains(digits.utf8.count), digits.utf8.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit })
    else { throw ValidationFailure("color", "must be a color in hexadecimal") }
    return "#" + digits
  }
}
