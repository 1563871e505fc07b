import Ground
import Synchronization
import Testing
import Tickle

@testable import Backup
@testable import Store

/// Takes every message, and answers as the test says.
private final class TestPost: AlertPost {
  private let state = Mutex<(sent: [String], text: String, reply: AlertReply)>(([], "", .accepted))

  func send(_ message: AlertMessage, through channel: AlertChannelRow, delivery: String) async -> AlertReply {
    state.withLock { state in
      state.sent.append(
        "\(channel.kind) \(message.isConfirmation ? "confirm" : message.urgency.rawValue)"
          + (message.isForAdmin ? " admin" : ""))
      state.text = message.sentence
      return state.reply
    }
  }

  var sent: [String] { state.withLock { $0.sent } }
  /// Of the last message.
  var text: String { state.withLock { $0.text } }
  func answer(_ reply: AlertReply) { state.withLock { $0.reply = reply } }
}

/// What happens between a trouble and the next one: nobody is left without the news, nobody hears it twice.
@Suite struct AlertSequenceTests {
  private let world: AccountsFixture
  private let post = TestPost()
  private let contacts: Contacts
  private let devices: Devices
  private let alerts: Alerts
  private let live = LiveSignal()
  private let bert: User
  private let device: Int64
  private let id: Identifier

  init() async throws {
    world = try await AccountsFixture()
    let (catalog, time) = (world.catalog, world.time)
    let now: @Sendable () -> Instant = { time.wall }
    contacts = Contacts(catalog: catalog, live: live, logger: quiet, now: now)
    devices = Devices(
      catalog: catalog,
      assets: Assets(catalog: catalog, originals: Originals(root: world.folder, quarantine: world.folder)),
      contacts: contacts, live: live, logger: quiet, now: now)
    var options = Alerts.Options()
    options.mail = MailServer(host: "mail.example", port: 25, security: .none, from: "nightstand@example.org")
    alerts = Alerts(
      options, catalog: catalog, devices: devices, post: post, check: { _ in }, logger: quiet, now: now)
    bert = try await world.addUser("bert")
    let login = try await world.accounts.login(
      email: "bert@example.org", password: "correct bert",
      device: LoginDevice(type: "Android", system: "Pixel 8", appVersion: "3.1.0"), address: "192.0.2.1",
      facts: DeviceFacts(agent: "immich-android/3.1.0", model: "Pixel 8"))
    device = try #require(try await world.accounts.authenticate(sessionToken: login.token).device)
    try await catalog.record([ActivityEntry(at: time.wall, kind: .duplicate, user: nil, device: device)])
    id = try #require(try await catalog.deviceID(device))
    // It comes every day.
    for _ in 0..<10 {
      comes()
      await contacts.flush()
      time.advance(seconds: 86_400)
    }
    comes()
    await contacts.flush()
  }

  private func tell(_ user: User, _ kind: AlertChannel.Kind = .webhook) async throws {
    var input = AlertChannelInput(kind: kind)
    if kind != .mail { input.target = "https://\(kind.rawValue).example/" }
    _ = try await alerts.add(input, of: user)
  }

  private func pass(hours: Double) async {
    do { try await world.pass(hours: hours) } catch { Issue.record(error) }
    await devices.judge()
    await alerts.turn()
  }

  private func comes() { _ = contacts.note(device, agent: "immich-android/3.1.0", model: "Pixel 8") }

  private func snooze(hours: Int64) async throws {
    var change = Devices.Change()
    change.snoozedUntil = .some(world.time.wall.adding(seconds: hours * 3600))
    _ = try await devices.change(id, of: bert.id, change)
  }

  /// Quiet from this minute of the day on, for as long.
  private func rest(hours: Int) async throws {
    var settings = AlertSettings()
    let minute = Int(world.time.wall.milliseconds / 60_000 % 1440)
    settings.quiet = (minute, (minute + hours * 60) % 1440)
    _ = try await alerts.set(settings, of: bert.id)
  }

  @Test("Red, put off, well again in the meantime: the next trouble is told")
  func recoveredWhilePutOff() async throws {
    try await tell(bert)
    await pass(hours: 80)
    #expect(post.sent == ["webhook amber"])
    try await snooze(hours: 48)
    await pass(hours: 46)
    comes()
    await pass(hours: 3)
    #expect(post.sent == ["webhook amber"], "put off, and then well: nothing to tell")
    await pass(hours: 80)
    #expect(post.sent == ["webhook amber", "webhook amber"])
  }

  @Test("Amber that waited for the morning and was put off meanwhile was heard by nobody: it is told behind the pause")
  func dropped() async throws {
    try await tell(bert, .ntfy)
    try await world.pass(hours: 79)
    try await rest(hours: 8)
    await pass(hours: 1)
    try await snooze(hours: 20)
    await pass(hours: 1)
    await pass(hours: 10)
    #expect(post.sent == [])
    await pass(hours: 10)
    #expect(post.sent == ["ntfy amber"])
  }

  @Test("Trouble that a channel never took is not counted as heard")
  func givenUp() async throws {
    try await tell(bert)
    post.answer(.refused("4xx"))
    await pass(hours: 80)
    comes()
    await pass(hours: 1)
    post.answer(.accepted)
    // The habit has learned of the long silence.
    await pass(hours: 300)
    #expect(post.sent == ["webhook amber", "webhook amber"], "no word of being well, and the second trouble is news")
  }

  @Test("A second try respects the night and the holiday that began behind the first one")
  func laterTries() async throws {
    try await tell(bert, .ntfy)
    post.answer(.failed("5xx"))
    await pass(hours: 80)
    #expect(post.sent.count == 1)
    try await rest(hours: 2)
    await pass(hours: 0.5)
    #expect(post.sent.count == 1, "it is night now")
    await pass(hours: 1.6)
    #expect(post.sent.count == 2)
    var settings = AlertSettings()
    settings.snoozedUntil = world.time.wall.adding(seconds: 40 * 3600)
    _ = try await alerts.set(settings, of: bert.id)
    post.answer(.accepted)
    await pass(hours: 5)
    #expect(post.sent.count == 2, "on holiday")
    _ = try await alerts.set(AlertSettings(), of: bert.id)
    await pass(hours: 0)
    #expect(post.sent.count == 3, "back earlier than planned")
  }

  @Test("An admin on holiday hears when they are back; the other one does not hear twice")
  func adminOnHoliday() async throws {
    let (anna, carl) = (try await world.addUser("anna", isAdmin: true), try await world.addUser("carl", isAdmin: true))
    try await tell(anna)
    try await tell(carl, .ntfy)
    var settings = AlertSettings()
    settings.snoozedUntil = world.time.wall.adding(seconds: 130 * 3600)
    _ = try await alerts.set(settings, of: carl.id)
    await pass(hours: 80)
    await pass(hours: 25)
    #expect(post.sent == ["webhook amber admin"])
    await pass(hours: 20)
    await pass(hours: 20)
    await pass(hours: 1)
    #expect(post.sent == ["webhook amber admin", "ntfy amber admin"])
  }

  @Test("An admin's patience runs from the beginning of the trouble, not from its last change of colour")
  func patience() async throws {
    let anna = try await world.addUser("anna", isAdmin: true)
    try await tell(anna)
    // Amber at 80 hours, red well before a day is over.
    await pass(hours: 80)
    let first = try await world.catalog.openAlerts(at: world.time.wall.adding(seconds: 86_400 * 9), limit: 9)
    let began = try #require(first.first?.since)
    world.time.advance(seconds: 12 * 3600)
    try await world.catalog.judge(
      [.init(device: device, level: "red", reason: "quiet", isAlarm: true, isSilent: false)], now: world.time.wall)
    let rows = try await world.catalog.openAlerts(at: world.time.wall.adding(seconds: 86_400 * 9), limit: 9)
    #expect(rows.map(\.since) == [began, began])
    #expect(rows.map(\.isOvertaken) == [true, false])
    let anna2 = AlertRules.Person(number: 99, isAdmin: true, quiet: nil, snoozedUntil: nil)
    let due = began.adding(seconds: 24 * 3600)
    let early = AlertRules.decide(rows[1], [99: anna2], patience: 86_400, now: due.adding(seconds: -1))
    #expect(early.messages.isEmpty && early.lookAt == due && !early.isAdminDone)
    let late = AlertRules.decide(rows[1], [99: anna2], patience: 86_400, now: due)
    #expect(late.messages.count == 1 && late.isAdminDone)
  }

  @Test("What waits for somebody's holiday does not stand before everybody else's news")
  func manyWait() async throws {
    let catalog = world.catalog
    try await tell(bert)
    var settings = AlertSettings()
    settings.snoozedUntil = world.time.wall.adding(seconds: 300 * 86_400)
    _ = try await alerts.set(settings, of: bert.id)
    try await catalog.judge(
      (0..<1).map { _ in .init(device: device, level: "amber", reason: "quiet", isAlarm: true, isSilent: false) },
      now: world.time.wall)
    await alerts.turn()
    #expect(try await catalog.openAlerts(at: world.time.wall, limit: 10).isEmpty, "looked at, and put aside")
    #expect(try await catalog.openAlerts(at: world.time.wall.adding(seconds: 301 * 86_400), limit: 10).count == 1)
    _ = try await alerts.set(AlertSettings(), of: bert.id)
    #expect(try await catalog.openAlerts(at: world.time.wall, limit: 10).count == 1)
  }

  @Test("Between a recovery and the next look at the devices nobody is told that all is well by the row of the trouble")
  func stale() async throws {
    try await tell(bert, .ntfy)
    try await world.pass(hours: 79)
    try await rest(hours: 3)
    await pass(hours: 1)
    comes()
    await contacts.flush()
    world.time.advance(seconds: 4 * 3600)
    await alerts.turn()
    #expect(post.sent == [], "nobody was told of trouble, and nobody needs to hear of its end")
    await pass(hours: 0.2)
    #expect(post.sent == [])
  }

  @Test("What cannot be recorded is sent once; what cannot be read is not lost")
  func unrecorded() async throws {
    try await tell(bert)
    try await world.catalog.write { db in
      try db.execute(
        sql: "CREATE TRIGGER keeping BEFORE DELETE ON alert_delivery BEGIN SELECT RAISE(ABORT, 'no'); END")
    }
    await pass(hours: 80)
    for _ in 0..<5 { await alerts.turn() }
    #expect(post.sent == ["webhook amber"])
    try await world.catalog.write { db in try db.execute(sql: "DROP TRIGGER keeping") }
    await alerts.turn()
    #expect(try await world.catalog.dueAlerts(at: world.time.wall, limit: 9).isEmpty)
    #expect(post.sent == ["webhook amber"])
    // The next one: the devices' table cannot be read for a while.
    try await world.pass(hours: 120)
    await devices.judge()
    try await world.catalog.write { db in try db.execute(sql: "ALTER TABLE device_day RENAME TO hidden") }
    for _ in 0..<3 { await alerts.turn() }
    #expect(post.sent == ["webhook amber"])
    try await world.catalog.write { db in try db.execute(sql: "ALTER TABLE hidden RENAME TO device_day") }
    await alerts.turn()
    #expect(post.sent == ["webhook amber", "webhook red"])
  }

  @Test("A webhook that only fails for a week is called no more, and says so; adding it again begins anew")
  func disabled() async throws {
    try await tell(bert)
    post.answer(.failed("5xx"))
    await pass(hours: 80)
    for _ in 0..<400 { await pass(hours: 0.5) }
    #expect(try await alerts.channels(of: bert.id).first?.isDisabled == false)
    let before = post.sent.count
    comes()
    await pass(hours: 1)
    await pass(hours: 600)
    var channel = try #require(try await alerts.channels(of: bert.id).first)
    #expect(before == 32 && channel.isDisabled && channel.problem == "5xx")
    let count = post.sent.count
    comes()
    await pass(hours: 1)
    await pass(hours: 80)
    #expect(post.sent.count == count)
    try await tell(bert)
    channel = try #require(try await alerts.channels(of: bert.id).first)
    #expect(!channel.isDisabled && channel.problem == nil)
  }

  @Test("Mail goes nowhere before its address has shown the code of the first mail, and again when the address changes")
  func mail() async throws {
    try await tell(bert, .mail)
    #expect(post.sent == ["mail confirm"])
    var channel = try #require(try await alerts.channels(of: bert.id).first)
    #expect(channel.confirmedAt == nil)
    await pass(hours: 80)
    #expect(post.sent == ["mail confirm"], "no word of devices to an address that nobody has confirmed")
    await #expect(throws: BackupError.self) { try await alerts.confirm(channel.id, of: bert, token: "guess") }
    // Asking again and again makes no bomb of it.
    _ = try await alerts.remove(channel.id, of: bert.id)
    for _ in 0..<5 { try await tell(bert, .mail) }
    #expect(post.sent == ["mail confirm", "mail confirm"])
    let token = try #require(post.text.split(separator: "\n").map(String.init).first { $0.utf8.count == 32 })
    channel = try #require(try await alerts.channels(of: bert.id).first)
    #expect(try await alerts.confirm(channel.id, of: bert, token: token).confirmedAt != nil)
    await #expect(throws: BackupError.self) { try await alerts.confirm(channel.id, of: bert, token: token) }
    await pass(hours: 100)
    #expect(post.sent.suffix(1) == ["mail red"])
    #expect(try await alerts.test(channel.id, of: bert) == nil)
    await #expect(throws: BackupError.self) { try await alerts.test(channel.id, of: bert) }
  }

  @Test("A push message holds whole letters, and no more bytes than fit")
  func short() {
    let family = String(repeating: "👨‍👩‍👧‍👦", count: 600)
    #expect(OutboundPost.short(family).utf8.count <= 600)
    #expect(OutboundPost.short("short") == "short")
  }
}
