import Backup
import Ground
import HTTPServer
import HTTPTypes

/// Deleting, and taking back.
struct TrashHandlers: Sendable {
  let trash: Trash

  private struct Deletion: Decodable {
    let ids: [Identifier]
    let force: Bool?
  }

  /// Into the trash; with `force` for good, from there or from wherever it is.
  func delete(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Deletion.self)
    if input.force == true {
      try await trash.delete(input.ids, owner: principal.user.id, device: principal.device)
    } else {
      try await trash.put(input.ids, owner: principal.user.id, device: principal.device)
    }
    return .noContent
  }

  func empty(_ request: Request, _ principal: Principal) async throws -> Response {
    .json(["count": try await trash.empty(owner: principal.user.id, device: principal.device)])
  }

  func restoreAll(_ request: Request, _ principal: Principal) async throws -> Response {
    .json(["count": try await trash.restoreAll(owner: principal.user.id, device: principal.device)])
  }

  private struct Restoration: Decodable {
    let ids: [Identifier]
  }

  func restore(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Restoration.self)
    return .json(["count": try await trash.restore(input.ids, owner: principal.user.id, device: principal.device)])
  }
}
