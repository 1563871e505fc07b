import Backup
import HTTPServer
import HTTPTypes

/// What Immich has and Nightstand does not: whoever asks finds nothing, whoever changes something is told so.
struct EmptyHandlers: Sendable {
  let assets: Assets

  /// An empty list.
  func none(_ request: Request, _ principal: Principal) async throws -> Response { EmptyHandlers.emptyList }

  private static let emptyList = Response.json([String]())

  private struct People: Encodable {
    let people: [String] = []
    let total = 0
    let hidden = 0
    let hasNextPage = false
  }

  func people(_ request: Request, _ principal: Principal) async throws -> Response { .json(People()) }

  /// Of an asset that whoever asks may see.
  func faces(_ request: Request, _ principal: Principal) async throws -> Response {
    guard let id = try request.identifier("id") else { throw ValidationFailure("id", "is required") }
    _ = try await assets.readable(id, by: principal.reader)
    return EmptyHandlers.emptyList
  }

  func memoryStatistics(_ request: Request, _ principal: Principal) async throws -> Response { .json(["total": 0]) }

  func activityStatistics(_ request: Request, _ principal: Principal) async throws -> Response {
    .json(["comments": 0, "likes": 0])
  }

  /// Nothing is changed, and nobody shall believe so.
  static func refused(_ what: String) -> Endpoint.Known {
    { _, _ in throw BackupError.invalid("\(what) are not supported by Nightstand; nothing was changed") }
  }
}
