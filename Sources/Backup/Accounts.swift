import Ground
import Logging
import Store
import Synchronization

/// People, their logins and their keys.
///
/// Nothing about them is cached: who a request comes from is one prepared read by the token's hash, so that a logout, a
/// new password or a change by the command line, which is another process, holds from the next request on.
package final class Accounts: Sendable {
  /// Where the time comes from; tests bring their own.
  package struct Clock: Sendable {
    package var monotonic: @Sendable () -> MonotonicTime
    package var wall: @Sendable () -> Instant
    package static let system = Clock(monotonic: { .now() }, wall: { .now() })

    package init(monotonic: @escaping @Sendable () -> MonotonicTime, wall: @escaping @Sendable () -> Instant) {
      (self.monotonic, self.wall) = (monotonic, wall)
    }
  }

  let catalog: Catalog
  let logger: Logger
  let clock: Clock
  let cost: PasswordCost
  let passwords = PasswordDesk()
  let throttle = Mutex(LoginThrottle())
  let touches: SessionTouches
  /// Where failed logins are noted; nil for a command line.
  let activity: ActivityLog?
  let live: LiveSignal?

  package init(
    catalog: Catalog, logger: Logger, cost: PasswordCost = .standard, clock: Clock = .system,
    activity: ActivityLog? = nil, live: LiveSignal? = nil
  ) {
    (self.catalog, self.logger, self.cost, self.clock) = (catalog, logger, cost, clock)
    (self.activity, self.live) = (activity, live)
    touches = SessionTouches(catalog: catalog, logger: logger)
  }

  // MARK: People

  /// Whether there is any user: from then on nobody can sign up. Where the operator made people before an admin, a
  /// stranger who signs up must not become their admin.
  package func isInitialized() async throws -> Bool { try await speaking { try await catalog.hasUser() } }

  /// Whether somebody may manage the server.
  package func hasAdmin() async throws -> Bool { try await speaking { try await catalog.hasAdmin() } }

  /// Creates the first user, an admin. Of two that race, one wins.
  /// - Throws: `.invalid` once there is any user.
  package func signUpAdmin(email: String, password: String, name: String) async throws -> User {
    // Asked before the password is hashed, so that a stranger cannot keep the password desk busy this way.
    guard try await !isInitialized() else { throw Accounts.signUpClosed }
    return try await insert(
      email: email, password: password, name: name, isAdmin: true, quota: nil, onlyFirst: true)
  }

  /// Creates a user; for the command line and the admin.
  /// - Parameter folder: the name that the person's folder shall have; nil makes one of the name.
  package func add(
    email: String, password: String, name: String, isAdmin: Bool, quota: Int64?, shouldChangePassword: Bool = false,
    folder: String? = nil
  ) async throws -> User {
    if let quota, quota < 0 { throw BackupError.invalid("quotaSizeInBytes must not be less than 0") }
    if let folder, AccountRules.folder(name: folder, email: "") != folder {
      throw BackupError.invalid("storageLabel must be a lower-case name of letters, digits, dots and dashes")
    }
    return try await insert(
      email: email, password: password, name: name, isAdmin: isAdmin, quota: quota, onlyFirst: false,
      shouldChangePassword: shouldChangePassword, folder: folder)
  }

  package func list() async throws -> [User] { try await speaking { try await catalog.users().map(User.init) } }

  package func user(email: String) async throws -> User? {
    let email = AccountRules.normalized(email: email)
    return try await speaking { try await catalog.user(email: email).map(User.init) }
  }

  /// Changes what is not nil. A new `password` here needs no old one: only while the user should change it (Immich's
  /// forced change), which this settles. Every session but `session` ends with it.
  /// - Throws: `.invalid` where a password is given and no change is due.
  package func updateMe(
    _ user: Identifier, email: String?, name: String?, password: String?, avatarColor: String?,
    keep session: Identifier? = nil
  ) async throws -> User {
    let email = try email.map(AccountRules.email)
    let name = try name.map(AccountRules.name)
    let avatarColor = try avatarColor.map(AccountRules.avatarColor)
    var hash: String?
    if let password {
      // Asked before the password is hashed, and again in the transaction that stores it.
      guard try await speaking({ try await catalog.user(user) })?.shouldChangePassword == true else {
        throw Accounts.noChangeDue
      }
      hash = try await hashed(AccountRules.password(password))
    }
    let newHash = hash
    let outcome = try await speaking {
      try await catalog.updateUser(
        user, email: email, name: name, avatarColor: avatarColor, passwordHash: newHash,
        ending: session.map { .allBut($0) } ?? .all, now: clock.wall())
    }
    return try settle(outcome, missing: .noAccess(permission: "user.update"))
  }

  /// The preferences as stored, JSON text; nil where the user never changed them.
  package func preferences(of user: Identifier) async throws -> String? {
    try await speaking { try await catalog.preferences(of: user) }
  }

  /// Reads, changes and stores the preferences in one transaction, and with them the colour where it is not nil.
  /// - Parameter change: makes the new JSON text, at most 64 KiB, of the old one; what it throws leaves all as it was.
  /// - Returns: the new text.
  package func updatePreferences(
    of user: Identifier, avatarColor: String?, _ change: @escaping @Sendable (String?) throws -> String
  ) async throws -> String {
    let avatarColor = try avatarColor.map(AccountRules.avatarColor)
    let stored = try await speaking {
      try await catalog.updatePreferences(of: user, avatarColor: avatarColor, now: clock.wall()) { old in
        let json = try change(old)
        guard json.utf8.count <= AccountRules.longestPreferences else {
          throw BackupError.invalid("preferences must not be larger than \(AccountRules.longestPreferences) bytes")
        }
        return json
      }
    }
    guard let stored else { throw BackupError.noAccess(permission: "userPreference.update") }
    return stored
  }

  // MARK: Passwords

  /// Sets a password without asking for the old one (command line); ends every session of that user.
  package func setPassword(_ password: String, of user: Identifier) async throws {
    let hash = try await hashed(AccountRules.password(password))
    let outcome = try await speaking {
      try await catalog.setPassword(hash, of: user, replacing: nil, ending: .all, now: clock.wall())
    }
    _ = try settle(outcome, missing: .noAccess(permission: "user.update"))
  }

  /// - Parameter new: at least eight characters, as Immich's schema demands here and nowhere else.
  /// - Throws: `.invalid("Wrong password")` where the current one does not match; `.tooManyAttempts` after some of these.
  package func changePassword(
    of user: Identifier, current: String, new: String, endOtherSessions: Bool, keep session: Identifier?
  ) async throws -> User {
    let new = try AccountRules.password(new)
    guard new.utf16.count >= 8 else {
      throw BackupError.invalid("newPassword must be longer than or equal to 8 characters")
    }
    guard let stored = try await speaking({ try await catalog.passwordHash(of: user) }) else {
      throw BackupError.noAccess(permission: "auth.changePassword")
    }
    // A stolen session must not become the place to guess the password in peace.
    guard try await checked(current, against: stored, account: user.description, address: nil) else {
      throw BackupError.invalid("Wrong password")
    }
    let hash = try await hashed(new)
    let ending: EndingSessions = endOtherSessions ? session.map { .allBut($0) } ?? .all : .none
    let outcome = try await speaking {
      try await catalog.setPassword(hash, of: user, replacing: stored, ending: ending, now: clock.wall())
    }
    return try settle(outcome, missing: .invalid("Wrong password"))
  }

  /// The text to store for a password; waits for its turn at the password desk.
  func hashed(_ password: String) async throws -> String {
    let cost = cost
    return try await passwords.run { try PasswordHash(password, cost: cost).text }
  }

  /// Whether the password is right; slows down whoever is wrong too often.
  func checked(_ password: String, against stored: String, account: String, address: String?) async throws -> Bool {
    guard let hash = PasswordHash(stored) else { throw PasswordFailure(description: "a stored password is unreadable") }
    let clock = clock
    try admit(account: account, address: address)
    // Asked again when the turn comes: the desk takes one after the other, so a burst gets no free guesses.
    return try await passwords.run {
      try admit(account: account, address: address)
      let isRight = try hash.matches(password)
      throttle.withLock { throttle in
        if isRight {
          throttle.succeeded(account: account, address: address, now: clock.monotonic())
        } else {
          throttle.failed(account: account, address: address, now: clock.monotonic())
        }
      }
      return isRight
    }
  }

  private func admit(account: String, address: String?) throws {
    let now = clock.monotonic()
    if let seconds = throttle.withLock({ $0.wait(account: account, address: address, now: now) }) {
      throw BackupError.tooManyAttempts(retryAfter: seconds)
    }
  }

  // MARK: Inner works

  private static let noChangeDue = BackupError.invalid(
    "The password is changed with POST /api/auth/change-password, which asks for the current one")
  /// Immich's words. Where there are people but no admin yet, the command line is the way all the same.
  private static let signUpClosed = BackupError.invalid("The server already has an admin")

  private func insert(
    email: String, password: String, name: String, isAdmin: Bool, quota: Int64?, onlyFirst: Bool,
    shouldChangePassword: Bool = false, folder: String? = nil
  ) async throws -> User {
    let email = try AccountRules.email(email)
    let name = try AccountRules.name(name)
    let hash = try await hashed(AccountRules.password(password))
    let id = Identifier()
    let colors = AccountRules.avatarColors
    let row = NewUser(
      id: id, email: email, name: name, folder: folder ?? AccountRules.folder(name: name, email: email),
      isAdmin: isAdmin, shouldChangePassword: shouldChangePassword,
      avatarColor: colors[Int(id.low % UInt64(colors.count))], quota: quota, createdAt: clock.wall())
    let outcome = try await speaking {
      try await catalog.insertUser(row, passwordHash: hash, onlyFirst: onlyFirst)
    }
    return try settle(outcome, missing: .noAccess(permission: "adminUser.create"))
  }

  func settle(_ outcome: UserOutcome, missing: BackupError) throws -> User {
    switch outcome {
    case .done(let row): return User(row)
    case .notFirst: throw Accounts.signUpClosed
    case .noChangeDue: throw Accounts.noChangeDue
    case .emailTaken: throw BackupError.invalid("User exists")
    case .lastAdmin: throw BackupError.invalid("The server needs an admin: make somebody else one first")
    case .removing: throw Accounts.removalHasBegun
    case .unknown: throw missing
    }
  }
}

extension User {
  init(_ row: UserRow) {
    self.init(
      number: row.number, id: row.id, email: row.email, name: row.name, isAdmin: row.isAdmin,
      shouldChangePassword: row.shouldChangePassword, avatarColor: row.avatarColor, quota: row.quota, used: row.used,
      createdAt: row.createdAt, updatedAt: row.updatedAt, folder: row.folder, deletedAt: row.deletedAt)
  }
}
