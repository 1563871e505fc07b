import Ground
import Store
import Synchronization
import Testing
import Tickle

@testable import Backup

/// Takes every message, and answers as the test says.
private final class TestPost: AlertPost {
  private let state = Mutex<(sent: [String], reply: AlertReply)>(([], .accepted))

  func send(_ message: AlertMessage, through channel: AlertChannelRow, delivery: String) async -> AlertReply {
    state.withLock { state in
      state.sent.append("\(channel.target) \(message.urgency.rawValue)\(message.isForAdmin ? " admin" : "")")
      return state.reply
    }
  }

  var sent: [String] { state.withLock { $0.sent } }
  func answer(_ reply: AlertReply) { state.withLock { $0.reply = reply } }
}

@Suite struct AlertRulesTests {
  private let world: AccountsFixture
  private let post = TestPost()
  private let contacts: Contacts
  private let devices: Devices
  private let alerts: Alerts
  private let live = LiveSignal()

  init() async throws {
    world = try await AccountsFixture()
    let (catalog, time) = (world.catalog, world.time)
    let now: @Sendable () -> Instant = { time.wall }
    contacts = Contacts(catalog: catalog, live: live, logger: quiet, now: now)
    devices = Devices(
      catalog: catalog,
      assets: Assets(catalog: catalog, originals: Originals(root: world.folder, quarantine: world.folder)),
      contacts: contacts, live: live, logger: quiet, now: now)
    alerts = Alerts(
      Alerts.Options(), catalog: catalog, devices: devices, post: post, check: { _ in }, logger: quiet, now: now)
  }

  /// A phone of somebody, which has brought a photo.
  private func phone(of name: String) async throws -> Int64 {
    let login = try await world.accounts.login(
      email: "\(name)@example.org", password: "correct \(name)",
      device: LoginDevice(type: "Android", system: "Pixel 8", appVersion: "3.1.0"), address: "192.0.2.1",
      facts: DeviceFacts(agent: "immich-android/3.1.0", model: "Pixel 8"))
    let device = try #require(try await world.accounts.authenticate(sessionToken: login.token).device)
    try await world.catalog.record([ActivityEntry(at: world.time.wall, kind: .duplicate, user: nil, device: device)])
    return device
  }

  private func tell(_ user: User, _ place: String, _ kind: AlertChannel.Kind = .webhook) async throws {
    var input = AlertChannelInput(kind: kind)
    input.target = "https://\(place)/"
    _ = try await alerts.add(input, of: user)
  }

  private func pass(hours: Double) async {
    world.time.advance(seconds: hours * 3600)
    await devices.judge()
    await alerts.turn()
  }

  @Test("The owner hears at once, the admin a day later, and each of a change once; both hear that all is well again")
  func order() async throws {
    let (anna, bert) = (try await world.addUser("anna", isAdmin: true), try await world.addUser("bert"))
    let device = try await phone(of: "bert")
    try await tell(anna, "anna")
    try await tell(bert, "bert")
    await pass(hours: 1)
    #expect(post.sent == [])
    await pass(hours: 80)
    #expect(post.sent == ["https://bert/ amber"])
    for _ in 0..<3 { await pass(hours: 6) }
    #expect(post.sent == ["https://bert/ amber"])
    await pass(hours: 7)
    #expect(post.sent == ["https://bert/ amber", "https://anna/ amber admin"])
    await pass(hours: 72)
    await pass(hours: 25)
    #expect(Set(post.sent.suffix(2)) == ["https://bert/ red", "https://anna/ red admin"])
    _ = contacts.note(device, agent: "immich-android/3.1.0", model: "Pixel 8")
    await pass(hours: 0)
    #expect(Set(post.sent.suffix(2)) == ["https://bert/ fine", "https://anna/ fine admin"] && post.sent.count == 6)
    await pass(hours: 1)
    #expect(post.sent.count == 6)
  }

  @Test("An admin whom the owner's quick hand spared hears nothing, not even that all is well")
  func spared() async throws {
    let (anna, bert) = (try await world.addUser("anna", isAdmin: true), try await world.addUser("bert"))
    let device = try await phone(of: "bert")
    try await tell(anna, "anna")
    try await tell(bert, "bert")
    await pass(hours: 80)
    _ = contacts.note(device, agent: "immich-android/3.1.0", model: "Pixel 8")
    await pass(hours: 1)
    await pass(hours: 26)
    #expect(post.sent == ["https://bert/ amber", "https://bert/ fine"])
  }

  @Test("What waits for the end of quiet hours is told then, as it is then")
  func quietHours() async throws {
    let bert = try await world.addUser("bert")
    let device = try await phone(of: "bert")
    try await tell(bert, "ntfy", .ntfy)
    try await tell(bert, "hook")
    var settings = AlertSettings()
    let minute = Int(world.time.wall.milliseconds / 60_000 % 1440)
    // From now on, but for one hour of each day: 80 hours on it is quiet.
    settings.quiet = (minute, (minute + 23 * 60) % 1440)
    _ = try await alerts.set(settings, of: bert.id)
    await pass(hours: 80)
    #expect(post.sent == ["https://hook/ amber"])
    await pass(hours: 15.2)
    #expect(post.sent == ["https://hook/ amber", "https://ntfy/ amber"])
    // Well again before anybody could be told of red: one message, the last.
    await pass(hours: 100)
    _ = contacts.note(device, agent: "immich-android/3.1.0", model: "Pixel 8")
    for _ in 0..<48 { await pass(hours: 0.5) }
    #expect(post.sent.filter { $0.contains("ntfy") } == ["https://ntfy/ amber", "https://ntfy/ fine"])
  }

  @Test("A trouble that begins and ends in the quiet of a night is told to nobody who sleeps")
  func night() async throws {
    let bert = try await world.addUser("bert")
    let device = try await phone(of: "bert")
    try await tell(bert, "ntfy", .ntfy)
    try await tell(bert, "hook")
    var settings = AlertSettings()
    let minute = Int(world.time.wall.milliseconds / 60_000 % 1440)
    settings.quiet = (minute, (minute + 23 * 60) % 1440)
    _ = try await alerts.set(settings, of: bert.id)
    await pass(hours: 80)
    _ = contacts.note(device, agent: "immich-android/3.1.0", model: "Pixel 8")
    await pass(hours: 1)
    await pass(hours: 24)
    #expect(post.sent == ["https://hook/ amber", "https://hook/ fine"])
  }

  @Test(
    "What is not taken is tried again, further and further apart, and given up in the end; who is gone is left alone")
  func tries() async throws {
    let bert = try await world.addUser("bert")
    _ = try await phone(of: "bert")
    try await tell(bert, "bert")
    post.answer(.failed("5xx"))
    await pass(hours: 80)
    for _ in 0..<600 { await pass(hours: 0.25) }
    #expect(post.sent.count(where: { $0.hasSuffix("amber") }) == 16)
    #expect(try await alerts.channels(of: bert.id).first?.problem == "5xx")
    #expect(Alerts.end(.failed("5xx"), tries: 15, now: world.time.wall) == .givenUp(word: "5xx"))
    let now = world.time.wall
    #expect(Alerts.end(.throttled(77), tries: 15, now: now) == .throttled(now.adding(seconds: 77)))
    #expect(Alerts.end(.refused("mail_550"), tries: 0, now: now) == .givenUp(word: "mail_550"))
    #expect(Alerts.end(.gone("gone"), tries: 0, now: now) == .gone(word: "gone"))
  }

  @Test("A letter holds nothing of anybody's in its header, and its text as base64")
  func letter() throws {
    let message = AlertMessage(
      number: 7, at: world.time.wall, level: "red", reason: "quiet", urgency: .red, device: nil,
      deviceName: "Pixel\r\nBcc: all@example.org", person: "Zoë", isForAdmin: true,
      sentence: "Not heard from for 9 days.\r\n.\r\nQUIT", steps: ["Open the app."])
    let bytes = message.mail(
      from: "a@example.org", to: "b@example.org", id: "7-x", link: nil, now: Instant(milliseconds: 1_700_000_000_000))
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.contains("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"))
    #expect(!text.contains("Bcc") && !text.contains("QUIT") && !text.contains("Zoë"))
    #expect(text.split(separator: "\r\n").allSatisfy { $0.utf8.count <= 78 })
  }
}
