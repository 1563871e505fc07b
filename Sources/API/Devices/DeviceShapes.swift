import Backup
import Ground

/// A device, as the page shows it.
struct DeviceShape: Encodable {
  struct Credential: Encodable {
    let id: Identifier
    let kind: String
    let name: String
    let permissions: [String]
    let createdAt: String
  }

  struct Transfers: Encodable {
    let count: Int
    let broken: Int
    @Nullable var brokenAfterSeconds: Int64?
  }

  struct Latency: Encodable {
    let medianSeconds: Int64
    let p95Seconds: Int64
    let samples: Int
  }

  struct State: Encodable {
    let level: String
    let reason: String
    let since: String
    let sentence: String
    let missedWindows: Int
    let steps: [String]
  }

  struct Checklist: Encodable {
    struct Item: Encodable {
      let id: String
      let text: String
      @Nullable var tickedAt: String?
    }
    let isOpen: Bool
    @Nullable var reopenedAt: String?
    @Nullable var reopenReason: String?
    let items: [Item]
  }

  struct Policy: Encodable {
    @Nullable var network: String?
    @Nullable var maxBytesOnCellular: Int64?
    @Nullable var includeVideos: Bool?
  }

  /// Whether it works by itself; nulls where nobody can tell.
  struct Setup: Encodable {
    @Nullable var isComplete: Bool?
    @Nullable var openedAt: String?
    @Nullable var backgroundUploadAt: String?
  }

  struct Canary: Encodable {
    let at: String
    let latencySeconds: Int64
  }

  /// Requests with a login that had ended.
  struct RefusedLogins: Encodable {
    let count: Int64
    @Nullable var lastAt: String?
  }

  struct Day: Encodable {
    let date: String
    let stored: Int64
    let bytes: Int64
    let duplicates: Int64
    let rejected: Int64
    let broken: Int64
    let hours: Int
  }

  let id: Identifier
  let userId: Identifier
  let userName: String
  let name: String
  let isNamed: Bool
  let kind: String
  @Nullable var maker: String?
  @Nullable var model: String?
  @Nullable var os: String?
  @Nullable var osVersion: String?
  @Nullable var client: String?
  @Nullable var clientVersion: String?
  let isCurrent: Bool
  let credentials: [Credential]
  let firstContact: String
  let lastContact: String
  @Nullable var lastUpload: String?
  let stored: Int64
  let storedBytes: Int64
  let duplicates: Int64
  let rejected: Int64
  let broken: Int64
  let recentTransfers: Transfers
  @Nullable var latency: Latency?
  /// By its last check-in and what came since.
  @Nullable var remaining: Int64?
  @Nullable var checkIn: CheckInShape?
  let state: State
  @Nullable var snoozedUntil: String?
  @Nullable var revokedAt: String?
  let checklist: Checklist
  let days: [Day]
  let tickle: TickleShape
  let policy: Policy
  let setup: Setup
  @Nullable var nudge: String?
  @Nullable var recommendedVersion: String?
  @Nullable var canary: Canary?
  let refusedLogins: RefusedLogins

  init(_ seen: Device, to reader: Principal) {
    self.init(seen, current: reader.device, withNames: reader.seesNames(of: seen.record.device.user))
  }

  /// - Parameters:
  ///   - current: `device.number` of the one that asks.
  ///   - withNames: whether names of files are told.
  init(_ seen: Device, current: Int64?, withNames: Bool = true) {
    let device = seen.record.device
    (id, userId, userName, name) = (device.id, device.user, device.userName, seen.name)
    (isNamed, kind, isCurrent) = (device.name != nil, device.facts.kind, device.number == current)
    credentials = seen.record.credentials.map { credential in
      Credential(
        id: credential.id, kind: credential.isKey ? "apiKey" : "session", name: credential.name,
        permissions: credential.permissions ?? ["all"], createdAt: credential.createdAt.iso8601)
    }
    (firstContact, lastContact) = (device.firstContact.iso8601, device.lastContact.iso8601)
    (stored, storedBytes, duplicates) = (device.stored, device.storedBytes, device.duplicates)
    (rejected, broken) = (device.rejected, device.broken)
    let recent = seen.brokenTransfers
    recentTransfers = Transfers(
      count: recent.of, broken: recent.broken, brokenAfterSeconds: Nullable(wrappedValue: recent.after))
    let state = seen.state
    self.state = State(
      level: state.level.rawValue, reason: state.reason.rawValue,
      since: DeviceShape.since(seen).iso8601, sentence: state.sentence, missedWindows: state.missedWindows,
      steps: seen.steps)
    let items = seen.checklist.map { item in
      var shape = Checklist.Item(id: item.id, text: item.text)
      if seen.isTicked(item) { shape.tickedAt = seen.ticks[item.id].map { Instant(milliseconds: $0).iso8601 } }
      return shape
    }
    var checklist = Checklist(isOpen: items.contains { $0.tickedAt == nil }, items: items)
    (checklist.reopenedAt, checklist.reopenReason) = (device.reopenedAt?.iso8601, device.reopenReason)
    self.checklist = checklist
    days = seen.strip.map { day in
      Day(
        date: String(Instant(milliseconds: day.day * 86_400_000).iso8601.prefix(10)), stored: day.stored,
        bytes: day.bytes, duplicates: day.duplicates, rejected: day.rejected, broken: day.broken,
        hours: day.hours.nonzeroBitCount)
    }
    latency = seen.latency.map { Latency(medianSeconds: $0.median, p95Seconds: $0.p95, samples: $0.samples) }
    checkIn = seen.checkIn.map { CheckInShape($0, at: device.checkedInAt ?? device.lastContact, withNames: withNames) }
    remaining = seen.remaining
    tickle = TickleShape(seen.tickles)
    var policy = Policy()
    (policy.network, policy.includeVideos) = (seen.policy.network?.rawValue, seen.policy.includeVideos)
    policy.maxBytesOnCellular = seen.policy.maxBytesOnCellular
    var setup = Setup()
    (setup.isComplete, setup.openedAt) = (seen.isSetUp, device.openedAt?.iso8601)
    setup.backgroundUploadAt = device.backgroundAt?.iso8601
    var refused = RefusedLogins(count: device.refused)
    refused.lastAt = device.refusedAt?.iso8601
    (self.policy, self.setup, refusedLogins) = (policy, setup, refused)
    (nudge, recommendedVersion) = (seen.nudge, seen.recommendedVersion)
    canary = device.canary.map { Canary(at: $0.at.iso8601, latencySeconds: $0.seconds) }
    (maker, model, os, osVersion) = (device.facts.maker, device.facts.model, device.facts.os, device.facts.osVersion)
    (client, clientVersion) = (device.facts.client, device.facts.clientVersion)
    (lastUpload, snoozedUntil) = (device.lastUpload?.iso8601, device.snoozedUntil?.iso8601)
    revokedAt = device.revokedAt?.iso8601
  }

  /// The alarm notes its changes every ten minutes; what is newer than that began with the last contact at the latest.
  private static func since(_ seen: Device) -> Instant {
    let device = seen.record.device
    let isNoted = device.level == seen.state.level.rawValue && device.reason == seen.state.reason.rawValue
    return isNoted ? device.stateSince ?? device.lastContact : device.lastContact
  }
}

/// What a device said last.
struct CheckInShape: Encodable {
  struct Failure: Encodable {
    @Nullable var name: String?
    let reason: String
  }

  let at: String
  @Nullable var total: Int64?
  @Nullable var remaining: Int64?
  @Nullable var remainingBytes: Int64?
  @Nullable var remainingVideos: Int64?
  @Nullable var albumsSelected: Int64?
  @Nullable var albumsTotal: Int64?
  @Nullable var itemsOutside: Int64?
  let permission: String
  @Nullable var lowPower: Bool?
  @Nullable var wifiOnly: Bool?
  @Nullable var isBackgroundOn: Bool?
  let failures: [Failure]

  init(_ checkIn: CheckIn, at: Instant, withNames: Bool) {
    self.at = at.iso8601
    permission = (checkIn.permission ?? .unknown).rawValue
    failures = (checkIn.failures ?? []).map {
      Failure(name: Nullable(wrappedValue: withNames ? $0.name : nil), reason: $0.reason)
    }
    (total, remaining, remainingBytes) = (checkIn.total, checkIn.remaining, checkIn.remainingBytes)
    (remainingVideos, albumsSelected) = (checkIn.remainingVideos, checkIn.albumsSelected)
    (albumsTotal, itemsOutside) = (checkIn.albumsTotal, checkIn.itemsOutside)
    (lowPower, wifiOnly, isBackgroundOn) = (checkIn.lowPower, checkIn.wifiOnly, checkIn.isBackgroundOn)
  }
}
