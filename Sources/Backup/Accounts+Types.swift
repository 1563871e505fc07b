import Ground
import Store

/// A person with photos on this server.
package struct User: Sendable, Equatable {
  /// `user.number`.
  package let number: Int64
  package let id: Identifier
  package var email: String
  package var name: String
  package var isAdmin: Bool
  package var shouldChangePassword: Bool
  /// Immich's palette: primary, pink, red, yellow, blue, green, purple, orange, gray, amber.
  package var avatarColor: String
  /// Bytes; nil means no limit.
  package var quota: Int64?
  package var used: Int64
  package let createdAt: Instant
  package var updatedAt: Instant
  /// The name of this person's folder under `originals/`; never changes.
  package let folder: String
  /// Set while a deleted person can be restored.
  package var deletedAt: Instant?

  /// As it was when this was read: of whoever asks, with their request.
  package var account: Account {
    Account(id: id, owner: Owner(number: number, folder: folder), quota: quota, used: used)
  }
}

/// A login on one device.
package struct Session: Sendable, Equatable {
  package let id: Identifier
  package let user: Identifier
  package let device: LoginDevice
  package let createdAt: Instant
  package let updatedAt: Instant
  /// The phone shall forget everything and start again with its next sync.
  package let needsSyncReset: Bool
}

/// What a client says of itself when it logs in.
package struct LoginDevice: Sendable, Equatable {
  /// Such as `Android`, `iOS`, `Chrome`; empty where unknown.
  package var type: String
  /// Model or operating system; empty where unknown.
  package var system: String
  package var appVersion: String?

  package init(type: String, system: String, appVersion: String?) {
    (self.type, self.system, self.appVersion) = (type, system, appVersion)
  }
}

/// A key for programs; its secret is known only to whoever created it.
package struct APIKey: Sendable, Equatable {
  package let id: Identifier
  package let user: Identifier
  package var name: String
  /// Names as in Immich, such as `asset.upload`; `all` covers every one.
  package var permissions: [String]
  package let createdAt: Instant
  package var updatedAt: Instant
}

/// Who is asking, and by what right.
package struct Principal: Sendable {
  package enum Credential: Sendable {
    case session(Session)
    case apiKey(APIKey)
  }
  package let user: User
  package let credential: Credential
  /// `device.number` of what it asks from; nil only for what never came from the catalog.
  package let device: Int64?
  /// The same, with what it says of itself: goes with what it brings.
  package var origin: Origin?

  package init(user: User, credential: Credential, device: Int64? = nil) {
    (self.user, self.credential, self.device) = (user, credential, device)
    origin = device.map { Origin(device: $0, client: nil) }
  }

  /// What an API key may do; nil for a login, which may do everything.
  package var permissions: [String]? {
    guard case .apiKey(let key) = credential else { return nil }
    return key.permissions
  }

  /// The login that asks; nil for an API key.
  package var session: Identifier? {
    guard case .session(let session) = credential else { return nil }
    return session.id
  }

  /// - Throws: `BackupError.missingPermission` where an API key lacks it; a session may do everything its user may.
  package func require(_ permission: String) throws {
    guard case .apiKey(let key) = credential else { return }
    guard key.permissions.contains("all") || key.permissions.contains(permission) else {
      throw BackupError.missingPermission(permission)
    }
  }
}

extension Principal {
  /// Whether names of files are told: they say what a photo shows, so only to its owner, not to an admin, and to a key only
  /// where it may read assets.
  package func seesNames(of user: Identifier?) -> Bool { user == self.user.id && covers(["asset.read"]) }

  /// A key may hand on only what it may do itself; a session may hand on everything.
  /// - Throws: `.invalid` where an API key asks for more.
  package func requireGrantable(_ permissions: [String]) throws {
    guard covers(permissions) else { throw BackupError.invalid("Cannot grant permissions you do not have") }
  }

  /// A key may change and delete only keys that can do no more than itself.
  /// - Throws: `.invalid` where an API key asks about a stronger one.
  package func requireNoWeaker(than key: APIKey) throws {
    guard covers(key.permissions) else {
      throw BackupError.invalid("Cannot change a key with permissions you do not have")
    }
  }

  private func covers(_ permissions: [String]) -> Bool {
    guard case .apiKey(let key) = credential, !key.permissions.contains(Permissions.all) else { return true }
    return Set(permissions).isSubset(of: key.permissions)
  }
}
