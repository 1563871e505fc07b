import Ground
import Logging
import Store
import Synchronization

extension Accounts {
  /// Letters and digits of a session token and of an API key's secret: 256 bits.
  static let secretLength = 43

  /// - Parameter address: the client's address; failures are slowed, see `LoginThrottle`.
  /// - Returns: the user, the new session and its token, which is stored only as a hash.
  /// - Throws: `.incorrectLogin`, `.tooManyAttempts`.
  package func login(
    email: String, password: String, device: LoginDevice, address: String,
    facts: DeviceFacts = DeviceFacts(kind: "program")
  ) async throws -> (user: User, session: Session, token: String) {
    // Whatever came is a name to slow down; no valid e-mail is longer.
    let email = String(AccountRules.normalized(email: email).prefix(AccountRules.longestEmail))
    let known = try await speaking { try await catalog.credentials(email: email) }
    // Nobody's password has this hash, but checking takes as long: the answer's time does not tell who has an account.
    let stored = known?.passwordHash ?? decoy
    let isRight = try await checked(password, against: stored, account: email, address: address)
    guard isRight, let known else {
      await noteFailure(known?.user.id, address: address)
      throw BackupError.incorrectLogin
    }

    var current = known.passwordHash
    if let hash = PasswordHash(current), hash.cost != cost {
      let stronger = try await hashed(password)
      let old = current
      try await speaking { try await catalog.strengthenPassword(stronger, of: known.user.id, replacing: old) }
      current = stronger
    }
    let token = randomToken(Accounts.secretLength)
    let row = SessionRow(
      id: Identifier(), user: known.user.id, deviceType: AccountRules.device(device.type),
      deviceSystem: AccountRules.device(device.system), appVersion: device.appVersion.map(AccountRules.device),
      createdAt: clock.wall())
    let checked = current
    let isRecorded = try await speaking {
      try await catalog.insertSession(
        row, tokenHash: sha256(token.utf8), passwordHash: checked, limit: AccountRules.sessionsPerUser, facts: facts,
        detail: "from \(address)")
    }
    // The password was changed while it was being checked: it is a wrong one now.
    guard isRecorded else { throw BackupError.incorrectLogin }
    live?.ring()
    return (User(known.user), Session(row), token)
  }

  package func logout(_ session: Identifier) async throws {
    try await speaking { try await catalog.deleteSession(session, now: clock.wall()) }
    live?.ring()
  }

  private func noteFailure(_ user: Identifier?, address: String) async {
    var number: Int64?
    if let user { number = try? await catalog.account(user)?.owner.number }
    activity?.note(
      ActivityEntry(at: clock.wall(), kind: .loginFailed, user: number, count: 1, detail: "from \(address)"))
  }

  /// - Throws: `.invalidSessionToken`.
  package func authenticate(sessionToken: String) async throws -> Principal {
    let hash = sha256(sessionToken.utf8)
    guard let found = try await speaking({ try await catalog.session(tokenHash: hash) }),
      constantTimeEqual(found.tokenHash, hash)
    else { throw BackupError.invalidSessionToken }
    touches.note(found.session, now: clock.wall())
    return Principal(user: User(found.user), credential: .session(Session(found.session)), device: found.session.device)
  }

  /// The device whose login or key this was before it ended.
  package func endedLogin(_ secret: String) async throws -> Int64? {
    let hash = sha256(secret.utf8)
    return try await speaking { try await catalog.endedLogin(hash: hash) }
  }

  /// Waits until what is known about used sessions is written; asked before the catalog closes.
  package func settleTouches() async { await touches.settle() }

  /// A stored password that nobody has.
  var decoy: String { "scrypt$n=\(cost.n),r=\(cost.r),p=\(cost.p)$\(Accounts.decoySalt)$\(Accounts.decoyHash)" }
  private static let decoySalt = Hex.encode(randomBytes(16))
  private static let decoyHash = Hex.encode(randomBytes(32))
}

extension Session {
  init(_ row: SessionRow) {
    self.init(
      id: row.id, user: row.user,
      device: LoginDevice(type: row.deviceType, system: row.deviceSystem, appVersion: row.appVersion),
      createdAt: row.createdAt, updatedAt: row.updatedAt, needsSyncReset: row.needsSyncReset)
  }
}

/// Records when sessions were last used, beside the requests that use them: at most once a minute for each session, one
/// transaction at a time for all that came up meanwhile.
final class SessionTouches: Sendable {
  /// Seconds for which a recorded use is fresh enough.
  static let freshness: Int64 = 60

  private struct State {
    /// At most one entry per session that exists.
    var due: Set<Identifier> = []
    var writer: Task<Void, Never>?
    /// After a failed write (a full disk, say) nothing is tried until then.
    var notBefore = Instant(milliseconds: .min)
  }
  private let state = Mutex(State())
  private let catalog: Catalog
  private let logger: Logger

  init(catalog: Catalog, logger: Logger) { (self.catalog, self.logger) = (catalog, logger) }

  func note(_ session: SessionRow, now: Instant) {
    guard now >= session.updatedAt.adding(seconds: SessionTouches.freshness) else { return }
    state.withLock { state in
      guard now >= state.notBefore else { return }
      state.due.insert(session.id)
      if state.writer == nil { state.writer = Task { await self.write(now: now) } }
    }
  }

  /// Returns when nothing is being written.
  func settle() async {
    while let writer = state.withLock({ $0.writer }) { await writer.value }
  }

  private func write(now: Instant) async {
    while let due = next() {
      do { try await catalog.touchSessions(due, now: now) } catch {
        logger.warning("could not record when sessions were used", metadata: ["error": "\(error)"])
        state.withLock { $0.notBefore = now.adding(seconds: SessionTouches.freshness) }
      }
    }
  }

  private func next() -> Set<Identifier>? {
    state.withLock { state in
      let due = state.due
      state.due = []
      if due.isEmpty { state.writer = nil }
      return due.isEmpty ? nil : due
    }
  }
}
