import FoundationEssentials
import GRDB
import Ground

/// A person as the catalog knows them; the password's hash is read apart, only where a password is checked.
package struct UserRow: Sendable, Equatable {
  /// `user.number`.
  package let number: Int64
  package let id: Identifier
  package var email: String
  package var name: String
  package let folder: String
  package var isAdmin: Bool
  package var shouldChangePassword: Bool
  package var avatarColor: String
  /// Bytes; nil is no limit.
  package var quota: Int64?
  package var used: Int64
  package let createdAt: Instant
  package var updatedAt: Instant
  /// Set while a deleted person can be restored.
  package var deletedAt: Instant?

  static let columns = """
    user.id, user.email, user.name, user.folder, user.is_admin, user.should_change_password, user.avatar_color, \
    user.quota, user.used, user.created_at, user.updated_at, user.deleted_at, user.number
    """

  /// Reads `columns`, the first of which stands at `start`.
  init(_ row: Row, at start: Int = 0) {
    id = row[start]
    email = row[start + 1]
    name = row[start + 2]
    folder = row[start + 3]
    isAdmin = row[start + 4]
    shouldChangePassword = row[start + 5]
    avatarColor = row[start + 6]
    quota = row[start + 7]
    used = row[start + 8]
    createdAt = row[start + 9]
    updatedAt = row[start + 10]
    deletedAt = row[start + 11]
    number = row[start + 12]
  }
}

/// A person who is not in the catalog yet.
package struct NewUser: Sendable {
  package let id: Identifier
  package let email: String
  package let name: String
  /// What the folder's name shall start with.
  package let folder: String
  package let isAdmin: Bool
  package let shouldChangePassword: Bool
  package let avatarColor: String
  /// Bytes; nil is no limit.
  package let quota: Int64?
  package let createdAt: Instant

  package init(
    id: Identifier, email: String, name: String, folder: String, isAdmin: Bool, shouldChangePassword: Bool,
    avatarColor: String, quota: Int64?, createdAt: Instant
  ) {
    (self.id, self.email, self.name, self.folder) = (id, email, name, folder)
    (self.isAdmin, self.shouldChangePassword, self.avatarColor) = (isAdmin, shouldChangePassword, avatarColor)
    (self.quota, self.createdAt) = (quota, createdAt)
  }
}

/// What receiving a person's bytes takes to know, as of one moment.
package struct Account: Sendable, Equatable {
  package let id: Identifier
  package let owner: Owner
  /// Bytes; nil is no limit.
  package let quota: Int64?
  package let used: Int64

  package init(id: Identifier, owner: Owner, quota: Int64?, used: Int64) {
    (self.id, self.owner, self.quota, self.used) = (id, owner, quota, used)
  }
}

/// A login as the catalog knows it, without its token.
package struct SessionRow: Sendable, Equatable {
  package let id: Identifier
  package let user: Identifier
  package let deviceType: String
  package let deviceSystem: String
  package let appVersion: String?
  package let createdAt: Instant
  package let updatedAt: Instant
  /// The phone shall forget everything and start again with its next sync.
  package let needsSyncReset: Bool
  /// `device.number`; nil until it is stored.
  package internal(set) var device: Int64?

  package init(
    id: Identifier, user: Identifier, deviceType: String, deviceSystem: String, appVersion: String?, createdAt: Instant
  ) {
    (self.id, self.user, self.deviceType, self.deviceSystem) = (id, user, deviceType, deviceSystem)
    (self.appVersion, self.createdAt, self.updatedAt) = (appVersion, createdAt, createdAt)
    needsSyncReset = false
  }

  static let columns = """
    session.id, session.device_type, session.device_system, session.app_version, session.created_at, session.updated_at,
    session.needs_sync_reset, session.device
    """
  static let columnCount = 8

  init(_ row: Row, user: Identifier) {
    (id, self.user) = (row[0], user)
    (deviceType, deviceSystem, appVersion) = (row[1], row[2], row[3])
    (createdAt, updatedAt, needsSyncReset, device) = (row[4], row[5], row[6], row[7])
  }
}

/// A key for programs as the catalog knows it, without its secret.
package struct APIKeyRow: Sendable, Equatable {
  package let id: Identifier
  package let user: Identifier
  package var name: String
  package var permissions: [String]
  package let createdAt: Instant
  package var updatedAt: Instant
  /// `device.number`; nil until it is stored.
  package internal(set) var device: Int64?

  package init(id: Identifier, user: Identifier, name: String, permissions: [String], createdAt: Instant) {
    (self.id, self.user, self.name, self.permissions) = (id, user, name, permissions)
    (self.createdAt, self.updatedAt) = (createdAt, createdAt)
  }

  static let columns = """
    api_key.id, api_key.name, api_key.permissions, api_key.created_at, api_key.updated_at, api_key.device
    """
  static let columnCount = 6

  init(_ row: Row, user: Identifier) throws {
    (id, self.user, name) = (row[0], user, row[1])
    do {
      permissions = try JSONDecoder().decode([String].self, from: Data((row[2] as String).utf8))
    } catch { throw StoreError.broken("the permissions of API key \(id) are not a list of names") }
    (createdAt, updatedAt, device) = (row[3], row[4], row[5])
  }

  /// The permissions as they stand in the catalog: a JSON array.
  static func json(_ permissions: [String]) throws -> String {
    String(decoding: try JSONEncoder().encode(permissions), as: UTF8.self)
  }
}
