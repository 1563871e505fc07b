import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `/api/auth`: coming in and going out.
struct LoginHandlers: Sendable {
  let accounts: Accounts
  let forwarding: Forwarding

  private struct SignUp: Decodable {
    let email: String
    let password: String
    let name: String
  }

  func signUpAdmin(_ request: Request) async throws -> Response {
    let input = try await request.json(SignUp.self)
    let user = try await accounts.signUpAdmin(email: input.email, password: input.password, name: input.name)
    return .json(UserAdminShape(user), status: .created)
  }

  private struct Login: Decodable {
    let email: String
    let password: String
  }

  /// The token goes out twice: in the body for programs, and as a cookie, without which the Immich app is logged out
  /// again with its next request.
  func login(_ request: Request) async throws -> Response {
    let input = try await request.json(Login.self)
    let login = try await accounts.login(
      email: input.email, password: input.password, device: LoginDevice(of: request),
      address: forwarding.address(of: request),
      facts: DeviceFacts(agent: request[.userAgent] ?? "", model: request.field("deviceModel")))
    var response = Response.json(LoginShape(login.user, token: login.token), status: .created)
    response.add(cookies: SessionCookies.set(token: login.token, isSecure: forwarding.isTLS(request)))
    return response
  }

  private struct Logout: Encodable {
    let successful = true
    let redirectUri = "/auth/login?autoLaunch=0"
  }

  func logout(_ request: Request, _ principal: Principal) async throws -> Response {
    if case .session(let session) = principal.credential { try await accounts.logout(session.id) }
    var response = Response.json(Logout())
    response.add(cookies: SessionCookies.expire(isSecure: forwarding.isTLS(request)))
    return response
  }

  private struct Validity: Encodable {
    let authStatus = true
  }

  func validateToken(_ request: Request, _ principal: Principal) async throws -> Response { .json(Validity()) }

  private struct Status: Encodable {
    let password = true
    /// PIN codes are not supported.
    let pinCode = false
    let isElevated = false
  }

  func status(_ request: Request, _ principal: Principal) async throws -> Response { .json(Status()) }

  private struct PasswordChange: Decodable {
    let password: String
    let newPassword: String
    let invalidateSessions: Bool?
  }

  func changePassword(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(PasswordChange.self)
    var current: Identifier?
    if case .session(let session) = principal.credential { current = session.id }
    let user = try await accounts.changePassword(
      of: principal.user.id, current: input.password, new: input.newPassword,
      endOtherSessions: input.invalidateSessions ?? false, keep: current)
    return .json(UserAdminShape(user))
  }
}

extension Response {
  fileprivate mutating func add(cookies: [String]) {
    for cookie in cookies { fields.append(HTTPField(name: .setCookie, value: cookie)) }
  }
}
