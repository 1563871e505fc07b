import Backup
import HTTPServer
import HTTPTypes

/// The address at which Immich's clients wait for events: Socket.IO 5 over Engine.IO 4, by WebSocket alone.
struct SocketHandlers: Sendable {
  let hub: SocketHub
  let authentication: Authentication

  func connect(_ request: Request, _ principal: Principal) async throws -> Response {
    // A page of another site can open a WebSocket here, and the browser sends the cookie along.
    if case .cookie = Credential(request) { try authentication.refuseOtherSites(request) }
    guard request.target.query("EIO") == "4" else { throw ValidationFailure("EIO", "must be 4") }
    guard request.target.query("transport") == "websocket" else {
      throw ValidationFailure("transport", "must be websocket")
    }
    let user = principal.user.id
    let session = SocketSession(user: user, hub: hub) { [authentication] in
      do {
        let now = try await authentication.principal(of: request)
        try now.require(SocketHandlers.permission)
        return now.user.id == user
      } catch BackupError.invalidSessionToken, BackupError.invalidAPIKey, BackupError.missingPermission {
        return false
      } catch {
        // Nobody is sent away for a catalog that cannot be read just now; what is told needs the catalog anyway.
        return true
      }
    }
    return try Response.webSocket(to: request, session)
  }

  /// What an API key needs: events tell of assets.
  static let permission = "asset.read"
}
