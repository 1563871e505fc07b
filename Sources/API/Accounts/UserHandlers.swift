import Backup
import FoundationEssentials
import HTTPServer
import HTTPTypes

/// `/api/users`.
struct UserHandlers: Sendable {
  let accounts: Accounts

  /// Admins see everybody, others themselves: nothing is shared between people here, so nobody needs a directory.
  func list(_ request: Request, _ principal: Principal) async throws -> Response {
    let users = principal.user.isAdmin ? try await accounts.list() : [principal.user]
    return await .json(list: users.map(UserShape.init))
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
    .json(try UserHandlers.preferences(try await accounts.preferences(of: principal.user.id)))
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
      var preferences = try UserHandlers.preferences(stored)
      try preferences.merge(update)
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      return String(decoding: try encoder.encode(preferences), as: UTF8.self)
    }
    return .json(try UserHandlers.preferences(text))
  }

  private static func preferences(_ stored: String?) throws -> Preferences {
    var preferences = Preferences()
    if let stored {
      try preferences.merge(
        try JSONDecoder().decode([String: [String: Preferences.Value]].self, from: Data(stored.utf8)))
    }
    return preferences
  }
}
