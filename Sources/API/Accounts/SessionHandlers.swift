import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `/api/sessions`: one's own logins.
struct SessionHandlers: Sendable {
  let accounts: Accounts

  func list(_ request: Request, _ principal: Principal) async throws -> Response {
    let sessions = try await accounts.sessions(of: principal.user.id)
    return await .json(list: sessions.map { SessionShape($0, isCurrent: $0.id == principal.session) })
  }

  func end(_ request: Request, _ principal: Principal) async throws -> Response {
    try await accounts.endSession(try request.id(), of: principal.user.id)
    return .noContent
  }

  /// All but the one that asks.
  func endOthers(_ request: Request, _ principal: Principal) async throws -> Response {
    try await accounts.endSessions(of: principal.user.id, but: principal.session)
    return .noContent
  }
}

/// Immich's `SessionResponseDto`.
struct SessionShape: Encodable {
  let id: Identifier
  let createdAt: String
  let updatedAt: String
  let current: Bool
  let deviceType: String
  let deviceOS: String
  @Nullable var appVersion: String?
  let isPendingSyncReset: Bool

  init(_ session: Session, isCurrent: Bool) {
    (id, current) = (session.id, isCurrent)
    (createdAt, updatedAt) = (session.createdAt.iso8601, session.updatedAt.iso8601)
    (deviceType, deviceOS) = (session.device.type, session.device.system)
    isPendingSyncReset = session.needsSyncReset
    appVersion = session.device.appVersion
  }
}
