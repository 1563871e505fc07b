import Backup
import FoundationEssentials
import HTTPServer
import HTTPTypes

/// `/api/users`.
struct UserHandlers: Sendable {
  let accounts: Accounts

  /// Everybody sees everybody: whom else could an album be shared with? Phones are told the same by the sync stream.
  func list(_ request: Request, _ principal: Principal) async throws -> Response {
    await .json(list: try await accounts.list().map(UserShape.init))
  }

  func read(_ request: Request, _ principal: Principal) async throws -> Response {
    .json(UserShape(try await accounts.person(try request.id())))
  }

  /// Nobody has one.
  func profileImage(_ request: Request, _ principal: Principal) async throws -> Response {
    _ = try await accounts.person(try request.id())
    throw Refusal(.notFound, "User does not have a profile image")
  }

  func me(_ request: Request, _ principal: Principal) async throws -> Response {
    .json(UserAdminShape(principal.user))
  }

  private struct Update: Decodable {
    let email: String?
    let name: String?
    let password: String?
    let avatarColor: String?
  }

  func updateMe(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Update.self)
    // Whoever sets these can log in as the user, which is more than `user.update` grants.
    if input.password != nil || input.email != nil { try principal.require("auth.changePassword") }
    let user = try await accounts.updateMe(
      principal.user.id, email: input.email, name: input.name, password: input.password,
      avatarColor: input.avatarColor, keep: principal.session)
    return .json(UserAdminShape(user))
  }

  func preferences(_ request: Request, _ principal: Principal) async throws -> Response {
    .json(try Preferences(stored: try await accounts.preferences(of: principal.user.id)))
  }

  /// What the body names changes, the rest stays; of two changes at once neither is lost. Nothing changes where
  /// anything is wrong.
  func updatePreferences(_ request: Request, _ principal: Principal) async throws -> Response {
    var input = try await request.json([String: [String: Preferences.Value]].self)
    var avatarColor: String?
    // Immich takes the colour here too, and shows it in `users/me` alone.
    if let avatar = input.removeValue(forKey: "avatar"), let color = avatar["color"] {
      guard case .text(let name) = color else {
        throw ValidationFailure(.key("avatar"), .key("color"), message: "must be a string")
      }
      avatarColor = name
    }
    let update = input
    let text = try await accounts.updatePreferences(of: principal.user.id, avatarColor: avatarColor) { stored in
      var preferences = try Preferences(stored: stored)
      try preferences.merge(update)
      return try preferences.text
    }
    return .json(try Preferences(stored: text))
  }
}
