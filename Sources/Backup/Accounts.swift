import Ground

/// People, their logins and their keys.
package final class Accounts: Sendable {
  init() {}

  /// Whether an admin exists.
  package func isInitialized() async throws -> Bool { fatalError("to be written") }

  /// Creates the first user. - Throws: `.invalid` once an admin exists.
  package func signUpAdmin(email: String, password: String, name: String) async throws -> User { fatalError() }
  /// Creates a user; for the command line and the admin.
  package func add(email: String, password: String, name: String, isAdmin: Bool, quota: Int64?) async throws -> User {
    fatalError()
  }
  package func list() async throws -> [User] { fatalError() }
  package func user(email: String) async throws -> User? { fatalError() }
  /// Sets a password without asking for the old one (command line); ends every session of that user.
  package func setPassword(_ password: String, of user: Identifier) async throws { fatalError() }

  /// - Parameter address: the client's address; failures are slowed per address and per account.
  /// - Returns: the user, the new session and its token, which is stored only as a hash.
  /// - Throws: `.incorrectLogin`, `.tooManyAttempts`.
  package func login(email: String, password: String, device: LoginDevice, address: String) async throws -> (
    user: User, session: Session, token: String
  ) { fatalError() }
  package func logout(_ session: Identifier) async throws { fatalError() }
  /// - Throws: `.invalidSessionToken`.
  package func authenticate(sessionToken: String) async throws -> Principal { fatalError() }
  /// - Throws: `.invalidAPIKey`.
  package func authenticate(apiKey: String) async throws -> Principal { fatalError() }

  /// - Throws: `.invalid("Wrong password")` where the current one does not match.
  package func changePassword(
    of user: Identifier, current: String, new: String, endOtherSessions: Bool, keep session: Identifier?
  ) async throws -> User { fatalError() }
  /// Changes what is not nil. A new `password` here needs no old one (Immich's forced change) and clears `shouldChangePassword`.
  package func updateMe(_ user: Identifier, email: String?, name: String?, password: String?, avatarColor: String?)
    async throws -> User
  { fatalError() }

  /// The preferences as stored, JSON text; nil where the user never changed them.
  package func preferences(of user: Identifier) async throws -> String? { fatalError() }
  package func setPreferences(_ json: String, of user: Identifier) async throws { fatalError() }

  /// - Returns: the key and its secret, which is stored only as a hash.
  package func createKey(for user: Identifier, name: String, permissions: [String]) async throws -> (
    key: APIKey, secret: String
  ) { fatalError() }
  package func keys(of user: Identifier) async throws -> [APIKey] { fatalError() }
  /// - Throws: `.noAccess` where the user has no such key; so do the two below.
  package func key(_ id: Identifier, of user: Identifier) async throws -> APIKey { fatalError() }
  package func updateKey(_ id: Identifier, of user: Identifier, name: String?, permissions: [String]?) async throws
    -> APIKey
  { fatalError() }
  package func deleteKey(_ id: Identifier, of user: Identifier) async throws { fatalError() }
}
