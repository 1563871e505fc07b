import Ground
import Store
import Testing

@testable import Backup

@Suite struct AccountsTests {
  @Test func theFirstAdminSignsUpOnce() async throws {
    let fixture = try await AccountsFixture()
    #expect(try await !fixture.accounts.isInitialized())
    let admin = try await fixture.accounts.signUpAdmin(email: " Anna@Example.org ", password: "secret", name: "Anna")
    #expect(admin.isAdmin && admin.email == "anna@example.org" && admin.folder == "anna")
    #expect(try await fixture.accounts.isInitialized())
    await #expect(throws: BackupError.invalid("The server already has an admin")) {
      try await fixture.accounts.signUpAdmin(email: "b@example.org", password: "secret", name: "B")
    }
  }

  @Test func signUpIsClosedOnceTheOperatorMadeAnybody() async throws {
    let fixture = try await AccountsFixture()
    _ = try await fixture.addUser("ben", isAdmin: false)
    #expect(try await fixture.accounts.isInitialized())
    #expect(try await !fixture.accounts.hasAdmin())
    await #expect(throws: BackupError.invalid("The server already has an admin")) {
      try await fixture.accounts.signUpAdmin(email: "eve@example.org", password: "secret", name: "Eve")
    }
    _ = try await fixture.addUser("anna", isAdmin: true)
    #expect(try await fixture.accounts.hasAdmin())
    #expect(try await fixture.accounts.list().map(\.name) == ["ben", "anna"])
  }

  @Test func ofManyRacingSignUpsOneWins() async throws {
    let fixture = try await AccountsFixture()
    let wins = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<8 {
        group.addTask {
          let name = "racer\(number)"
          return
            (try? await fixture.accounts.signUpAdmin(email: "\(name)@example.org", password: "secret", name: name))
            != nil
        }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(wins == 1)
    #expect(try await fixture.accounts.list().count == 1)
  }

  @Test func signUpsOfTwoProcessesEndWithOneAdmin() async throws {
    let fixture = try await AccountsFixture()
    let other = try fixture.otherProcess()
    async let first = try? fixture.accounts.signUpAdmin(email: "a@example.org", password: "secret", name: "A")
    async let second = try? other.signUpAdmin(email: "b@example.org", password: "secret", name: "B")
    let admins = await [first, second].compactMap { $0 }
    #expect(admins.count == 1)
    #expect(try await fixture.accounts.list() == admins)
  }

  @Test func anEmailBelongsToOneUserInWhateverCase() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser("anna")
    await #expect(throws: BackupError.invalid("User exists")) {
      try await fixture.accounts.add(email: "ANNA@example.ORG", password: "x", name: "", isAdmin: false, quota: nil)
    }
    #expect(try await fixture.accounts.user(email: " Anna@example.org") == anna)
    let ben = try await fixture.addUser("ben")
    await #expect(throws: BackupError.invalid("User exists")) {
      try await fixture.accounts.updateMe(
        ben.id, email: "anna@example.org", name: nil, password: nil, avatarColor: nil)
    }
  }

  @Test(arguments: [
    "", "anna", "@example.org", "anna@", "anna@ex ample.org", "a@b@c", "anna@-example.org", "anna@example..org",
    "an\u{0}na@example.org", "änna@example.org", String(repeating: "a", count: 250) + "@b.org",
  ])
  func refusesWhatIsNoEmail(_ email: String) async throws {
    let fixture = try await AccountsFixture()
    await #expect(throws: BackupError.self) {
      try await fixture.accounts.add(email: email, password: "x", name: "", isAdmin: false, quota: nil)
    }
    #expect(try await fixture.accounts.list().isEmpty)
  }

  @Test func refusesEmptyAndGiantPasswords() async throws {
    let fixture = try await AccountsFixture()
    for password in ["", String(repeating: "x", count: 1025)] {
      await #expect(throws: BackupError.self) {
        try await fixture.accounts.add(email: "a@b.org", password: password, name: "", isAdmin: false, quota: nil)
      }
    }
  }

  @Test func foldersAreReadableUniqueAndStay() async throws {
    let fixture = try await AccountsFixture()
    func folder(_ name: String, _ email: String) async throws -> String {
      try await fixture.accounts.add(email: email, password: "x", name: name, isAdmin: false, quota: nil).folder
    }
    #expect(try await folder("Jürgen Müller", "a@x.org") == "jurgen-muller")
    #expect(try await folder("jurgen_muller", "b@x.org") == "jurgen_muller")
    #expect(try await folder("Jurgen  Muller!", "c@x.org") == "jurgen-muller-2")
    #expect(try await folder("..", "d@x.org") == "d")
    #expect(try await folder("../../etc", "e@x.org") == "etc")
    #expect(try await folder("Анна", "f@x.org") == "f")
    #expect(try await folder("🌙", "!@x.org") == "user")
    #expect(try await folder("", "!!@x.org") == "user-2")
    #expect(try await folder("Æsa Straße Łódź", "g@x.org") == "aesa-strasse-lodz")
    #expect(try await folder(String(repeating: "n", count: 200), "h@x.org").utf8.count == 64)

    let anna = try await fixture.addUser("anna")
    let renamed = try await fixture.accounts.updateMe(
      anna.id, email: "new@x.org", name: "New", password: nil, avatarColor: "green")
    #expect(renamed.folder == "anna" && renamed.name == "New" && renamed.email == "new@x.org")
    #expect(renamed.avatarColor == "green")
  }

  @Test func preferencesAreKeptAsTheyCame() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    #expect(try await fixture.accounts.preferences(of: anna.id) == nil)
    _ = try await fixture.accounts.updatePreferences(of: anna.id, avatarColor: nil) { _ in #"{"a":1}"# }
    #expect(try await fixture.accounts.preferences(of: anna.id) == #"{"a":1}"#)
    await #expect(throws: BackupError.self) {
      try await fixture.accounts.updatePreferences(of: anna.id, avatarColor: "pink") { _ in
        String(repeating: " ", count: 65_537)
      }
    }
    #expect(try await fixture.accounts.preferences(of: anna.id) == #"{"a":1}"#)
    #expect(try await fixture.accounts.list() == [anna])
  }

  @Test func changesOfPreferencesAtOnceAreAllKept() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    let other = try fixture.otherProcess()
    try await withThrowingTaskGroup { group in
      for number in 0..<20 {
        group.addTask {
          let accounts = number.isMultiple(of: 2) ? fixture.accounts : other
          _ = try await accounts.updatePreferences(of: anna.id, avatarColor: nil) { ($0 ?? "") + "x" }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await fixture.accounts.preferences(of: anna.id)?.count == 20)
  }
}
