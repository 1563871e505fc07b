import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `/api/backup/devices`. An admin sees and changes everybody's; everybody else what is theirs, and of the rest not even
/// whether it is there.
struct DeviceHandlers: Sendable {
  let devices: Devices
  let activity: Activity
  let tickles: Tickles
  let version: String

  private struct List: Encodable {
    let devices: [DeviceShape]
  }

  func list(_ request: Request, _ principal: Principal) async throws -> Response {
    let asked = try request.identifier("userId")
    guard asked == nil || asked == principal.user.id || principal.user.isAdmin else { throw BackupError.forbidden }
    let found = try await devices.list(
      of: asked ?? principal.scope, withRevoked: try request.flag("withRevoked") ?? false)
    // A hundred devices are some hundred kilobytes of JSON.
    return await JSONWork.lanes.next().run {
      .json(List(devices: found.map { DeviceShape($0, to: principal) }))
    }
  }

  func read(_ request: Request, _ principal: Principal) async throws -> Response {
    let device = try await devices.device(try await id(request, principal), of: principal.scope)
    return .json(DeviceShape(device, to: principal))
  }

  func change(_ request: Request, _ principal: Principal) async throws -> Response {
    let change = try await request.json(DeviceChangeInput.self).change
    let device = try await devices.change(try await id(request, principal), of: principal.scope, change)
    return .json(DeviceShape(device, to: principal))
  }

  private struct Merge: Decodable {
    let from: Identifier
  }

  func merge(_ request: Request, _ principal: Principal) async throws -> Response {
    let from = try await request.json(Merge.self).from
    let device = try await devices.merge(try await id(request, principal), with: from, of: principal.scope)
    return .json(DeviceShape(device, to: principal))
  }

  /// Whoever asks must not lock themselves out by mistake: a logout does that.
  func revoke(_ request: Request, _ principal: Principal) async throws -> Response {
    let id = try await id(request, principal)
    if let device = try? await devices.device(id, of: principal.scope) {
      guard device.record.device.number != principal.device else {
        throw BackupError.invalid("This is the device that asks: log out instead")
      }
      if device.record.credentials.contains(where: \.isKey) { try principal.require("apiKey.delete") }
    }
    try await devices.revoke(id, of: principal.scope)
    return .noContent
  }

  private struct Reply: Encodable {
    struct Policy: Encodable {
      let network: String
      /// Of one file, over mobile data; null for no limit.
      @Nullable var maxBytesOnCellular: Int64?
      let includeVideos: Bool
      /// Below what proxies let through (100 MB, usually), large enough to be fast.
      let chunkBytes = 8 << 20
      let parallel = 3
      let order = "newest_first"

      init(_ policy: DevicePolicy) {
        (network, includeVideos) = ((policy.network ?? .any).rawValue, policy.includeVideos ?? true)
        maxBytesOnCellular = policy.maxBytesOnCellular
      }
    }
    @Nullable var recommendedVersion: String?
    let nextCheckIn: String
    let policy: Policy
    let wantedAgain: [String]
    let deleted: [String]
    let unknown: [String]
  }

  func checkIn(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(CheckInInput.self)
    let reply = try await devices.checkIn(
      try await id(request, principal), by: principal, input.report, facts: input.facts(request),
      digests: input.digests, tickle: input.tickle)
    // Each hash in the writing in which it came.
    func written(_ digests: [SHA1Digest]) -> [String] {
      let wanted = Set(digests)
      return zip(input.hashes, input.digests).filter { wanted.contains($0.1) }.map(\.0)
    }
    var answer = Reply(
      nextCheckIn: reply.nextCheckIn.iso8601, policy: Reply.Policy(reply.policy),
      wantedAgain: written(reply.wantedAgain), deleted: written(reply.deleted), unknown: written(reply.unknown))
    answer.recommendedVersion = reply.recommendedVersion
    return .json(answer)
  }

  // MARK: Support

  private struct Support: Encodable {
    let version: String
    let immichVersion = ClientVersions.immichText
    let createdAt: String
    let device: SupportShape
    let activity: [ActivityShape]
  }

  /// Everything that helps to find out what is wrong with a device, and nothing that must not leave the house: no tokens,
  /// no addresses, no people's names, and no names of files unless they are asked for.
  func support(_ request: Request, _ principal: Principal) async throws -> Response {
    let device = try await devices.device(try await id(request, principal), of: principal.scope)
    let withNames = try request.flag("names") ?? false && principal.seesNames(of: device.record.device.user)
    var filter = ActivityFilter()
    filter.device = device.record.device.id
    let rows = try await activity.list(filter, before: nil, limit: 200)
    var response = Response.json(
      Support(
        version: version, createdAt: devices.now().iso8601, device: SupportShape(device, withNames: withNames),
        activity: rows.map { ActivityShape($0, redacted: true, withNames: withNames) }))
    response.fields[.contentDisposition] = "attachment; filename=\"nightstand-support-\(device.record.device.id).json\""
    return response
  }

  // MARK: Tickles

  /// Wakes it now, and answers when the push service has.
  func tickle(_ request: Request, _ principal: Principal) async throws -> Response {
    let device = try await devices.device(try await id(request, principal), of: principal.scope)
    return .json(TicklingShape(try await tickles.byHand(device)))
  }

  private struct TickleList: Encodable {
    let tickles: [TicklingShape]
  }

  func listTickles(_ request: Request, _ principal: Principal) async throws -> Response {
    let limit = try request.count("limit") ?? 50
    guard (1...500).contains(limit) else { throw ValidationFailure("limit", "must be from 1 to 500") }
    let device = try await devices.device(try await id(request, principal), of: principal.scope)
    return .json(TickleList(tickles: try await tickles.list(of: device, limit: limit).map { TicklingShape($0) }))
  }

  /// `me` is the device that asks.
  func id(_ request: Request, _ principal: Principal) async throws -> Identifier {
    if request.parameters["id"] == "me" { return try await devices.id(of: principal) }
    return try request.id()
  }
}

/// A device without its people's words: names of people, keys and the device itself are left out.
struct SupportShape: Encodable {
  private let shape: DeviceShape

  init(_ device: Device, withNames: Bool) { shape = DeviceShape(device, current: nil, withNames: withNames) }

  private enum Key: String, CodingKey {
    case id, kind, maker, model, os, osVersion, client, clientVersion, credentials, firstContact, lastContact,
      lastUpload
    case stored, storedBytes, duplicates, rejected, broken, recentTransfers, latency, remaining, checkIn, state,
      snoozedUntil
    case checklist, days, tickle, policy, setup, nudge, recommendedVersion, canary, refusedLogins
  }

  private struct Credential: Encodable {
    let kind: String
    let permissions: [String]
    let createdAt: String
  }

  func encode(to encoder: any Encoder) throws {
    var out = encoder.container(keyedBy: Key.self)
    try out.encode(shape.id, forKey: .id)
    try out.encode(shape.kind, forKey: .kind)
    try out.encode(shape.maker, forKey: .maker)
    try out.encode(shape.model, forKey: .model)
    try out.encode(shape.os, forKey: .os)
    try out.encode(shape.osVersion, forKey: .osVersion)
    try out.encode(shape.client, forKey: .client)
    try out.encode(shape.clientVersion, forKey: .clientVersion)
    try out.encode(
      shape.credentials.map { Credential(kind: $0.kind, permissions: $0.permissions, createdAt: $0.createdAt) },
      forKey: .credentials)
    try out.encode(shape.firstContact, forKey: .firstContact)
    try out.encode(shape.lastContact, forKey: .lastContact)
    try out.encode(shape.lastUpload, forKey: .lastUpload)
    try out.encode(shape.stored, forKey: .stored)
    try out.encode(shape.storedBytes, forKey: .storedBytes)
    try out.encode(shape.duplicates, forKey: .duplicates)
    try out.encode(shape.rejected, forKey: .rejected)
    try out.encode(shape.broken, forKey: .broken)
    try out.encode(shape.recentTransfers, forKey: .recentTransfers)
    try out.encode(shape.latency, forKey: .latency)
    try out.encode(shape.remaining, forKey: .remaining)
    try out.encode(shape.checkIn, forKey: .checkIn)
    try out.encode(shape.state, forKey: .state)
    try out.encode(shape.snoozedUntil, forKey: .snoozedUntil)
    try out.encode(shape.checklist, forKey: .checklist)
    try out.encode(shape.days, forKey: .days)
    try out.encode(shape.tickle, forKey: .tickle)
    try out.encode(shape.policy, forKey: .policy)
    try out.encode(shape.setup, forKey: .setup)
    try out.encode(shape.nudge, forKey: .nudge)
    try out.encode(shape.recommendedVersion, forKey: .recommendedVersion)
    try out.encode(shape.canary, forKey: .canary)
    try out.encode(shape.refusedLogins, forKey: .refusedLogins)
  }
}

extension Principal {
  /// Whose things this person sees: nil for everybody's.
  var scope: Identifier? { user.isAdmin ? nil : user.id }
}
