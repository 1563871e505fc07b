import Ground
import Synchronization
import Testing

@testable import Backup
@testable import Store

/// Admins hear once of a disk that gets full: in the morning, behind a restart, and only who has not heard.
@Suite struct DiskWatchTests {
  private final class Post: AlertPost {
    private let state = Mutex<(sent: [String], deliveries: [String], reply: AlertReply)>(([], [], .accepted))

    func send(_ message: AlertMessage, through channel: AlertChannelRow, delivery: String) async -> AlertReply {
      state.withLock { state in
        state.sent.append("\(channel.kind) \(message.level)")
        state.deliveries.append(delivery)
        return state.reply
      }
    }

    var sent: [String] { state.withLock { $0.sent } }
    var deliveries: [String] { state.withLock { $0.deliveries } }
    func answer(_ reply: AlertReply) { state.withLock { $0.reply = reply } }
  }

  private let world: AccountsFixture
  private let post = Post()
  private let percent = Percent()
  private let anna: User

  private final class Percent: Sendable {
    let used = Mutex<Int64>(50)
  }

  init() async throws {
    world = try await AccountsFixture()
    anna = try await world.addUser("anna", isAdmin: true)
    try await add("ntfy")
  }

  private func add(_ kind: String) async throws {
    let new = Catalog.NewAlertChannel(
      id: Identifier(), kind: kind, target: "https://\(kind).example/", secret: nil, key: nil)
    _ = try await world.catalog.add(alertChannel: new, of: anna.id, limit: 10, now: world.time.wall)
  }

  /// Another one each time: as behind a restart.
  private func look(_ used: Int64) async {
    percent.used.withLock { $0 = used }
    let (percent, time) = (percent, world.time)
    let watch = DiskWatch(
      catalog: world.catalog, live: LiveSignal(), post: post,
      space: { (100 - percent.used.withLock { $0 }, 100) }, logger: quiet, now: { time.wall })
    await watch.look()
  }

  private func rest(hours: Int64) async throws {
    var settings = AlertSettingsRow()
    let minute = world.time.wall.milliseconds / 60_000 % 1440
    (settings.quietFrom, settings.quietTo) = (minute, (minute + hours * 60) % 1440)
    try await world.catalog.setAlertSettings(settings, of: anna.id, now: world.time.wall)
  }

  @Test("Full in the night, restarted before the morning: told in the morning, once")
  func night() async throws {
    try await rest(hours: 8)
    await look(96)
    #expect(post.sent.isEmpty)
    world.time.advance(seconds: 4 * 3600)
    await look(96)
    #expect(post.sent.isEmpty)
    world.time.advance(seconds: 5 * 3600)
    for _ in 0..<3 { await look(97) }
    #expect(post.sent == ["ntfy red"])
  }

  @Test("Who never heard that it is full does not hear that it has room again; who did, does")
  func recovery() async throws {
    try await rest(hours: 8)
    try await add("webhook")
    await look(92)
    #expect(post.sent == ["webhook amber"], "a webhook wakes nobody")
    await look(50)
    world.time.advance(seconds: 9 * 3600)
    await look(50)
    #expect(post.sent == ["webhook amber", "webhook green"])
  }

  @Test("What is not taken is tried again under the same name, another change has another; a dead place is left alone")
  func tries() async throws {
    post.answer(.failed("5xx"))
    await look(96)
    await look(96)
    #expect(post.sent.count == 1, "not before its pause")
    world.time.advance(seconds: 600)
    post.answer(.accepted)
    await look(96)
    #expect(post.sent.count == 2 && Set(post.deliveries).count == 1)
    await look(50)
    await look(96)
    #expect(post.sent.suffix(2) == ["ntfy green", "ntfy red"] && Set(post.deliveries).count == 3)
    post.answer(.throttled(7200))
    await look(91)
    world.time.advance(seconds: 3600)
    await look(91)
    #expect(post.sent.count == 5, "patience is obeyed")
    world.time.advance(seconds: 3601)
    post.answer(.gone("gone"))
    await look(91)
    world.time.advance(seconds: 86_400)
    await look(50)
    #expect(post.sent.count == 6)
    let channel = try await world.catalog.alertChannels(of: anna.id).first
    #expect(channel?.disabledAt != nil && channel?.word == "gone")
  }

  @Test("Sixteen failures end it; the next change is told all the same")
  func givenUp() async throws {
    post.answer(.failed("5xx"))
    for _ in 0..<40 {
      await look(96)
      world.time.advance(seconds: 7 * 3600)
    }
    #expect(post.sent.count == 16)
    post.answer(.accepted)
    await look(91)
    #expect(post.sent.last == "ntfy amber")
  }
}
