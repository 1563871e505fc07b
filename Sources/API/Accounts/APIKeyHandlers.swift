import Backup
import HTTPServer
import HTTPTypes

/// `/api/api-keys`: keys for programs.
struct APIKeyHandlers: Sendable {
  let accounts: Accounts

  func list(_ request: Request, _ principal: Principal) async throws -> Response {
    await .json(list: try await accounts.keys(of: principal.user.id).map(APIKeyShape.init))
  }

  private struct Creation: Decodable {
    let name: String?
    let permissions: [String]
  }

  func create(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Creation.self)
    try principal.requireGrantable(input.permissions)
    let (key, secret) = try await accounts.createKey(
      for: principal.user.id, name: input.name ?? "API Key", permissions: input.permissions)
    return .json(NewAPIKeyShape(key, secret: secret), status: .created)
  }

  func me(_ request: Request, _ principal: Principal) async throws -> Response {
    guard case .apiKey(let key) = principal.credential else { throw BackupError.forbidden }
    return .json(APIKeyShape(key))
  }

  func read(_ request: Request, _ principal: Principal) async throws -> Response {
    .json(APIKeyShape(try await accounts.key(try request.id(), of: principal.user.id)))
  }

  private struct Update: Decodable {
    let name: String?
    let permissions: [String]?
  }

  func update(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Update.self)
    if let permissions = input.permissions { try principal.requireGrantable(permissions) }
    let key = try await accounts.updateKey(
      try request.id(), of: principal.user.id, name: input.name, permissions: input.permissions)
    return .json(APIKeyShape(key))
  }

  func delete(_ request: Request, _ principal: Principal) async throws -> Response {
    try await accounts.deleteKey(try request.id(), of: principal.user.id)
    return .noContent
  }
}
