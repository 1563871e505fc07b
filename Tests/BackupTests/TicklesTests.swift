import Ground
import Synchronization
import Testing
import Tickle

@testable import Backup
@testable import Store

/// Takes every tickle, and answers as the test says.
private final class TestCourier: Courier {
  private struct State {
    var reaches: [Reach] = []
    /// How many were asked for, each time.
    var asked: [Int] = []
    var delivery = Delivery.accepted
    /// Sends that wait for `release`, where `isHolding`.
    var isHolding = false
    var held: [CheckedContinuation<Void, Never>] = []
    var listener: (@Sendable (Int64, Reach?) -> Void)?
  }
  private let state = Mutex(State())
  let sent: AsyncStream<TickleMessage>
  private let out: AsyncStream<TickleMessage>.Continuation

  init() { (sent, out) = AsyncStream.makeStream() }

  func reaches(after device: Int64, limit: Int) async throws -> (some: [Reach], next: Int64?) {
    let reaches = state.withLock { state in
      state.asked.append(limit)
      return state.reaches
    }
    let some = reaches.sorted { $0.device < $1.device }.filter { $0.device > device }.prefix(limit)
    return (Array(some), some.count < limit ? nil : some.last?.device)
  }

  func send(_ message: TickleMessage) async -> Delivery {
    out.yield(message)
    await withCheckedContinuation { continuation in
      let isHeld = state.withLock { state in
        if state.isHolding { state.held.append(continuation) }
        return state.isHolding
      }
      if !isHeld { continuation.resume() }
    }
    return state.withLock { $0.delivery }
  }

  func listen(_ listener: @escaping @Sendable (Int64, Reach?) -> Void) { state.withLock { $0.listener = listener } }

  var asked: [Int] { state.withLock { $0.asked } }

  func hold() { state.withLock { $0.isHolding = true } }

  func release() {
    let held = state.withLock { state in
      defer { (state.isHolding, state.held) = (false, []) }
      return state.held
    }
    for continuation in held { continuation.resume() }
  }

  func answer(_ delivery: Delivery) { state.withLock { $0.delivery = delivery } }

  func register(_ device: Int64) {
    let reach = Reach(device: device, channel: .webPush, host: "push.example")
    let listener = state.withLock { state in
      state.reaches.append(reach)
      return state.listener
    }
    listener?(device, reach)
  }
}

@Suite struct TicklesTests {
  private let world: AccountsFixture
  private let courier = TestCourier()
  private let tickles: Tickles
  private let contacts: Contacts
  private let devices: Devices
  private let live = LiveSignal()

  init() async throws {
    world = try await AccountsFixture()
    (tickles, contacts, devices) = TicklesTests.rooms(world, live)
  }

  private static func rooms(_ world: AccountsFixture, _ live: LiveSignal) -> (Tickles, Contacts, Devices) {
    let (catalog, time) = (world.catalog, world.time)
    let now: @Sendable () -> Instant = { time.wall }
    let tickles = Tickles(limits: Tickles.Limits(), catalog: catalog, logger: quiet, now: now)
    let contacts = Contacts(catalog: catalog, live: live, tickles: tickles.inbox, logger: quiet, now: now)
    return (
      tickles, contacts,
      Devices(
        catalog: catalog,
        assets: Assets(catalog: catalog, originals: Originals(root: world.folder, quarantine: world.folder)),
        contacts: contacts, live: live, tickles: tickles.inbox, logger: quiet, now: now)
    )
  }

  /// A phone of anna's that is registered. - Returns: its device's number.
  private func phone(isRegistered: Bool = true) async throws -> Int64 {
    _ = try await world.addUser()
    let login = try await world.accounts.login(
      email: "anna@example.org", password: "correct anna",
      device: LoginDevice(type: "Android", system: "Pixel 8", appVersion: "3.1.0"), address: "192.0.2.1",
      facts: DeviceFacts(agent: "immich-android/3.1.0", model: "Pixel 8"))
    let device = try #require(try await world.accounts.authenticate(sessionToken: login.token).device)
    if isRegistered { courier.register(device) }
    return device
  }

  private func start(_ tickles: Tickles, seed: UInt64 = 1) async throws {
    let contacts = contacts
    try await tickles.start(
      courier, seed: seed, receiving: { [] }, contacts: { contacts.lastContacts(of: $0) })
  }

  /// The device as its owner sees it.
  private func seen() async throws -> Device {
    await contacts.flush()
    return try #require(try await devices.list(of: nil, withRevoked: false).first)
  }

  /// One tickle of the device, by its number.
  private func row(_ tickles: Tickles, _ number: Int64?) async throws -> Tickling? {
    try await tickles.list(of: try await seen(), limit: 500).first { $0.number == number }
  }

  /// Waits for what a task of the tickler's still does.
  private func eventually(_ condition: () async throws -> Bool) async throws {
    for _ in 0..<10_000 {
      if try await condition() { return }
      await Task.yield()
    }
    Issue.record("it did not come to pass")
  }

  /// Lets hours pass until something is sent. - Returns: what.
  private func untilSent(_ tickles: Tickles, hours: Int = 400) async throws -> TickleMessage {
    for _ in 0..<hours {
      world.time.advance(seconds: 3600)
      await tickles.turn()
      if let last = try await seen().tickles?.last, last.outcome != .held, last.at == world.time.wall {
        var sent = courier.sent.makeAsyncIterator()
        return try #require(await sent.next())
      }
    }
    Issue.record("nothing was sent")
    throw CancellationError()
  }

  @Test("An overdue phone is tickled; its contact is the answer, with its latency, and makes it fresh")
  func answer() async throws {
    let device = try await phone()
    try await start(tickles)
    let message = try await untilSent(tickles)
    #expect(message.device == device && message.kind == .sync && (60...14_400).contains(message.ttlSeconds))
    try await eventually { try await seen().tickles?.last?.delivery == "accepted" }
    #expect(try await seen().tickles?.last?.outcome == .waiting)
    world.time.advance(seconds: 42)
    _ = contacts.note(device, agent: "immich-android/3.1.0", model: "Pixel 8", tickle: message.tickle)
    await tickles.settle()
    let last = try #require(try await seen().tickles?.last)
    #expect(last.outcome == .answered && last.latencyMilliseconds == 42_000 && last.isEchoed)
    #expect(last.number == message.tickle)
    world.time.advance(seconds: 3500)
    await tickles.turn()
    #expect(try await tickles.list(of: try await seen(), limit: 500).first?.number == message.tickle, "it is fresh")
    await tickles.close()
  }

  @Test(
    "The only phone of a household comes after a long silence and registers: it is fresh, whatever is written of it")
  func first() async throws {
    let device = try await phone(isRegistered: false)
    await contacts.flush()
    try await start(tickles)
    await tickles.turn()
    world.time.advance(seconds: 5 * 86_400)
    _ = contacts.note(device, agent: "immich-android/3.1.0", model: "Pixel 8")
    courier.register(device)
    await tickles.turn()
    for _ in 0..<11 {
      world.time.advance(seconds: 300)
      await tickles.turn()
    }
    #expect(try await seen().tickles?.last == nil)
    // The same where a turn has looked between the contact and the registration.
    await tickles.close()
    let (again, contacts, _) = TicklesTests.rooms(world, live)
    try await again.start(
      TestCourier(), seed: 1, receiving: { [] }, contacts: { contacts.lastContacts(of: $0) })
    world.time.advance(seconds: 5 * 86_400)
    _ = contacts.note(device, agent: "immich-android/3.1.0", model: "Pixel 8")
    await again.turn()
    again.inbox.reach(device, Reach(device: device, channel: .webPush, host: "push.example"))
    await again.turn()
    #expect(try await again.list(of: try await seen(), limit: 9).isEmpty)
    await again.close()
  }

  @Test("What cannot be written down is not sent, and was never due: there is no such tickle behind it")
  func unwritten() async throws {
    let device = try await phone()
    try await start(tickles)
    try await world.catalog.write { db in
      try db.execute(sql: "CREATE TRIGGER refusing BEFORE INSERT ON tickle BEGIN SELECT RAISE(ABORT, 'no'); END")
    }
    for _ in 0..<40 {
      world.time.advance(seconds: 3600)
      await tickles.turn()
    }
    try await world.catalog.write { db in try db.execute(sql: "DROP TRIGGER refusing") }
    let message = try await untilSent(tickles)
    try await eventually { try await seen().tickles?.last?.delivery == "accepted" }
    let rows = try await tickles.list(of: try await seen(), limit: 500)
    #expect(rows.filter { $0.outcome != .held }.map(\.number) == [message.tickle], "the first one that was sent")
    #expect(rows.allSatisfy { $0.delivery != "not_recorded" })
    #expect(try await world.catalog.tickleCandidates([device], now: world.time.wall).first?.sends.count == 1)
    await tickles.close()
  }

  @Test("A stop waits for what is being sent; what it cut is nobody's failure, and counts for the budget")
  func stop() async throws {
    let device = try await phone()
    courier.hold()
    try await start(tickles)
    var open: Tickling?
    for _ in 0..<400 where open == nil {
      world.time.advance(seconds: 3600)
      await tickles.turn()
      if let last = try await seen().tickles?.last, last.outcome == .waiting { open = last }
    }
    #expect(open != nil)
    await tickles.hold()
    courier.answer(.failed("broken"))
    async let closed: Void = tickles.close()
    courier.release()
    await closed
    #expect(try await seen().tickles?.last?.delivery == nil)
    let (again, contacts, _) = TicklesTests.rooms(world, live)
    courier.answer(.accepted)
    try await again.start(courier, seed: 3, receiving: { [] }, contacts: { contacts.lastContacts(of: $0) })
    // The loop may be at its next tickle already.
    #expect(try await row(again, open?.number)?.delivery == "interrupted")
    let candidate = try await world.catalog.tickleCandidates([device], now: world.time.wall).first
    #expect(candidate?.sends.contains { $0 == open?.at } == true && candidate?.memory?.notBefore == nil)
    await again.close()
  }

  @Test("A stream that is closed when its answer is read has answered; the row ends")
  func hungUp() async throws {
    let device = try await phone()
    try await start(tickles)
    let message = try await untilSent(tickles)
    try await eventually { try await seen().tickles?.last?.delivery == "accepted" }
    world.time.advance(seconds: 20)
    tickles.inbox.reach(device, nil)
    _ = contacts.note(device, agent: "immich-android/3.1.0", model: "Pixel 8", tickle: message.tickle)
    await tickles.turn()
    #expect(try await seen().tickles?.last?.outcome == .answered)
    let memory = try await world.catalog.tickleCandidates([device], now: world.time.wall).first?.memory
    #expect(memory?.sentContacts == 1)
    await tickles.close()
  }

  @Test("Who only listens on is still there, and asleep all the same")
  func presence() async throws {
    let device = try await phone()
    try await start(tickles)
    for _ in 0..<40 {
      world.time.advance(seconds: 3600)
      _ = contacts.note(device, agent: "immich-android/3.1.0", model: "Pixel 8", isPresence: true)
      await tickles.turn()
    }
    #expect(try await seen().tickles?.last != nil)
    await tickles.close()
  }

  @Test("Behind a restart numbers go on, what was learned stays, and what was open is over")
  func restart() async throws {
    let device = try await phone()
    try await start(tickles)
    let first = try await untilSent(tickles)
    try await eventually { try await seen().tickles?.last?.delivery == "accepted" }
    let memory = try #require(try await world.catalog.devices(of: nil, withRevoked: false, now: world.time.wall).first)
      .tickles?.memory
    // No farewell: the process was killed.
    let (again, contacts, _) = TicklesTests.rooms(world, live)
    try await start(again, seed: 3)
    #expect(try await row(again, first.tickle)?.outcome == .unanswered)
    let next = try await untilSent(again)
    #expect(next.tickle > first.tickle && memory?.rung ?? 0 >= 1)
    try await eventually { try await row(again, next.tickle)?.delivery == "accepted" }
    _ = contacts.note(device, agent: "immich-android/3.1.0", model: "Pixel 8")
    try await eventually {
      await again.settle()
      return try await row(again, next.tickle)?.outcome == .answered
    }
    await again.close()
    await tickles.close()
  }

  @Test("By hand: at once, not more often than the system bears, and only who can be reached")
  func byHand() async throws {
    _ = try await phone()
    let device = try await seen()
    await #expect(throws: BackupError.invalid("Devices are not tickled by this process")) {
      try await tickles.byHand(device)
    }
    try await start(tickles)
    for _ in 0..<5 { #expect(try await tickles.byHand(device).delivery == "accepted") }
    do {
      _ = try await tickles.byHand(device)
      Issue.record("a sixth one within the day")
    } catch BackupError.tooManyAttempts(let seconds) { #expect((3500...86_401).contains(seconds)) }
    await tickles.close()
  }

  @Test("A registration that has ended is not asked again, and the line says why")
  func gone() async throws {
    _ = try await phone()
    courier.answer(.gone)
    try await start(tickles)
    _ = try await untilSent(tickles)
    try await eventually { try await seen().tickles?.last?.delivery == "gone" }
    try await eventually { try await seen().tickles?.diagnosis == .uninstalledOrReset }
    #expect(try await seen().tickles?.last?.outcome == .undelivered)
    let device = try await seen()
    await #expect(throws: BackupError.self) { try await tickles.byHand(device) }
    await tickles.close()
  }

  @Test(
    "Many are read some at a time, beside the start; who comes meanwhile is not missed, and a stop does not wait for all"
  )
  func many() async throws {
    let first = try await phone()
    let last = first + 1200
    try await world.catalog.write { db in
      try db.execute(
        sql: """
          WITH RECURSIVE next (n) AS (SELECT ?1 + 1 UNION ALL SELECT n + 1 FROM next WHERE n < ?2)
          INSERT INTO device (number, id, user, kind, os, first_contact, last_contact, stored)
            SELECT n, randomblob(16), user, 'phone', 'Android', first_contact, last_contact - 864000000, 1
            FROM next JOIN device ON device.number = ?1
          """, arguments: [first, last])
    }
    for device in (first + 1)...last { courier.register(device) }
    try await start(tickles)
    _ = contacts.note(last, agent: "immich-android/3.1.0", model: "Pixel 8")
    world.time.advance(seconds: 1)
    await tickles.turn()
    #expect(courier.asked == [500, 500, 500])
    // It is known, and fresh.
    for _ in 0..<50 {
      world.time.advance(seconds: 60)
      await tickles.turn()
    }
    #expect(try await world.catalog.tickles(of: last, limit: 1).isEmpty)
    var isAsked = false
    for device in (first + 501)...(first + 999) where !isAsked {
      isAsked = try await !world.catalog.tickles(of: device, limit: 1).isEmpty
    }
    #expect(isAsked, "and others were asked, whichever page they came with")
    await tickles.close()
    let (again, contacts, _) = TicklesTests.rooms(world, live)
    try await again.start(courier, seed: 3, receiving: { [] }, contacts: { contacts.lastContacts(of: $0) })
    await again.close()
    #expect(try await world.catalog.openTickles().stoppedAt != nil)
  }

  @Test("Tickles are forgotten after their time")
  func retention() async throws {
    _ = try await phone()
    try await start(tickles)
    _ = try await untilSent(tickles)
    try await eventually { try await seen().tickles?.last?.delivery == "accepted" }
    await tickles.close()
    world.time.advance(seconds: 91 * 86_400)
    await tickles.sweep()
    #expect(try await tickles.list(of: try await seen(), limit: 10).isEmpty)
  }
}
