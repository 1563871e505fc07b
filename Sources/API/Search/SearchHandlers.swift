import Backup
import Ground
import HTTPServer

/// `/api/search`: by what is known of a file. What is in a picture, nobody looks at.
struct SearchHandlers: Sendable {
  let assets: Assets
  private static let usualSize = 250

  func metadata(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await SearchInput(request, principal)
    let page =
      input.isImpossible
      ? SearchPage.empty
      : try await assets.search(
        input.query, user: principal.user.id, ascending: input.ascending, page: input.page,
        size: input.size ?? SearchHandlers.usualSize)
    return try await .page(page, number: input.page, withExif: input.withExif, to: principal)
  }

  func random(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await SearchInput(request, principal)
    let found =
      input.isImpossible
      ? [] : try await assets.random(input.query, user: principal.user.id, size: input.size ?? SearchHandlers.usualSize)
    return try await .assets(found, withExif: input.withExif, to: principal)
  }

  func statistics(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await SearchInput(request, principal)
    return .json(["total": input.isImpossible ? 0 : try await assets.count(input.query, user: principal.user.id)])
  }

  func smart(_ request: Request, _ principal: Principal) async throws -> Response {
    throw BackupError.invalid("Smart search is not enabled")
  }

  /// Values that occur: of cameras; places have no names here.
  func suggestions(_ request: Request, _ principal: Principal) async throws -> Response {
    let facts: [String: CameraFact] = ["camera-make": .make, "camera-model": .model, "camera-lens-model": .lens]
    guard let type = request.target.query("type"), facts[type] != nil || ["country", "state", "city"].contains(type)
    else {
      throw ValidationFailure(
        "type", "must be one of country, state, city, camera-make, camera-model, camera-lens-model")
    }
    guard let fact = facts[type] else { return .json([String]()) }
    var filters: [CameraFact: String] = [:]
    for (name, other) in [("make", CameraFact.make), ("model", .model), ("lensModel", .lens)] where other != fact {
      filters[other] = request.target.query(name)
    }
    return await .json(list: try await assets.values(of: fact, where: filters, user: principal.user.id))
  }

  private struct Exploration: Encodable {
    let fieldName: String
    let items: [String]
  }

  /// Cities: none are known.
  func explore(_ request: Request, _ principal: Principal) async throws -> Response {
    .json([Exploration(fieldName: "exifInfo.city", items: [])])
  }

  /// Cities, places and people: there are none.
  func nothing(_ request: Request, _ principal: Principal) async throws -> Response { .json([String]()) }

  func nothingNamed(_ request: Request, _ principal: Principal) async throws -> Response {
    guard request.target.query("name") != nil else { throw ValidationFailure("name", "is required") }
    return .json([String]())
  }
}
