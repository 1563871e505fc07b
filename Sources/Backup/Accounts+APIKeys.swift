import Ground
import Store

extension Accounts {
  /// - Returns: the key and its secret, which is stored only as a hash.
  /// - Throws: `.invalid` for unknown permissions, and where the user has 1,000 keys.
  package func createKey(
    for user: Identifier, name: String, permissions: [String]
  ) async throws -> (key: APIKey, secret: String) {
    let row = APIKeyRow(
      id: Identifier(), user: user, name: try AccountRules.name(name),
      permissions: try AccountRules.permissions(permissions), createdAt: clock.wall())
    let secret = randomToken(Accounts.secretLength)
    let isStored = try await speaking {
      try await catalog.insertAPIKey(row, secretHash: sha256(secret.utf8), limit: AccountRules.keysPerUser)
    }
    live?.ring()
    guard isStored else { throw BackupError.invalid("There can be at most \(AccountRules.keysPerUser) API keys") }
    return (APIKey(row), secret)
  }

  /// - Throws: `.invalidAPIKey`.
  package func authenticate(apiKey: String) async throws -> Principal {
    let hash = sha256(apiKey.utf8)
    guard let found = try await speaking({ try await catalog.apiKey(secretHash: hash) }),
      constantTimeEqual(found.secretHash, hash)
    else { throw BackupError.invalidAPIKey }
    return Principal(user: User(found.user), credential: .apiKey(APIKey(found.key)), device: found.key.device)
  }

  /// Newest first.
  package func keys(of user: Identifier) async throws -> [APIKey] {
    try await speaking { try await catalog.apiKeys(of: user).map(APIKey.init) }
  }

  /// - Throws: `.noAccess` where the user has no such key; so do the two below.
  package func key(_ id: Identifier, of user: Identifier) async throws -> APIKey {
    guard let row = try await speaking({ try await catalog.apiKey(id, of: user) }) else {
      throw BackupError.noAccess(permission: "apiKey.read")
    }
    return APIKey(row)
  }

  package func updateKey(
    _ id: Identifier, of user: Identifier, name: String?, permissions: [String]?
  ) async throws -> APIKey {
    let name = try name.map(AccountRules.name)
    let permissions = try permissions.map(AccountRules.permissions)
    let row = try await speaking {
      try await catalog.updateAPIKey(id, of: user, name: name, permissions: permissions, now: clock.wall())
    }
    guard let row else { throw BackupError.noAccess(permission: "apiKey.update") }
    return APIKey(row)
  }

  package func deleteKey(_ id: Identifier, of user: Identifier) async throws {
    guard try await speaking({ try await catalog.deleteAPIKey(id, of: user, now: clock.wall()) }) else {
      throw BackupError.noAccess(permission: "apiKey.delete")
    }
  }

  /// Deletes a key, whoever has it; for the command line.
  /// - Returns: whether there was such a key.
  package func revokeKey(_ id: Identifier) async throws -> Bool {
    try await speaking { try await catalog.deleteAPIKey(id, of: nil, now: clock.wall()) }
  }
}

extension APIKey {
  init(_ row: APIKeyRow) {
    self.init(
      id: row.id, user: row.user, name: row.name, permissions: row.permissions, createdAt: row.createdAt,
      updatedAt: row.updatedAt)
  }
}
