import Backup
import Ground
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
    try APIKeyHandlers.check(input.permissions)
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
    let id = try request.id()
    if let permissions = input.permissions {
      try APIKeyHandlers.check(permissions)
      try principal.requireGrantable(permissions)
    }
    try await requireNoWeaker(principal, than: id, permission: "apiKey.update")
    let key = try await accounts.updateKey(
      id, of: principal.user.id, name: input.name, permissions: input.permissions)
    return .json(APIKeyShape(key))
  }

  /// - Parameter permission: what the answer names where the user has no such key.
  private func requireNoWeaker(_ principal: Principal, than id: Identifier, permission: String) async throws {
    do {
      try principal.requireNoWeaker(than: try await accounts.key(id, of: principal.user.id))
    } catch BackupError.noAccess {
      throw BackupError.noAccess(permission: permission)
    }
  }

  /// - Throws: `ValidationFailure` that names every permission that there is not.
  private static func check(_ permissions: [String]) throws(ValidationFailure) {
    guard !permissions.isEmpty else { throw ValidationFailure("permissions", "must not be empty") }
    let issues = permissions.enumerated().filter { !Permissions.names.contains($0.element) }.map {
      ValidationFailure.Issue(path: [.key("permissions"), .index($0.offset)], message: "must be a known permission")
    }
    guard issues.isEmpty else { throw ValidationFailure(issues) }
  }

  func delete(_ request: Request, _ principal: Principal) async throws -> Response {
    let id = try request.id()
    try await requireNoWeaker(principal, than: id, permission: "apiKey.delete")
    try await accounts.deleteKey(id, of: principal.user.id)
    return .noContent
  }
}
