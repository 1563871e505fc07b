import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `/api/admin/users`: people as admins see them.
struct AdminUserHandlers: Sendable {
  let accounts: Accounts
  let trash: Trash

  func list(_ request: Request, _ principal: Principal) async throws -> Response {
    let id = try request.identifier("id")
    let users = try await accounts.list(withDeleted: try request.flag("withDeleted") ?? false)
    return await .json(list: users.filter { id == nil || $0.id == id }.map { UserAdminShape($0) })
  }

  func read(_ request: Request, _ principal: Principal) async throws -> Response {
    .json(UserAdminShape(try await accounts.person(try request.id())))
  }

  private struct Creation: Decodable {
    let email: String
    let name: String
    let password: String
    let isAdmin: Bool?
    let quotaSizeInBytes: Int64?
    let shouldChangePassword: Bool?
    let avatarColor: String?
    let storageLabel: String?
    let pinCode: String?
  }

  /// `notify` is accepted and does nothing: no mail is sent, and `email` is off in the features.
  func create(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Creation.self)
    try AdminUserHandlers.refuse(pinCode: input.pinCode)
    var user = try await accounts.add(
      email: input.email, password: input.password, name: input.name, isAdmin: input.isAdmin ?? false,
      quota: input.quotaSizeInBytes, shouldChangePassword: input.shouldChangePassword ?? true,
      folder: input.storageLabel)
    if let color = input.avatarColor {
      var change = Accounts.Change()
      change.avatarColor = color
      user = try await accounts.change(user.id, change, keep: nil)
    }
    return .json(UserAdminShape(user), status: .created)
  }

  private struct Update: Decodable {
    let change: Accounts.Change
    let storageLabel: String?
    let pinCode: String?

    enum Key: String, CodingKey {
      case email, name, password, isAdmin, quotaSizeInBytes, shouldChangePassword, avatarColor, storageLabel, pinCode
    }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: Key.self)
      var change = Accounts.Change()
      change.email = try values.decodeIfPresent(String.self, forKey: .email)
      change.name = try values.decodeIfPresent(String.self, forKey: .name)
      change.password = try values.decodeIfPresent(String.self, forKey: .password)
      change.isAdmin = try values.decodeIfPresent(Bool.self, forKey: .isAdmin)
      change.shouldChangePassword = try values.decodeIfPresent(Bool.self, forKey: .shouldChangePassword)
      change.avatarColor = try values.decodeIfPresent(String.self, forKey: .avatarColor)
      // Null takes the limit away, an absent key leaves it.
      if values.contains(.quotaSizeInBytes) {
        change.quota = .some(try values.decodeIfPresent(Int64.self, forKey: .quotaSizeInBytes))
      }
      self.change = change
      storageLabel = try values.decodeIfPresent(String.self, forKey: .storageLabel)
      pinCode = try values.decodeIfPresent(String.self, forKey: .pinCode)
    }
  }

  func update(_ request: Request, _ principal: Principal) async throws -> Response {
    let id = try request.id()
    let input = try await request.json(Update.self)
    try AdminUserHandlers.refuse(pinCode: input.pinCode)
    if let label = input.storageLabel, try await accounts.person(id).folder != label {
      throw BackupError.invalid("The storage label names the person's folder, which never changes")
    }
    let user = try await accounts.change(
      id, input.change, keep: id == principal.user.id ? principal.session : nil)
    return .json(UserAdminShape(user))
  }

  private struct Deletion: Decodable {
    let force: Bool?
  }

  /// Out at once; what they have is deleted after some days, with `force` now. Files go into quarantine first, as always.
  func delete(_ request: Request, _ principal: Principal) async throws -> Response {
    let hasBody = request.body.declaredLength != 0
    let force = hasBody ? try await request.json(Deletion.self).force ?? false : false
    let user = try await accounts.delete(
      try request.id(), by: principal.user.id, delayDays: trash.limits.userDays, force: force)
    if force { trash.ring() }
    return .json(UserAdminShape(user, isRemoving: force))
  }

  func restore(_ request: Request, _ principal: Principal) async throws -> Response {
    .json(UserAdminShape(try await accounts.restore(try request.id())))
  }

  private static func refuse(pinCode: String?) throws(BackupError) {
    if pinCode != nil { throw .invalid("PIN codes are not supported by Nightstand") }
  }
}
