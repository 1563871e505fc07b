import Ground
import Store

// What admins do with people.
extension Accounts {
  /// What an admin says of somebody; nil leaves a thing as it is.
  package struct Change: Sendable {
    package var email: String?
    package var name: String?
    package var avatarColor: String?
    package var isAdmin: Bool?
    package var shouldChangePassword: Bool?
    package var password: String?
    /// Bytes; the inner nil is no limit.
    package var quota: Int64??

    package init() {}
  }

  /// Everybody, oldest first.
  package func list(withDeleted: Bool) async throws -> [User] {
    try await speaking { try await catalog.users(withDeleted: withDeleted).map(User.init) }
  }

  /// - Throws: `.invalid` where there is nobody of this id.
  package func person(_ id: Identifier) async throws -> User {
    guard let row = try await speaking({ try await catalog.user(id) }) else { throw Accounts.noSuchUser }
    return User(row)
  }

  /// Changes all of it or nothing. A new password ends every login of the person, but for `session` (an admin's own).
  /// - Throws: `.invalid` where the last admin would be none any more, where the e-mail is another's.
  package func change(_ id: Identifier, _ change: Change, keep session: Identifier?) async throws -> User {
    var checked = UserChange()
    checked.email = try change.email.map(AccountRules.email)
    checked.name = try change.name.map(AccountRules.name)
    checked.avatarColor = try change.avatarColor.map(AccountRules.avatarColor)
    (checked.isAdmin, checked.shouldChangePassword) = (change.isAdmin, change.shouldChangePassword)
    if case .some(.some(let bytes)) = change.quota, bytes < 0 {
      throw BackupError.invalid("quotaSizeInBytes must not be less than 0")
    }
    checked.quota = change.quota
    if let password = change.password { checked.passwordHash = try await hashed(AccountRules.password(password)) }
    let final = checked
    let outcome = try await speaking {
      try await catalog.changeUser(
        id, final, ending: session.map { .allBut($0) } ?? .all, now: clock.wall())
    }
    return try settle(outcome, missing: Accounts.noSuchUser)
  }

  /// Keeps somebody out at once. After `delay` days what they have is deleted, files into quarantine as every deleted one;
  /// until then they can be restored.
  /// - Throws: `.invalid` for oneself and for the last admin.
  package func delete(_ id: Identifier, by admin: Identifier, delayDays: Int, force: Bool) async throws -> User {
    guard id != admin else { throw BackupError.invalid("Cannot delete own account") }
    let now = clock.wall()
    let since = force ? now.adding(seconds: -Int64(delayDays) * 86_400) : now
    let outcome = try await speaking { try await catalog.markUserDeleted(id, since: since, now: now) }
    return try settle(outcome, missing: Accounts.noSuchUser)
  }

  /// - Throws: `.invalid` once the removal of what they had has begun: a person with some of their photos would look whole.
  package func restore(_ id: Identifier) async throws -> User {
    let outcome = try await speaking { try await catalog.restoreUser(id, now: clock.wall()) }
    return try settle(outcome, missing: Accounts.noSuchUser)
  }

  static let removalHasBegun = BackupError.invalid(
    "The removal of this person's photos has begun; the files lie in quarantine for some time")
  private static let noSuchUser = BackupError.invalid("User not found")

  // MARK: Logins

  /// The last used first.
  package func sessions(of user: Identifier) async throws -> [Session] {
    try await speaking { try await catalog.sessions(of: user).map(Session.init) }
  }

  package func endSession(_ id: Identifier, of user: Identifier) async throws {
    guard try await speaking({ try await catalog.deleteSession(id, of: user, now: clock.wall()) }) else {
      throw BackupError.noAccess(permission: "authDevice.delete")
    }
  }

  package func endSessions(of user: Identifier, but spared: Identifier?) async throws {
    try await speaking { try await catalog.deleteSessions(of: user, but: spared) }
  }
}
