import Backup
import Ground
import HTTPServer
import HTTPTypes

/// Finds out who is asking.
struct Authentication: Sendable {
  /// Whom the client takes itself to be. A browser puts the cookie of whoever logged in last beside every request; a tab
  /// that was opened by somebody else before says so here, and none of their files lands in the wrong library.
  static let userField = "X-Nightstand-User"

  let accounts: Accounts
  let forwarding: Forwarding
  /// Notes who is in contact; nil where nobody asks.
  var contacts: Contacts?

  /// - Parameter isPresence: it asks nothing new, and is only still there.
  func principal(of request: Request, isPresence: Bool = false) async throws -> Principal {
    var principal = try await known(request)
    // Before anything is noted of a device that may be somebody else's.
    if let user = request.field(Authentication.userField), Identifier(user) != principal.user.id { throw OtherUser() }
    if let device = principal.device, let contacts {
      principal.origin = contacts.note(
        device, agent: request[.userAgent] ?? "", model: request.field("deviceModel"),
        tickle: request.field("X-Tickle-Id").flatMap { Int64($0) }, isPresence: isPresence,
        isOpen: Authentication.isOfAnOpenApp(request.target.rawPath))
    }
    return principal
  }

  /// What the Immich app asks for while somebody looks at it, and never in the background.
  private static func isOfAnOpenApp(_ path: String) -> Bool {
    path == "/api/users/me" || path == "/api/socket.io" || path == "/api/socket.io/" || path.hasPrefix("/api/timeline/")
      || path.hasSuffix("/thumbnail")
  }

  /// Counts a request with a login that has ended for the device whose it was.
  private func noteEnded(_ secret: String) async {
    guard let contacts, let device = try? await accounts.endedLogin(secret) else { return }
    contacts.refused(device)
  }

  private func known(_ request: Request) async throws -> Principal {
    switch Credential(request) {
    case .sessionToken(let token): return try await session(token)
    case .bearer(let token):
      do { return try await accounts.authenticate(sessionToken: token) } catch BackupError.invalidSessionToken {
        // YAIIU's background uploads carry their API key there.
        do { return try await accounts.authenticate(apiKey: token) } catch BackupError.invalidAPIKey {
          await noteEnded(token)
          throw BackupError.invalidSessionToken
        }
      }
    case .cookie(let token):
      try refuseForgery(request)
      return try await session(token)
    case .apiKey(let key):
      do { return try await accounts.authenticate(apiKey: key) } catch BackupError.invalidAPIKey {
        await noteEnded(key)
        throw BackupError.invalidAPIKey
      }
    case nil: throw BackupError.authenticationRequired
    }
  }

  private func session(_ token: String) async throws -> Principal {
    do { return try await accounts.authenticate(sessionToken: token) } catch BackupError.invalidSessionToken {
      await noteEnded(token)
      throw BackupError.invalidSessionToken
    }
  }

  /// A page of another site can make the visitor's browser send a request here, cookie and all. `SameSite=Lax` stops
  /// most of that, but not every browser keeps it and a sibling subdomain counts as the same site; and signing up and
  /// logging in need no cookie at all. So a request that changes something, by cookie or by nothing, must come from our
  /// own page, or from a program: browsers name the origin of every such request, and no page can forge or omit that
  /// field; the apps and tools send none.
  func refuseForgery(_ request: Request) throws(Refusal) {
    if request.method == .get || request.method == .head || request.method == .options { return }
    try refuseOtherSites(request)
  }

  /// As above, whatever the method: a WebSocket begins with GET, and a page may open one to any site and read from it.
  func refuseOtherSites(_ request: Request) throws(Refusal) {
    let refusal = Refusal(.forbidden, "Cross-site request refused")
    switch HTTPField.Name("Sec-Fetch-Site").flatMap({ request[$0] }) {
    case "same-origin", "none": return
    case "cross-site", "same-site": throw refusal
    default: break
    }
    guard let origin = request[.origin] else { return }
    guard let scheme = origin.firstRange(of: "://") else { throw refusal }
    let authority = origin[scheme.upperBound...].lowercased()
    let hosts = [request.fields.hosts.first, forwarding.host(of: request)]
    guard hosts.contains(where: { $0?.lowercased() == authority }) else { throw refusal }
  }
}
