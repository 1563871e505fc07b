import Ground
import Logging
import Outbound
import Store
import Synchronization
import Tickle

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
  /// Messages in one turn, and tries of one: two days and a half.
  private static let batch = 8
  private static let tries: Int64 = 16
  /// Seconds: between two looks, between two tests of one person, and the longest pause of a message.
  private static let pace = 600.0
  private static let testPace = 5.0
  private static let longestPause: Int64 = 6 * 3600
  private static let kept: Int64 = 90 * 86_400

  package let options: Options
  private let catalog: Catalog
  private let devices: Devices
  private let post: any AlertPost
  private let check: @Sendable (AlertChannelInput) throws -> Void
  private let logger: Logger
  private let now: @Sendable () -> Instant
  private let bell = JobBell()
  private let loop = Mutex<Task<Void, Never>?>(nil)
  /// What became of messages, while it cannot be recorded; by their names. As many as are sent at once.
  private let unrecorded = Mutex<[String: Catalog.AlertEnd]>([:])
  private let isClosed = Mutex(false)
  private let tested = Mutex<[Identifier: MonotonicTime]>([:])

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

  private func run() async {
    while !isClosed.withLock({ $0 }) {
      let heard = bell.rings
      let pause = await turn()
      if isClosed.withLock({ $0 }) { return }
      await bell.wait(heard: heard, seconds: pause)
    }
  }

  /// Something may have changed.
  func ring() { bell.ring() }

  func close() async {
    isClosed.withLock { $0 = true }
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

  private func decide() async throws {
    let open = try await catalog.openAlerts()
    guard !open.isEmpty else { return }
    let now = now()
    let people = try await catalog.alertPeople().map { person, isAdmin, settings in
      AlertRules.Person(
        number: person, isAdmin: isAdmin, quiet: AlertSettings(settings).quietHours(at: now),
        snoozedUntil: settings.snoozedUntil)
    }
    let known = Dictionary(people.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
    let patience = Int64(options.adminHours) * 3600
    let decisions = open.compactMap { AlertRules.decide($0, known, patience: patience, now: now) }
    if !decisions.isEmpty { try await catalog.decide(decisions, now: now) }
  }

  /// - Returns: whether there may be more.
  private func deliver() async throws -> Bool {
    let due = try await catalog.dueAlerts(at: now(), limit: Alerts.batch)
    let failures = await withTaskGroup(of: (any Error)?.self) { group in
      for delivery in due {
        group.addTask {
          do {
            try await self.deliver(delivery)
            return nil
          } catch { return error }
        }
      }
      return await group.reduce(into: [any Error]()) { if let failure = $1 { $0.append(failure) } }
    }
    // The catalog cannot be read or written: what is due stays, and is looked at after a pause.
    if let failure = failures.first { throw failure }
    return due.count == Alerts.batch && !isClosed.withLock { $0 }
  }

  /// - Throws: where the catalog fails.
  private func deliver(_ due: AlertDeliveryRow) async throws {
    let name = "\(due.alert)-\(due.channel.id)"
    let end: Catalog.AlertEnd
    if let earlier = unrecorded.withLock({ $0[name] }) {
      end = earlier
    } else if due.isOvertaken || due.channel.disabledAt != nil {
      // While it waited for the end of quiet hours, or for the other side.
      end = .dropped
    } else if let device = try await device(due.device) {
      let message = AlertMessage(device, number: due.alert, at: due.at, isForAdmin: due.isForAdmin)
      let reply = await post.send(message, through: due.channel, delivery: name)
      end = Alerts.end(reply, tries: due.tries, now: now())
    } else {
      end = .dropped
    }
    // Nobody shall be told twice because the disk is full: until it is recorded, it is known here.
    unrecorded.withLock { $0[name] = end }
    try await catalog.end(alert: due.alert, channel: due.channel.number, end, now: now())
    unrecorded.withLock { _ = $0.removeValue(forKey: name) }
  }

  /// Nil where it is gone.
  private func device(_ id: Identifier) async throws -> Device? {
    do { return try await devices.device(id, of: nil) } catch BackupError.noAccess { return nil }
  }

  static func end(_ reply: AlertReply, tries: Int64, now: Instant) -> Catalog.AlertEnd {
    switch reply {
    case .accepted: return .delivered
    case .gone(let word): return .gone(word: word)
    case .throttled(let seconds): return .later(now.adding(seconds: max(1, seconds)), word: "throttled")
    case .failed(let word):
      guard tries + 1 < Alerts.tries else { return .givenUp(word: word) }
      return .later(now.adding(seconds: min(60 << min(tries, 12), Alerts.longestPause)), word: word)
    }
  }

  // MARK: What people set

  package func channels(of user: Identifier) async throws -> [AlertChannel] {
    try await speaking { try await catalog.alertChannels(of: user) }.map { AlertChannel($0) }
  }

  /// Where messages of one person, or everybody, go.
  package func places(of user: Identifier?) async throws -> [(kind: String, host: String)] {
    var seen: Set<String> = []
    return try await speaking { try await catalog.alertTargets(of: user) }.compactMap { kind, target in
      let host = kind == "mail" ? options.mail.map { "\($0.host):\($0.port)" } : Outbound.place(of: target)
      guard let host, seen.insert("\(kind) \(host)").inserted else { return nil }
      return (kind, host)
    }
  }

  /// Adds a channel. - Returns: it, and the secret of a webhook where the server made one: told this once.
  /// - Throws: `.invalid`, `.hostNotAllowed`.
  package func add(_ input: AlertChannelInput, of user: User) async throws -> (AlertChannel, secret: String?) {
    var input = try input.checked()
    if input.kind == .mail, options.mail == nil {
      throw BackupError.invalid("This server has no mail server: --smtp-server is not set")
    }
    try check(input)
    var made: String?
    if input.kind == .webhook, input.secret == nil {
      made = randomToken(43)
      input.secret = made.map { Array($0.utf8) }
    }
    let new = Catalog.NewAlertChannel(
      id: Identifier(), kind: input.kind.rawValue, target: input.target, secret: input.secret, key: input.key)
    let now = now()
    switch try await speaking({
      try await catalog.add(alertChannel: new, of: user.id, limit: Alerts.perPerson, now: now)
    }) {
    case .made(let row): return (AlertChannel(row), made)
    case .tooMany: throw BackupError.invalid("At most \(Alerts.perPerson) places of one person can be told")
    case .unknownUser: throw BackupError.noAccess(permission: "session.update")
    }
  }

  /// - Throws: `.noAccess`.
  package func remove(_ id: Identifier, of user: Identifier) async throws {
    guard try await speaking({ try await catalog.removeAlertChannel(id, of: user) }) else {
      throw BackupError.noAccess(permission: "session.update")
    }
  }

  /// Sends a message now. - Returns: what is wrong, in a word; nil where it was taken.
  /// - Throws: `.noAccess`, `.tooManyAttempts`.
  package func test(_ id: Identifier, of user: User) async throws -> String? {
    let rows = try await speaking { try await catalog.alertChannels(of: user.id) }
    guard let channel = rows.first(where: { $0.id == id }) else {
      throw BackupError.noAccess(permission: "session.update")
    }
    let isTooSoon = tested.withLock { tested in
      if tested.count > 1000 { tested = [:] }
      let time = MonotonicTime.now()
      if let last = tested[user.id], time.seconds(since: last) < Alerts.testPace { return true }
      tested[user.id] = time
      return false
    }
    guard !isTooSoon else { throw BackupError.tooManyAttempts(retryAfter: Int(Alerts.testPace)) }
    switch await post.send(
      .test(user, now: now()), through: channel, delivery: "test-\(Identifier())")
    {
    case .accepted: return nil
    case .throttled: return "throttled"
    case .failed(let word), .gone(let word): return word
    }
  }

  package func settings(of user: Identifier) async throws -> AlertSettings {
    AlertSettings(try await speaking { try await catalog.alertSettings(of: user) })
  }

  /// - Throws: `.invalid`.
  package func set(_ settings: AlertSettings, of user: Identifier) async throws -> AlertSettings {
    let row = try settings.checked(now: now())
    try await speaking { try await catalog.setAlertSettings(row, of: user) }
    bell.ring()
    return AlertSettings(row)
  }
}
