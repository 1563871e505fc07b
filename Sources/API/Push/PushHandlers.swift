import Backup
import Ground
import HTTPServer
import HTTPTypes

/// Where devices can be woken: what a client subscribes with, its registration, and the proof that messages arrive.
struct PushHandlers: Sendable {
  let push: PushRegistry
  let devices: DeviceHandlers

  /// What a client needs before it registers.
  private struct Terms: Encodable {
    let kinds: [String]
    let vapidPublicKey: String
    let confirmWithinSeconds: Int64
    let refreshEveryDays: Int64
    let longestEndpoint: Int
    let devicesPerPerson: Int
  }

  private struct Answer: Encodable {
    @Nullable var registration: PushShape?
    /// By an event stream.
    let isListening: Bool
    let terms: Terms

    init(_ status: PushStatus?, isListening: Bool, _ terms: Terms) {
      (self.isListening, self.terms) = (isListening, terms)
      registration = status.map { PushShape($0) }
    }
  }

  private func terms() throws -> Terms {
    Terms(
      kinds: push.kinds, vapidPublicKey: try push.publicKey(), confirmWithinSeconds: PushRegistry.confirmWithin,
      refreshEveryDays: PushRegistry.refreshWithinDays, longestEndpoint: PushRegistry.longestEndpoint,
      devicesPerPerson: PushRegistry.perPerson)
  }

  private func answer(_ status: PushStatus?, _ id: Identifier, _ principal: Principal) async throws -> Response {
    .json(Answer(status, isListening: try await push.isListening(id, of: principal.scope), try terms()))
  }

  func read(_ request: Request, _ principal: Principal) async throws -> Response {
    let id = try await devices.id(request, principal)
    return try await answer(try await push.status(id, of: principal.scope), id, principal)
  }

  /// Only a device itself knows where it can be reached.
  func register(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(PushInput.self).request
    let id = try await devices.id(request, principal)
    try await push.require(id, is: principal)
    return try await answer(try await push.register(id, of: principal.user.id, input), id, principal)
  }

  private struct Confirmation: Decodable {
    let token: String
  }

  func confirm(_ request: Request, _ principal: Principal) async throws -> Response {
    let token = try await request.json(Confirmation.self).token
    let id = try await devices.id(request, principal)
    try await push.require(id, is: principal)
    return try await answer(try await push.confirm(id, of: principal.user.id, token: token), id, principal)
  }

  /// A device ends its own; whoever may change devices, every one of theirs.
  func remove(_ request: Request, _ principal: Principal) async throws -> Response {
    let id = try await devices.id(request, principal)
    do { try await push.require(id, is: principal) } catch BackupError.forbidden {
      try principal.require("session.update")
    }
    try await push.remove(id, of: principal.scope)
    return .noContent
  }

  // MARK: Hosts

  private struct HostList: Encodable {
    struct Wanted: Encodable {
      let host: String
      let userId: Identifier
      let deviceId: Identifier
      let at: String
    }
    let configured: [String]
    let added: [String]
    let wanted: [Wanted]

    init(_ hosts: PushRegistry.Hosts) {
      (configured, added) = (hosts.configured, hosts.added)
      wanted = hosts.wanted.map { Wanted(host: $0.host, userId: $0.user, deviceId: $0.device, at: $0.at.iso8601) }
    }
  }

  func hosts(_ request: Request, _ principal: Principal) async throws -> Response {
    .json(HostList(try await push.hosts()))
  }

  private struct HostInput: Decodable {
    let hosts: [String]
  }

  func setHosts(_ request: Request, _ principal: Principal) async throws -> Response {
    let hosts = try await request.json(HostInput.self).hosts
    return .json(HostList(try await push.setHosts(hosts, by: principal.user.id)))
  }
}

/// A registration, as clients and the page see it.
struct PushShape: Encodable {
  let kind: String
  let host: String
  let state: String
  let isAsleep: Bool
  let registeredAt: String
  let refreshedAt: String
  @Nullable var confirmedAt: String?
  @Nullable var retryAt: String?
  @Nullable var problem: String?
  let capabilities: [String]

  init(_ status: PushStatus) {
    capabilities = ["sync"] + (status.canShow ? ["nudge"] : [])
    (kind, host, state, isAsleep) = (status.kind, status.host, status.state.rawValue, status.isAsleep)
    (registeredAt, refreshedAt) = (status.registeredAt.iso8601, status.refreshedAt.iso8601)
    (confirmedAt, retryAt, problem) = (status.confirmedAt?.iso8601, status.retryAt?.iso8601, status.problem)
  }
}
