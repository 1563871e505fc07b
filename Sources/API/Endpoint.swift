import Backup
import HTTPServer
import HTTPTypes

/// One line of the API's map: what it is called by, who may call it, and who answers.
struct Endpoint: Sendable {
  typealias Open = @Sendable (Request) async throws -> Response
  typealias Known = @Sendable (Request, Principal) async throws -> Response

  typealias Held = @Sendable (Request, Principal?) async throws -> Response

  enum Action: Sendable {
    /// No credential is looked at, but where another site's page caused the request nothing is changed.
    case open(Open)
    /// A session, or an API key with the permission where one is named.
    case user(permission: String?, Known)
    /// Whoever knows the address, which is a secret (`UploadToken`): without a credential the principal is nil; one that
    /// comes must be valid, and its upload's owner's.
    case holder(permission: String?, Held)
    /// As `user`, of an admin.
    case admin(permission: String?, Known)
  }

  /// The body of a JSON request, but for the bulk ones: 1 MiB.
  static let usualBodyLimit: Int64 = 1 << 20
  /// The same of a stranger, who has no more to say than a name and a password: 16 KiB.
  static let openBodyLimit: Int64 = 16 << 10

  let method: HTTPRequest.Method
  let pattern: String
  let bodyLimit: Int64?
  let action: Action

  static func open(_ method: HTTPRequest.Method, _ pattern: String, _ handler: @escaping Open) -> Endpoint {
    Endpoint(method: method, pattern: pattern, bodyLimit: openBodyLimit, action: .open(handler))
  }

  static func user(
    _ method: HTTPRequest.Method, _ pattern: String, _ permission: String?, body limit: Int64? = usualBodyLimit,
    _ handler: @escaping Known
  ) -> Endpoint {
    Endpoint(method: method, pattern: pattern, bodyLimit: limit, action: .user(permission: permission, handler))
  }

  static func holder(
    _ method: HTTPRequest.Method, _ pattern: String, _ permission: String?, body limit: Int64? = usualBodyLimit,
    _ handler: @escaping Held
  ) -> Endpoint {
    Endpoint(method: method, pattern: pattern, bodyLimit: limit, action: .holder(permission: permission, handler))
  }

  static func admin(
    _ method: HTTPRequest.Method, _ pattern: String, _ permission: String?, _ handler: @escaping Known
  ) -> Endpoint {
    Endpoint(
      method: method, pattern: pattern, bodyLimit: usualBodyLimit, action: .admin(permission: permission, handler))
  }

  /// The route as the router takes it: authentication, permission, then the handler.
  func route(_ authentication: Authentication) -> Route {
    switch action {
    case .open(let handler):
      Route(method, pattern, bodyLimit: bodyLimit) { request in
        // A form on any page could otherwise sign up the admin, or log the visitor in as somebody else.
        try authentication.refuseForgery(request)
        return try await handler(request)
      }
    case .user(let permission, let handler):
      Route(method, pattern, bodyLimit: bodyLimit) { request in
        let principal = try await authentication.principal(of: request)
        if let permission { try principal.require(permission) }
        return try await handler(request, principal)
      }
    case .holder(let permission, let handler):
      Route(method, pattern, bodyLimit: bodyLimit) { request in
        // Whoever says who they are has to prove it, here too.
        guard Credential(request) != nil || request.field(Authentication.userField) != nil else {
          return try await handler(request, nil)
        }
        let principal = try await authentication.principal(of: request)
        if let permission { try principal.require(permission) }
        return try await handler(request, principal)
      }
    case .admin(let permission, let handler):
      Route(method, pattern, bodyLimit: bodyLimit) { request in
        let principal = try await authentication.principal(of: request)
        guard principal.user.isAdmin else { throw BackupError.forbidden }
        if let permission { try principal.require(permission) }
        return try await handler(request, principal)
      }
    }
  }
}
