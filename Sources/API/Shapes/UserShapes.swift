import Backup
import Ground

/// Immich's `UserAdminResponseDto`, and `clusterGroupId` beside it, which clients made from newer schemas insist on.
struct UserAdminShape: Encodable {
  let id: Identifier
  let email: String
  let name: String
  let avatarColor: String
  let profileImagePath = ""
  let profileChangedAt: String
  let createdAt: String
  let updatedAt: String
  @Nullable var deletedAt: String?
  let isAdmin: Bool
  let oauthId = ""
  let shouldChangePassword: Bool
  /// `active`; `deleted` while they can be restored, `removing` when that is over.
  let status: String
  @Nullable var storageLabel: String?
  @Nullable var quotaSizeInBytes: Int64?
  @Nullable var quotaUsageInBytes: Int64?
  @Nullable var license: String?
  /// A v4 UUID that stays the same; nothing here groups users, so each is a group alone.
  let clusterGroupId: Identifier

  init(_ user: User, isRemoving: Bool = false) {
    id = user.id
    status = user.deletedAt == nil ? "active" : isRemoving ? "removing" : "deleted"
    deletedAt = user.deletedAt?.iso8601
    email = user.email
    name = user.name
    avatarColor = user.avatarColor
    profileChangedAt = user.createdAt.iso8601
    createdAt = user.createdAt.iso8601
    updatedAt = user.updatedAt.iso8601
    isAdmin = user.isAdmin
    shouldChangePassword = user.shouldChangePassword
    storageLabel = user.folder
    quotaSizeInBytes = user.quota
    quotaUsageInBytes = user.used
    clusterGroupId = user.id
  }
}

/// Immich's `UserResponseDto`: what other people see of a person.
struct UserShape: Encodable {
  let id: Identifier
  let email: String
  let name: String
  let avatarColor: String
  let profileImagePath = ""
  let profileChangedAt: String

  init(_ user: User) {
    (id, email, name, avatarColor) = (user.id, user.email, user.name, user.avatarColor)
    profileChangedAt = user.createdAt.iso8601
  }
}

struct LoginShape: Encodable {
  let accessToken: String
  let userId: Identifier
  let userEmail: String
  let name: String
  let profileImagePath = ""
  let isAdmin: Bool
  let shouldChangePassword: Bool
  let isOnboarded = true

  init(_ user: User, token: String) {
    accessToken = token
    (userId, userEmail, name) = (user.id, user.email, user.name)
    (isAdmin, shouldChangePassword) = (user.isAdmin, user.shouldChangePassword)
  }
}

struct APIKeyShape: Encodable {
  let id: Identifier
  let name: String
  let permissions: [String]
  let createdAt: String
  let updatedAt: String

  init(_ key: APIKey) {
    (id, name, permissions) = (key.id, key.name, key.permissions)
    (createdAt, updatedAt) = (key.createdAt.iso8601, key.updatedAt.iso8601)
  }
}

/// A new key: nested as in Immich 3.1, and once more at the top, where clients made from newer schemas look.
struct NewAPIKeyShape: Encodable {
  let secret: String
  let apiKey: APIKeyShape
  let id: Identifier
  let name: String
  let permissions: [String]
  let createdAt: String
  let updatedAt: String

  init(_ key: APIKey, secret: String) {
    self.secret = secret
    let shape = APIKeyShape(key)
    apiKey = shape
    (id, name, permissions) = (shape.id, shape.name, shape.permissions)
    (createdAt, updatedAt) = (shape.createdAt, shape.updatedAt)
  }
}
