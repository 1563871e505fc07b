import Ground
import Synchronization
import Testing
import Tickle

@testable import Backup
@testable import Store

/// Takes every message, and answers as the test says.
private final class TestPost: AlertPost {
  private let state = Mutex<(sent: [String], reply: AlertReply)>(([], .accepted))

  func send(_ message: AlertMessage, through channel: AlertChannelRow, delivery: String) async -> AlertReply {
    state.withLock { state in
      state.sent.append("\(channel.kind) \(message.level)")
      return state.reply
    }
  }

  func answer(_ reply: AlertReply) { state.withLock { $0.reply = reply } }
  func taken() -> [String] {
    state.withLock { state in
      defer { state.sent = [] }
      return state.sent
    }
  }
}

@Suite struct DiskWatchTests {
  private let world: AccountsFixture
  private let post = TestPost()
  private let free = Counter(50)

  init() async throws { world = try await AccountsFixture() }

  /// As after a start of the server.
  private func watch() -> DiskWatch {
    let (time, free) = (world.time, free)
    return DiskWatch(
      catalog: world.catalog, live: LiveSignal(), post: post, space: { (Int64(free.current), 100) }, logger: quiet,
      now: { time.wall })
  }

  private func fill(to percent: UInt64) { free.add((100 - percent) &- free.current) }

  private func tell(_ user: User, _ kind: String) async throws {
    try await world.catalog.write { db in
      try db.execute(
        sql: """
          INSERT INTO alert_channel (id, user, kind, target, created_at)
          SELECT ?, number, ?, 'https://there.example/', 0 FROM user WHERE id = ?
          """, arguments: [Identifier(), kind, user.id])
    }
  }

  @Test("Who sleeps when the disk gets full hears of it in the morning, once, though the server was restarted at night")
  func restart() async throws {
    let anna = try await world.addUser(isAdmin: true)
    try await tell(anna, "ntfy")
    try await tell(anna, "webhook")
    try await tell(try await world.addUser("bert"), "ntfy")
    let minute = Int64(world.time.wall.milliseconds / 60_000 % 1440)
    try await world.catalog.write { db in
      try db.execute(
        sql: "INSERT INTO alert_settings (user, quiet_from, quiet_to) SELECT number, ?, ? FROM user WHERE id = ?",
        arguments: [minute, (minute + 480) % 1440, anna.id])
    }
    let evening = watch()
    await evening.look()
    #expect(post.taken().isEmpty)
    fill(to: 96)
    await evening.look()
    #expect(post.taken() == ["webhook red"], "it wakes nobody")
    world.time.advance(seconds: 9 * 3600)
    let morning = watch()
    await morning.look()
    #expect(post.taken() == ["ntfy red"])
    await morning.look()
    await watch().look()
    #expect(post.taken().isEmpty)
  }

  @Test("What nobody takes is tried for some hours, also across restarts; what came since overtakes it")
  func tries() async throws {
    try await tell(try await world.addUser(isAdmin: true), "ntfy")
    post.answer(.unsent)
    fill(to: 91)
    for _ in 0..<40 { await watch().look() }
    #expect(post.taken() == [String](repeating: "ntfy amber", count: 16))
    fill(to: 96)
    await watch().look()
    post.answer(.accepted)
    fill(to: 50)
    await watch().look()
    #expect(post.taken() == ["ntfy red", "ntfy green"])
  }
}
