import Backup
import Ground
import HTTPServer
import HTTPTypes

/// What the page shows first, and what somebody needs to connect a phone.
struct OverviewHandlers: Sendable {
  let backup: Backup
  let forwarding: Forwarding
  let options: APIOptions

  func overview(_ request: Request, _ principal: Principal) async throws -> Response {
    let seen = try await backup.overview(for: principal.user)
    var missing =
      seen.missingTools.isEmpty
      ? [] : [OverviewShape.Missing("media_tools", seen.missingTools.joined(separator: ", "))]
    if !forwarding.isTLS(request) { missing.append(OverviewShape.Missing("tls")) }
    // Until the server itself can keep one.
    missing.append(OverviewShape.Missing("second_copy"))
    let shape = OverviewShape(
      seen, at: backup.devices.now(), version: options.version, to: principal, missing: missing)
    return await JSONWork.lanes.next().run { .json(shape) }
  }

  private struct Outbound: Encodable {
    let connections: [Connection]
    let recent: [Sent]
  }

  private struct Sent: Encodable {
    let at: String
    let purpose: String
    let host: String
    let outcome: String
  }

  private struct Connection: Encodable {
    let purpose: String
    /// Nil where it is other people's.
    @Nullable var host: String?
    let isOn = true
    let setting: String

    init(purpose: String, host: String? = nil, setting: String) {
      (self.purpose, self.setting) = (purpose, setting)
      self.host = host
    }
  }

  /// Every connection that the server may make by itself, and the last ones that it made. What adds one adds its line here.
  func outbound(_ request: Request, _ principal: Principal) async throws -> Response {
    var connections: [Connection] = []
    func add(_ purpose: String, _ own: [String], _ all: [String], _ setting: String) {
      connections += own.map { Connection(purpose: purpose, host: $0, setting: setting) }
      // That there are others is everybody's to know; where they are is not.
      if !Set(all).isSubset(of: own) { connections.append(Connection(purpose: purpose, setting: setting)) }
    }
    let (own, all) = (principal.scope, nil as Identifier?)
    add(
      "push", try await backup.push.registeredHosts(of: own), try await backup.push.registeredHosts(of: all),
      "push-allow-hosts")
    let (told, everybody) = (try await backup.alerts.places(of: own), try await backup.alerts.places(of: all))
    for kind in Set(everybody.map(\.kind)).sorted() {
      add(
        kind, told.filter { $0.kind == kind }.map(\.host), everybody.filter { $0.kind == kind }.map(\.host),
        kind == "mail" ? "smtp-server" : "push-allow-hosts")
    }
    // To whom everybody's devices belong is the admin's to know.
    let recent = principal.user.isAdmin ? backup.outbound.log.recent : []
    return .json(
      Outbound(
        connections: connections,
        recent: recent.map { Sent(at: $0.at.iso8601, purpose: $0.purpose, host: $0.host, outcome: $0.outcome) }))
  }

  private struct Pairing: Encodable {
    @Nullable var serverUrl: String?
    let addresses: [String]
    let isTLS: Bool
    let uploadKeyPermissions = [UploadAuthorization.permission]
  }

  /// By which addresses a phone may reach this server: the configured one, the one by which this request came, and those
  /// of the machine.
  func pairing(_ request: Request, _ principal: Principal) async throws -> Response {
    let isTLS = forwarding.isTLS(request)
    let scheme = isTLS ? "https" : "http"
    let authority = forwarding.host(of: request) ?? request.fields.hosts.first
    var addresses: [String] = []
    if let authority, OverviewHandlers.isPlain(authority) { addresses.append("\(scheme)://\(authority)") }
    // Behind a proxy the machine's own addresses lead past it.
    if forwarding.host(of: request) == nil, let port = authority.map(OverviewHandlers.port) {
      for address in networkAddresses() {
        let host = address.contains(":") ? "[\(address)]" : address
        addresses.append("\(scheme)://\(host)\(port)")
      }
    }
    var seen: Set<String> = []
    addresses = addresses.filter { seen.insert($0).inserted }
    var pairing = Pairing(addresses: addresses, isTLS: isTLS)
    pairing.serverUrl = options.publicURL
    return .json(pairing)
  }

  /// With its colon; empty where the authority names none.
  private static func port(_ authority: String) -> String {
    guard let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") else { return "" }
    return String(authority[colon...])
  }

  /// A client wrote it.
  private static func isPlain(_ authority: String) -> Bool {
    authority.utf8.count <= 255
      && authority.utf8.allSatisfy { unit in
        switch unit {
        case 0x30...0x3A, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "["),
          UInt8(ascii: "]"):
          true
        default: false
        }
      }
  }
}
