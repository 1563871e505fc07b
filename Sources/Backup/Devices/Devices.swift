import FoundationEssentials
import Ground
import Logging
import Store
import Synchronization

/// The devices of people: every login and every key, what it does, and whether it still does.
package final class Devices: Sendable {
  /// How far ahead an alarm can be put off.
  static let longestSnooze: Int64 = 366 * 86_400
  /// Seconds for which a device that never uploaded is remembered after its last login ended.
  static let memory: Int64 = 30 * 86_400

  let catalog: Catalog
  let assets: Assets
  package let contacts: Contacts
  let live: LiveSignal
  let tickles: TickleInbox?
  /// Called with devices that can be reached otherwise than before, or no more.
  let reachChanged = Mutex<(@Sendable ([Identifier]) async -> Void)?>(nil)
  let logger: Logger
  package let now: @Sendable () -> Instant
  private let notedHour = Mutex<Int64?>(nil)
  /// Devices that are read together, and that one look takes at the most (and as many that are back): a household has all of them looked at each time; of
  /// a hundred thousand each has its turn within six hours.
  private static let judgedTogether = 200
  private let judgedAtOnce: Int
  /// Up to which number they were looked at, and when that was.
  private let round = Mutex<(reached: Int64, at: Instant?)>((0, nil))

  init(
    catalog: Catalog, assets: Assets, contacts: Contacts, live: LiveSignal, tickles: TickleInbox? = nil,
    logger: Logger, judgedAtOnce: Int = 3000, now: @escaping @Sendable () -> Instant
  ) {
    self.judgedAtOnce = judgedAtOnce
    (self.catalog, self.assets, self.contacts, self.live) = (catalog, assets, contacts, live)
    (self.tickles, self.logger, self.now) = (tickles, logger, now)
  }

  // MARK: Looking

  /// The worst first.
  /// - Parameter user: whose; nil for everybody's.
  package func list(of user: Identifier?, withRevoked: Bool) async throws -> [Device] {
    await contacts.settle()
    let now = now()
    let up = try await speaking { try await catalog.uptime(now: now) }
    return try await speaking { try await catalog.devices(of: user, withRevoked: withRevoked, now: now) }
      .map { try Device($0, now: now, up: up) }
      .sorted {
        ($0.state.level.rank, $1.record.device.lastContact) < ($1.state.level.rank, $0.record.device.lastContact)
      }
  }

  /// - Parameter user: whose it must be; nil takes anybody's.
  /// - Throws: `.noAccess(permission: "session.read")`.
  package func device(_ id: Identifier, of user: Identifier?) async throws -> Device {
    await contacts.settle()
    let now = now()
    let found = try await speaking { try await catalog.devices(of: user, only: id, withRevoked: true, now: now) }
    guard let record = found.first else { throw BackupError.noAccess(permission: "session.read") }
    return try Device(record, now: now, up: try await speaking { try await catalog.uptime(now: now) })
  }

  /// The device that asks.
  /// - Throws: `.invalid` where the request comes from none.
  package func id(of principal: Principal) async throws -> Identifier {
    guard let number = principal.device,
      let id = try await speaking({ try await catalog.deviceID(number) })
    else { throw BackupError.invalid("This credential belongs to no device") }
    return id
  }

  // MARK: What its owner does with it

  package struct Change: Sendable {
    /// The inner nil takes the name away.
    package var name: String??
    package var snoozedUntil: Instant??
    package var maker: String?
    package var model: String?
    package var os: String?
    package var osVersion: String?
    /// Checklist items, ticked or not.
    package var ticked: [String: Bool]?
    package var policy: DevicePolicy?

    package init() {}
  }

  /// - Throws: `.invalid`, `.noAccess(permission: "session.update")`.
  package func change(_ id: Identifier, of user: Identifier?, _ change: Change) async throws -> Device {
    let now = now()
    let device: Device
    do { device = try await self.device(id, of: user) } catch BackupError.noAccess {
      throw BackupError.noAccess(permission: "session.update")
    }
    var checked = Catalog.DeviceChange()
    if let name = change.name {
      let name = try name.map(AccountRules.name)
      checked.name = .some(name?.allSatisfy(\.isWhitespace) == true ? nil : name)
    }
    if let until = change.snoozedUntil {
      if let until, until <= now || until > now.adding(seconds: Devices.longestSnooze) {
        throw BackupError.invalid("snoozedUntil must lie ahead, by 366 days at the most")
      }
      checked.snoozedUntil = .some(until)
    }
    if change.maker != nil || change.model != nil || change.os != nil || change.osVersion != nil {
      checked.facts = DeviceFacts(
        kind: device.record.device.facts.kind, maker: change.maker.map(CheckIn.short),
        model: change.model.map(CheckIn.short), os: change.os.map(CheckIn.short),
        osVersion: change.osVersion.map(CheckIn.short))
    }
    if let ticked = change.ticked {
      var ticks = device.ticks
      let known = Set(device.checklist.map(\.id))
      for (item, isTicked) in ticked {
        guard known.contains(item) else { throw BackupError.invalid("ticked names no item of the checklist: \(item)") }
        ticks[item] = isTicked ? now.milliseconds : nil
      }
      checked.ticks = String(decoding: try JSONEncoder().encode(ticks), as: UTF8.self)
    }
    checked.policy = try change.policy?.checked().json
    let final = checked
    guard try await speaking({ try await catalog.change(device: id, of: user, final, now: now) }) else {
      throw BackupError.noAccess(permission: "session.update")
    }
    live.ring()
    return try await self.device(id, of: user)
  }

  /// Makes `other` a part of `id`.
  /// - Throws: `.invalid`, `.noAccess(permission: "session.update")`.
  package func merge(_ id: Identifier, with other: Identifier, of user: Identifier?) async throws -> Device {
    await contacts.flush()
    switch try await speaking({ try await catalog.merge(device: id, with: other, of: user, now: now()) }) {
    case .done: break
    case .unknown: throw BackupError.noAccess(permission: "session.update")
    case .same: throw BackupError.invalid("A device cannot be merged with itself")
    case .foreign: throw BackupError.invalid("Devices of two people cannot be merged")
    }
    await reachChanged.withLock { $0 }?([id, other])
    live.ring()
    return try await device(id, of: user)
  }

  /// Ends its logins and its keys.
  /// - Throws: `.noAccess(permission: "session.delete")`.
  package func revoke(_ id: Identifier, of user: Identifier?) async throws {
    await contacts.flush()
    guard try await speaking({ try await catalog.revoke(device: id, of: user, now: now()) }) else {
      throw BackupError.noAccess(permission: "session.delete")
    }
    await reachChanged.withLock { $0 }?([id])
    live.ring()
  }

  // MARK: Alarms

  /// Notes, once for each hour, that the server runs. - Returns: whether this is a new one.
  private func beat(_ now: Instant) async throws -> Bool {
    guard notedHour.withLock({ $0 }) != now.hour else { return false }
    try await catalog.noteUp(now)
    notedHour.withLock { $0 = now.hour }
    return true
  }

  /// Looks at devices (see `judgedAtOnce`), notes what changed, and tells of what became worse; forgets what nobody needs.
  package func judge() async {
    let now = now()
    do {
      let isNewHour = try await beat(now)
      await contacts.flush()
      let up = try await catalog.uptime(now: now)
      let (reached, last) = round.withLock { $0 }
      // Contacts are written a minute late.
      if let since = last?.adding(seconds: -120) {
        try await judge(now, up) { place, left in
          try await catalog.devicesBack(since: since, after: place, limit: left, now: now)
        }
      }
      let place = try await judge(now, up, from: reached) { place, left in
        try await catalog.devicesToJudge(after: place, limit: left, now: now)
      }
      round.withLock { $0 = (place, now) }
      // That goes through all their days.
      if isNewHour { try await catalog.pruneDevices(before: now.adding(seconds: -Devices.memory), now: now) }
    } catch { logger.warning("the devices could not be looked at", metadata: ["error": "\(error)"]) }
  }

  /// - Returns: the number up to which they were looked at; 0 where there are no more.
  @discardableResult
  private func judge(
    _ now: Instant, _ up: Uptime, from start: Int64 = 0, _ next: (Int64, Int) async throws -> [DeviceRecord]
  ) async throws -> Int64 {
    var (place, left) = (start, judgedAtOnce)
    while left > 0 {
      let some = min(left, Devices.judgedTogether)
      let records = try await next(place, some)
      let verdicts = try records.compactMap { try Device($0, now: now, up: up).verdict }
      if !verdicts.isEmpty {
        try await catalog.judge(verdicts, now: now)
        live.ring()
      }
      guard records.count == some, let last = records.last else { return 0 }
      (place, left) = (last.device.number, left - some)
    }
    return place
  }
}

extension Device {
  /// What is to be noted; nil where it is noted already. An alarm is what was fine before, or gets worse.
  fileprivate var verdict: Catalog.DeviceVerdict? {
    let device = record.device
    guard device.level != state.level.rawValue || device.reason != state.reason.rawValue else { return nil }
    let bad: Set<DeviceState.Level> = [.amber, .red]
    let was = device.level.flatMap { DeviceState.Level(rawValue: $0) }
    // One message for each change of colour, and one when all is well again.
    let isAlarm = was != state.level && (bad.contains(state.level) || (was.map(bad.contains) ?? false))
    return Catalog.DeviceVerdict(
      device: device.number, level: state.level.rawValue, reason: state.reason.rawValue, isAlarm: isAlarm,
      isSilent: AlertRules.silent.contains(state.level))
  }
}
