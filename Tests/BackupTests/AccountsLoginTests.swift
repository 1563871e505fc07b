import Ground
import Testing

@testable import Backup
@testable import Store

@Suite struct AccountsLoginTests {
  @Test func aLoginGivesATokenThatHoldsUntilLogout() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    let (user, session, token) = try await fixture.login()
    #expect(user == anna && session.user == anna.id && session.device.type == "Android")
    #expect(token.utf8.count >= 43 && token.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })

    let principal = try await fixture.accounts.authenticate(sessionToken: token)
    #expect(principal.user == anna)
    try principal.require("asset.upload")
    try await fixture.accounts.logout(session.id)
    await #expect(throws: BackupError.invalidSessionToken) {
      try await fixture.accounts.authenticate(sessionToken: token)
    }
  }

  @Test func theTokenItselfIsNotInTheCatalog() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    let token = try await fixture.login().token
    let secret = try await fixture.accounts.createKey(for: anna.id, name: "k", permissions: ["all"]).secret
    // Whatever the catalog has on disk: its file, and its log where that is not folded in yet.
    var stored: [UInt8] = []
    for name in try FileSystem.names(in: fixture.folder) where name.hasPrefix("nightstand.sqlite") {
      stored += try FileSystem.contents(fixture.folder + "/" + name)
    }
    #expect(Self.holds(stored, "scrypt$n=16"), "the search finds what is there")
    #expect(!Self.holds(stored, token))
    #expect(!Self.holds(stored, secret))
    #expect(!Self.holds(stored, "correct anna"))
  }

  private static func holds(_ bytes: [UInt8], _ text: String) -> Bool {
    let needle = Array(text.utf8)
    return bytes.indices.dropLast(needle.count - 1).contains { start in
      bytes[start] == needle[0] && bytes[start..<start + needle.count].elementsEqual(needle)
    }
  }

  @Test(arguments: ["", "x", "🌙", String(repeating: "A", count: 43), String(repeating: "A", count: 100_000)])
  func unknownSecretsAreRefused(_ secret: String) async throws {
    let fixture = try await AccountsFixture()
    await #expect(throws: BackupError.invalidSessionToken) {
      try await fixture.accounts.authenticate(sessionToken: secret)
    }
    await #expect(throws: BackupError.invalidAPIKey) { try await fixture.accounts.authenticate(apiKey: secret) }
  }

  @Test func wrongPasswordsAndUnknownEmailsAreRefusedAlike() async throws {
    let fixture = try await AccountsFixture()
    _ = try await fixture.addUser()
    await #expect(throws: BackupError.incorrectLogin) { try await fixture.login(password: "wrong") }
    await #expect(throws: BackupError.incorrectLogin) { try await fixture.login("nobody") }
    await #expect(throws: BackupError.incorrectLogin) { try await fixture.login(password: "") }
  }

  /// An unknown e-mail takes one hash of the same cost, as a wrong password does: the answer's time tells nothing.
  @Test func unknownEmailsTakeAsMuchWorkAsWrongPasswords() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    var before = await fixture.accounts.passwords.lane.begun
    for name in ["anna", "nobody"] {
      await #expect(throws: BackupError.incorrectLogin) { try await fixture.login(name, password: "wrong") }
      let after = await fixture.accounts.passwords.lane.begun
      #expect(after == before + 1, "\(name)")
      before = after
    }
    let decoy = try #require(PasswordHash(fixture.accounts.decoy))
    let stored = try #require(try await fixture.catalog.passwordHash(of: anna.id).flatMap { PasswordHash($0) })
    #expect(decoy.cost == stored.cost && decoy.salt.count == stored.salt.count)
  }

  @Test func theSixthAttemptOnAnAccountWaits() async throws {
    let fixture = try await AccountsFixture()
    _ = try await fixture.addUser()
    for number in 0..<5 {
      await #expect(throws: BackupError.incorrectLogin) {
        try await fixture.login(password: "wrong", address: "192.0.2.\(number)")
      }
    }
    await #expect(throws: BackupError.tooManyAttempts(retryAfter: 1)) { try await fixture.login(address: "192.0.2.9") }
    fixture.time.advance(seconds: 1)
    _ = try await fixture.login(address: "192.0.2.9")
    // The success wiped the account's slate.
    await #expect(throws: BackupError.incorrectLogin) {
      try await fixture.login(password: "wrong", address: "192.0.2.9")
    }
    _ = try await fixture.login(address: "192.0.2.9")
  }

  @Test func anAddressThatTriesManyAccountsWaits() async throws {
    let fixture = try await AccountsFixture()
    _ = try await fixture.addUser()
    for number in 0..<5 { _ = try? await fixture.login("nobody\(number)", address: "192.0.2.66") }
    await #expect(throws: BackupError.tooManyAttempts(retryAfter: 1)) { try await fixture.login(address: "192.0.2.66") }
    _ = try await fixture.login(address: "192.0.2.1")
  }

  /// Twelve guesses at once get no more than five looks at the password.
  @Test func aBurstGetsNoFreeGuesses() async throws {
    let fixture = try await AccountsFixture()
    _ = try await fixture.addUser()
    let checked = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<12 {
        group.addTask {
          do { _ = try await fixture.login(password: "guess \(number)") } catch BackupError.incorrectLogin {
            return true
          } catch {}
          return false
        }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(checked == 5)
  }

  @Test func changingThePasswordEndsOtherSessionsWhenAsked() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    let (here, there) = (try await fixture.login(), try await fixture.login())
    await #expect(throws: BackupError.invalid("Wrong password")) {
      try await fixture.accounts.changePassword(
        of: anna.id, current: "wrong", new: "long enough", endOtherSessions: true, keep: here.session.id)
    }
    await #expect(throws: BackupError.self) {
      try await fixture.accounts.changePassword(
        of: anna.id, current: "correct anna", new: "short", endOtherSessions: true, keep: here.session.id)
    }
    _ = try await fixture.accounts.authenticate(sessionToken: there.token)

    _ = try await fixture.accounts.changePassword(
      of: anna.id, current: "correct anna", new: "long enough", endOtherSessions: true, keep: here.session.id)
    _ = try await fixture.accounts.authenticate(sessionToken: here.token)
    await #expect(throws: BackupError.invalidSessionToken) {
      try await fixture.accounts.authenticate(sessionToken: there.token)
    }
    await #expect(throws: BackupError.incorrectLogin) { try await fixture.login() }
    _ = try await fixture.login(password: "long enough")
  }

  @Test func aForcedChangeNeedsNoOldPasswordWorksOnceAndEndsOtherSessions() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    let (here, there) = (try await fixture.login(), try await fixture.login())
    func set(_ password: String) async throws -> User {
      try await fixture.accounts.updateMe(
        anna.id, email: nil, name: nil, password: password, avatarColor: nil, keep: here.session.id)
    }
    await #expect(throws: BackupError.self) { try await set("too early") }
    _ = try await fixture.login()
    try await fixture.catalog.write { try $0.execute(sql: "UPDATE user SET should_change_password = 1") }
    #expect(try await !set("as it was due").shouldChangePassword)
    _ = try await fixture.accounts.authenticate(sessionToken: here.token)
    await #expect(throws: BackupError.invalidSessionToken) {
      try await fixture.accounts.authenticate(sessionToken: there.token)
    }
    await #expect(throws: BackupError.self) { try await set("once more") }
    // Without a password nothing ends.
    _ = try await fixture.accounts.updateMe(anna.id, email: nil, name: "A", password: nil, avatarColor: nil)
    _ = try await fixture.accounts.authenticate(sessionToken: here.token)
    _ = try await fixture.login(password: "as it was due")
  }

  @Test func aPasswordSetByTheOperatorInAnotherProcessEndsEverySessionAtOnce() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    let token = try await fixture.login().token
    _ = try await fixture.accounts.authenticate(sessionToken: token)
    try await fixture.otherProcess().setPassword("another", of: anna.id)
    await #expect(throws: BackupError.invalidSessionToken) {
      try await fixture.accounts.authenticate(sessionToken: token)
    }
    _ = try await fixture.login(password: "another")
  }

  @Test func guessingTheCurrentPasswordWithASessionIsSlowedToo() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    func change(_ current: String) async throws {
      _ = try await fixture.accounts.changePassword(
        of: anna.id, current: current, new: "long enough", endOtherSessions: false, keep: nil)
    }
    for _ in 0..<5 { await #expect(throws: BackupError.invalid("Wrong password")) { try await change("wrong") } }
    await #expect(throws: BackupError.tooManyAttempts(retryAfter: 1)) { try await change("correct anna") }
  }

  @Test func whenASessionWasUsedIsWrittenAtMostOnceAMinute() async throws {
    let fixture = try await AccountsFixture()
    _ = try await fixture.addUser()
    let (_, session, token) = try await fixture.login()
    func used() async throws -> Instant {
      guard
        case .session(let found) = try await fixture.accounts.authenticate(sessionToken: token).credential
      else { throw BackupError.invalidSessionToken }
      await fixture.accounts.settleTouches()
      return found.updatedAt
    }
    fixture.time.advance(seconds: 59)
    #expect(try await used() == session.updatedAt)
    #expect(try await used() == session.updatedAt)
    fixture.time.advance(seconds: 1)
    let due = fixture.time.wall
    #expect(try await used() == session.updatedAt)
    #expect(try await used() == due)
    fixture.time.advance(seconds: 30)
    #expect(try await used() == due)
    #expect(try await used() == due)
  }

  @Test func whatADeviceSaysIsFitForAList() async throws {
    let fixture = try await AccountsFixture()
    _ = try await fixture.addUser()
    let session = try await fixture.accounts.login(
      email: "anna@example.org", password: "correct anna",
      device: LoginDevice(type: "An\u{1b}[2Jdroid\n", system: String(repeating: "x", count: 5000), appVersion: nil),
      address: "192.0.2.1"
    ).session
    #expect(session.device.type == "An[2Jdroid")
    #expect(session.device.system.count == 128)
  }

  @Test func theLongestUnusedSessionMakesRoom() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    let hash = try #require(try await fixture.catalog.passwordHash(of: anna.id))
    for number in 0..<4 {
      fixture.time.advance(seconds: 1)
      let row = SessionRow(
        id: Identifier(), user: anna.id, deviceType: "", deviceSystem: "", appVersion: nil, createdAt: fixture.time.wall
      )
      let token = "token \(number)"
      #expect(
        try await fixture.catalog.insertSession(row, tokenHash: sha256(token.utf8), passwordHash: hash, limit: 3))
    }
    await #expect(throws: BackupError.invalidSessionToken) {
      try await fixture.accounts.authenticate(sessionToken: "token 0")
    }
    for number in 1..<4 { _ = try await fixture.accounts.authenticate(sessionToken: "token \(number)") }
    // A login whose password was changed while it was checked comes too late.
    let late = SessionRow(
      id: Identifier(), user: anna.id, deviceType: "", deviceSystem: "", appVersion: nil, createdAt: fixture.time.wall)
    #expect(
      try await !fixture.catalog.insertSession(late, tokenHash: sha256("late".utf8), passwordHash: "old", limit: 3))
  }
}
