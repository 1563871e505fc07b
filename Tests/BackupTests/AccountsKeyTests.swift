import Ground
import Store
import Testing

@testable import Backup

@Suite struct AccountsKeyTests {
  @Test func aKeyOpensWhatItsPermissionsName() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    let (key, secret) = try await fixture.accounts.createKey(
      for: anna.id, name: "cli", permissions: ["asset.upload", "asset.read", "asset.upload"])
    #expect(key.permissions == ["asset.upload", "asset.read"])
    let principal = try await fixture.accounts.authenticate(apiKey: secret)
    #expect(principal.user == anna)
    try principal.require("asset.upload")
    #expect(throws: BackupError.missingPermission("album.read")) { try principal.require("album.read") }
    try principal.requireGrantable(["asset.read"])
    #expect(throws: BackupError.self) { try principal.requireGrantable(["asset.read", "all"]) }
    // A key is no session token, nor the other way round.
    await #expect(throws: BackupError.invalidSessionToken) {
      try await fixture.accounts.authenticate(sessionToken: secret)
    }
  }

  @Test func allCoversEverything() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    let secret = try await fixture.accounts.createKey(for: anna.id, name: "", permissions: ["all"]).secret
    let principal = try await fixture.accounts.authenticate(apiKey: secret)
    for permission in Permissions.names { try principal.require(permission) }
    try principal.requireGrantable(["all"])
  }

  @Test(arguments: [[], ["asset.uplaod"], ["asset.upload", ""], ["All"]])
  func unknownPermissionsAreRefused(_ permissions: [String]) async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    await #expect(throws: BackupError.self) {
      try await fixture.accounts.createKey(for: anna.id, name: "k", permissions: permissions)
    }
    #expect(try await fixture.accounts.keys(of: anna.id).isEmpty)
  }

  @Test func theListOfPermissionsIsWhole() {
    // The number of names in the 3.0.3 schema, and some of every shape.
    #expect(Permissions.names.count == 155)
    #expect(
      Permissions.names.isSuperset(of: ["all", "maintenance", "asset.edit.get", "adminAuth.unlinkAll", "user.read"]))
  }

  @Test func changesHoldFromTheNextRequestOn() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    let (key, secret) = try await fixture.accounts.createKey(for: anna.id, name: "k", permissions: ["all"])
    _ = try await fixture.accounts.authenticate(apiKey: secret)
    fixture.time.advance(seconds: 5)
    let changed = try await fixture.accounts.updateKey(key.id, of: anna.id, name: "kiosk", permissions: ["asset.read"])
    #expect(changed.name == "kiosk" && changed.updatedAt > key.updatedAt)
    let principal = try await fixture.accounts.authenticate(apiKey: secret)
    #expect(throws: BackupError.missingPermission("asset.upload")) { try principal.require("asset.upload") }
    #expect(try await fixture.otherProcess().revokeKey(key.id))
    await #expect(throws: BackupError.invalidAPIKey) { try await fixture.accounts.authenticate(apiKey: secret) }
    #expect(try await !fixture.accounts.revokeKey(key.id))
  }

  @Test func keysOfOthersAreOutOfReach() async throws {
    let fixture = try await AccountsFixture()
    let (anna, ben) = (try await fixture.addUser("anna"), try await fixture.addUser("ben"))
    let key = try await fixture.accounts.createKey(for: anna.id, name: "k", permissions: ["all"]).key
    await #expect(throws: BackupError.noAccess(permission: "apiKey.read")) {
      try await fixture.accounts.key(key.id, of: ben.id)
    }
    await #expect(throws: BackupError.noAccess(permission: "apiKey.update")) {
      try await fixture.accounts.updateKey(key.id, of: ben.id, name: "mine", permissions: nil)
    }
    await #expect(throws: BackupError.noAccess(permission: "apiKey.delete")) {
      try await fixture.accounts.deleteKey(key.id, of: ben.id)
    }
    #expect(try await fixture.accounts.keys(of: ben.id).isEmpty)
    #expect(try await fixture.accounts.key(key.id, of: anna.id) == key)
    try await fixture.accounts.deleteKey(key.id, of: anna.id)
    #expect(try await fixture.accounts.keys(of: anna.id).isEmpty)
  }

  @Test func theNumberOfKeysIsBounded() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    func insert() async throws -> Bool {
      let row = APIKeyRow(id: Identifier(), user: anna.id, name: "", permissions: ["all"], createdAt: fixture.time.wall)
      return try await fixture.catalog.insertAPIKey(row, secretHash: randomBytes(32), limit: 2)
    }
    #expect(try await [insert(), insert(), insert()] == [true, true, false])
  }
}
