import Ground
import Logging
import Store
import Synchronization

/// Tells people that a device is in trouble, and when it is well again.
package final class Alerts: Sendable {
  package struct Options: Sendable {
    package var mail: MailServer?
    /// Hours that the owner has before admins hear of it.
    package var adminHours = 24
    package var publicURL: String?

    package init() {}
  }

  /// Channels of one person.
  package static let perPerson = 10
  /// Changes that are looked at together, messages that are sent together, and tries of one: not quite two days.
  private static let page = 500
  private static let batch = 8
  static let tries: Int64 = 16
  /// Seconds: between two looks, and the longest pause of a message.
  private static let pace = 600.0
  private static let longestPause: Int64 = 6 * 3600
  /// Seconds until something is looked at again that could not be sent by no fault of the other side.
  private static let pause: Int64 = 60
  private static let kept: Int64 = 90 * 86_400

  package let options: Options
  let catalog: Catalog
  private let devices: Devices
  let post: any AlertPost
  let check: @Sendable (AlertChannelInput) throws -> Void
  private let logger: Logger
  let now: @Sendable () -> Instant
  let bell = JobBell()
  private let loop = Mutex<Task<Void, Never>?>(nil)
  /// What became of messages, while it cannot be recorded; by their names. As many as are sent at once.
  private let unrecorded = Mutex<[String: Catalog.AlertEnd]>([:])
  private let isClosed = Mutex(false)
  /// When somebody asked for a message the last time: by mail, and by anything else.
  let tested = Mutex<[Bool: [Identifier: MonotonicTime]]>([:])
  /// Of first mails to addresses that nobody has confirmed.
  let limits = PushLimits()
  private let zones = QuietZones()

  /// - Parameter check: refuses an address that would not be sent to.
  init(
    _ options: Options, catalog: Catalog, devices: Devices, post: any AlertPost,
    check: @escaping @Sendable (AlertChannelInput) throws -> Void, logger: Logger,
    now: @escaping @Sendable () -> Instant
  ) {
    (self.options, self.catalog, self.devices, self.post, self.check) = (options, catalog, devices, post, check)
    (self.logger, self.now) = (logger, now)
  }

  func start() {
    let running = Task { await run() }
    loop.withLock { $0 = running }
  }

  private var isStopping: Bool { isClosed.withLock { $0 } }

  private func run() async {
    // The owner's time may be another one than before this start.
    do { try await catalog.lookAtAlertsAgain() } catch {
      logger.warning("alerts could not be read", metadata: ["error": "\(error)"])
    }
    while !isStopping {
      let heard = bell.rings
      let pause = await turn()
      if isStopping { return }
      await bell.wait(heard: heard, seconds: pause)
    }
  }

  /// Something may have changed.
  func ring() { bell.ring() }

  /// Begins nothing new.
  func hold() { isClosed.withLock { $0 = true } }

  func close() async {
    hold()
    bell.close()
    let running = loop.withLock { loop in
      defer { loop = nil }
      return loop
    }
    await running?.value
  }

  // MARK: A turn

  /// Decides what is to be told, and tells what is due. - Returns: seconds until the next look.
  @discardableResult
  func turn() async -> Double {
    do {
      try await decide()
      while try await deliver() {}
      try await catalog.pruneAlerts(before: now().adding(seconds: -Alerts.kept))
      let next = try await catalog.nextAlert().map { Double($0.milliseconds - now().milliseconds) / 1000 }
      return max(1, min(next ?? Alerts.pace, Alerts.pace))
    } catch {
      logger.warning("alerts could not be told", metadata: ["error": "\(error)"])
      return Alerts.pace
    }
  }

  /// Everybody who may be told, by `user.number`.
  private func people(_ now: Instant) async throws -> [Int64: AlertRules.Person] {
    let people = try await catalog.alertPeople().map { person, isAdmin, settings in
      AlertRules.Person(
        number: person, isAdmin: isAdmin, quiet: AlertSettings(settings).quietHours(zones, now: now),
        snoozedUntil: settings.snoozedUntil)
    }
    return Dictionary(people.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
  }

  private func decide() async throws {
    let patience = Int64(options.adminHours) * 3600
    while true {
      let now = now()
      let open = try await catalog.openAlerts(at: now, limit: Alerts.page)
      guard !open.isEmpty else { return }
      let people = try await people(now)
      try await catalog.decide(open.map { AlertRules.decide($0, people, patience: patience, now: now) })
      // Each of them is done, or moved on.
      guard open.count == Alerts.page else { return }
    }
  }

  /// - Returns: whether there may be more.
  private func deliver() async throws -> Bool {
    let due = try await catalog.dueAlerts(at: now(), limit: Alerts.batch)
    guard !due.isEmpty, !isStopping else { return false }
    let people = try await people(now())
    let failures = await withTaskGroup(of: (any Error)?.self) { group in
      for delivery in due {
        group.addTask {
          do {
            try await self.deliver(delivery, people[delivery.channel.user])
            return nil
          } catch { return error }
        }
      }
      return await group.reduce(into: [any Error]()) { if let failure = $1 { $0.append(failure) } }
    }
    // The catalog cannot be read or written: what is due stays, and is looked at after a pause.
    if let failure = failures.first { throw failure }
    return due.count == Alerts.batch && !isStopping
  }

  /// - Throws: where the catalog fails.
  private func deliver(_ due: AlertDeliveryRow, _ person: AlertRules.Person?) async throws {
    let name = "\(due.alert)-\(due.channel.id)"
    let end: Catalog.AlertEnd
    if let earlier = unrecorded.withLock({ $0[name] }) {
      end = earlier
    } else {
      guard let found = try await outcome(due, person, name) else { return }
      end = found
    }
    // Nobody shall be told twice because the disk is full: until it is recorded, it is known here.
    unrecorded.withLock { $0[name] = end }
    try await catalog.end(alert: due.alert, channel: due.channel.number, end, now: now())
    unrecorded.withLock { _ = $0.removeValue(forKey: name) }
  }

  /// Sends it, if it is still to be sent: to this person, at this hour, of a device that still is in this state.
  /// - Returns: nil where the server's stop kept it from being sent.
  private func outcome(
    _ due: AlertDeliveryRow, _ person: AlertRules.Person?, _ name: String
  ) async throws -> Catalog.AlertEnd? {
    // While it waited for the end of quiet hours, or for the other side, much may have changed.
    guard let person, !due.isOvertaken, due.channel.disabledAt == nil, due.channel.isConfirmed,
      person.isAdmin || !due.isForAdmin
    else { return .dropped }
    let now = now()
    if let back = person.snoozedUntil, back > now { return .putOff(back) }
    if due.channel.kind != AlertChannel.Kind.webhook.rawValue, let morning = person.quiet?.wait(now), morning > now {
      return .putOff(morning)
    }
    guard let device = try await device(due.device), !AlertRules.silent.contains(device.state.level) else {
      return .dropped
    }
    // It is in another state already: the next look at all devices notes that, and this message is overtaken.
    guard AlertMessage.urgency(device.state.level).rawValue == AlertMessage.urgency(of: due.level).rawValue else {
      return .putOff(now.adding(seconds: Alerts.pause))
    }
    let message = AlertMessage(device, number: due.alert, at: due.at, isForAdmin: due.isForAdmin)
    let reply = await post.send(message, through: due.channel, delivery: name)
    let end = Alerts.end(reply, tries: due.tries, now: self.now())
    // Cut by our own stop: the other side did nothing wrong, and the next start sends it.
    if isStopping, reply != .accepted { return nil }
    return end
  }

  /// Nil where it is gone.
  private func device(_ id: Identifier) async throws -> Device? {
    do { return try await devices.device(id, of: nil) } catch BackupError.noAccess { return nil }
  }

  /// - Parameter tries: before this one.
  static func end(_ reply: AlertReply, tries: Int64, now: Instant) -> Catalog.AlertEnd {
    switch reply {
    case .accepted: return .delivered
    case .gone(let word): return .gone(word: word)
    case .throttled(let seconds): return .throttled(now.adding(seconds: max(1, seconds)))
    case .unsent: return .putOff(now.adding(seconds: Alerts.pause))
    case .refused(let word): return .givenUp(word: word)
    case .failed(let word):
      guard tries + 1 < Alerts.tries else { return .givenUp(word: word) }
      return .later(now.adding(seconds: min(60 << min(tries, 12), Alerts.longestPause)), word: word)
    }
  }
}
