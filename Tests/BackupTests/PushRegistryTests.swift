import Ground
import Outbound
import Push
import Store
import Synchronization
import Testing
import Tickle

@testable import Backup

/// Who is reached by what, as devices come, go, merge and end.
@Suite struct PushRegistryTests {
  private let world: AccountsFixture
  private let registry: PushRegistry
  private let devices: Devices
  /// What was said last of each device.
  private final class Words: Sendable {
    let last = Mutex<[Int64: Reach?]>([:])
  }
  private let words = Words()
  /// Knows two names, one of them inside.
  private struct Names: Resolver {
    func addresses(of host: String) async throws(OutboundError) -> [IPAddress] {
      let bytes: [UInt8]? =
        host == "inside.example" ? [10, 0, 0, 7] : host == "push.example" ? [93, 184, 216, 34] : nil
      guard let address = bytes.flatMap({ IPAddress(bytes: $0) }) else { throw .unknownHost }
      return [address]
    }
  }

  init() async throws {
    world = try await AccountsFixture()
    let (catalog, time, live) = (world.catalog, world.time, LiveSignal())
    let now: @Sendable () -> Instant = { time.wall }
    try FileSystem.makeFolders(world.folder + "/keys")
    let registry = try PushRegistry(
      PushOptions(), keys: world.folder + "/keys", catalog: catalog, outbound: Outbound(resolver: Names()), live: live,
      logger: quiet,
      now: now)
    self.registry = registry
    devices = Devices(
      catalog: catalog,
      assets: Assets(catalog: catalog, originals: Originals(root: world.folder, quarantine: world.folder)),
      contacts: Contacts(catalog: catalog, live: live, logger: quiet, now: now), live: live, logger: quiet, now: now)
    devices.reachChanged.withLock { $0 = { await registry.changed($0) } }
    _ = try await world.addUser()
    let words = words
    registry.listen { device, reach in words.last.withLock { $0[device] = .some(reach) } }
  }

  private func word(_ device: Int64) -> Reach.Channel? { words.last.withLock { $0[device] ?? nil }?.channel }

  private func phone(_ model: String) async throws -> (number: Int64, id: Identifier) {
    let login = try await world.accounts.login(
      email: "anna@example.org", password: "correct anna",
      device: LoginDevice(type: "Android", system: model, appVersion: "3.1.0"), address: "192.0.2.1",
      facts: DeviceFacts(agent: "immich-android/3.1.0", model: model))
    let device = try #require(try await world.accounts.authenticate(sessionToken: login.token).device)
    return (device, try #require(try await world.catalog.deviceID(device)))
  }

  private func register(_ device: Int64, isConfirmed: Bool = true, serverKey: String? = nil) async throws {
    let place = PushPlace(
      kind: "webpush", endpoint: "https://push.example/\(device)", key: [UInt8](repeating: 4, count: 65),
      secret: [UInt8](repeating: 5, count: 16))
    let now = world.time.wall
    _ = try await world.catalog.register(
      push: place, quiet: PushQuiet(), serverKey: serverKey, of: device, token: [1],
      expiresAt: now.adding(seconds: 300),
      limit: 10, now: now)
    if isConfirmed { _ = try await world.catalog.confirmPush(of: device, token: [1], now: now) }
  }

  @Test("A stream that is opened again while the last one closes is known, whoever is faster")
  func reconnect() async throws {
    let device = try await phone("Pixel 8").number
    try await register(device)
    #expect(await registry.canListen(device))
    registry.streamOpened(device)
    for _ in 0..<100 {
      async let closed: Void = registry.streamClosed(device)
      async let opened: Void = registry.streamOpened(device)
      _ = await (closed, opened)
      #expect(word(device) == .stream)
    }
    // What becomes of its registration meanwhile is for later.
    registry.tell(device: device, nil)
    #expect(word(device) == .stream)
    await registry.streamClosed(device)
    #expect(word(device) == .webPush)
  }

  @Test(
    "Merged: the registration that works stays, whoever had it, and whoever sends learns of it",
    arguments: [true, false])
  func merge(isWholeActive: Bool) async throws {
    let (whole, part) = (try await phone("Pixel 8"), try await phone("Pixel 9"))
    try await register(whole.number, isConfirmed: isWholeActive)
    try await register(part.number)
    var memory = TickleMemory()
    (memory.sent, memory.held) = (3, 1)
    var changes = Catalog.TickleChanges()
    changes.memories = [whole.number: memory, part.number: memory]
    try await world.catalog.record(changes)
    _ = try await devices.merge(whole.id, with: part.id, of: nil)
    let row = try #require(try await world.catalog.push(of: whole.number))
    #expect(row.state == .active)
    #expect(row.place.endpoint == "https://push.example/\(isWholeActive ? whole.number : part.number)")
    #expect(word(whole.number) == .webPush && word(part.number) == nil)
    #expect(words.last.withLock { $0[part.number] != nil }, "it was told that it is no more")
    let candidate = try await world.catalog.tickleCandidates([whole.number], now: world.time.wall).first
    #expect(candidate?.memory?.sent == 6 && candidate?.memory?.held == 2)
  }

  private static func subscription(_ host: String) -> PushRequest {
    // The base point of P-256: nobody reads what is sent there.
    let point = Hex.decode(
      """
      046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececb\
      b6406837bf51f5
      """.utf8)
    return PushRequest(
      PushPlace(kind: "webpush", endpoint: "https://\(host)/x", key: point, secret: [UInt8](repeating: 5, count: 16)))
  }

  @Test(
    "A name inside and a name that nobody knows have the same answer, to phones and to people: no list of the house")
  func oracle() async throws {
    let phone = try await phone("Pixel 8")
    for host in ["inside.example", "nowhere.example"] {
      await #expect(throws: BackupError.hostNotAllowed(host)) {
        try await registry.register(phone.id, of: nil, Self.subscription(host))
      }
    }
    #expect(try await world.catalog.push(of: phone.number) == nil)
    #expect(Set(try await registry.hosts().wanted.map(\.host)) == ["inside.example", "nowhere.example"])
    #expect(AlertReply(OutboundError.unknownHost).problem == AlertReply(OutboundError.refused(.address)).problem)
    #expect(
      AlertReply(PushReply.failed("unknown_host")).problem == AlertReply(PushReply.refused("refused_address")).problem)
  }

  @Test("A mistyped address does not take the place of one that works")
  func mistyped() async throws {
    let phone = try await phone("Pixel 8")
    try await register(phone.number)
    let works = try #require(try await world.catalog.push(of: phone.number))
    for host in ["inside.example", "nowhere.example", "push.example:8443", "u:p@push.example"] {
      await #expect(throws: BackupError.self) {
        try await registry.register(phone.id, of: nil, Self.subscription(host))
      }
      #expect(try await world.catalog.push(of: phone.number) == works)
    }
    #expect(word(phone.number) == nil, "nobody was told otherwise")
  }

  @Test("A late echo is an answer to what may have arrived, and to nothing else")
  func lateEcho() async throws {
    let (one, other) = (try await phone("Pixel 8").number, try await phone("Pixel 9").number)
    let at = world.time.wall
    var changes = Catalog.TickleChanges()
    let ends: [(held: Bool, delivery: String?)] = [
      (false, "accepted"), (false, "timed_out"), (false, "interrupted"), (false, "503"), (false, "gone"), (true, nil),
    ]
    for (index, end) in ends.enumerated() {
      var row = TickleRow(
        number: Int64(index + 1), device: one, at: at, channel: "webpush", why: "stale", isHeld: end.held,
        isNudge: false)
      (row.delivery, row.isOver) = (end.delivery, true)
      changes.tickles[row.number] = row
    }
    try await world.catalog.record(changes)
    changes = Catalog.TickleChanges()
    let late = at.adding(seconds: 7000)
    changes.echoes = (1...6).map { (Int64($0), one, late) }
    // Another device's word for it.
    var foreign = Catalog.TickleChanges()
    foreign.echoes = [(1, other, at)]
    try await world.catalog.record(foreign)
    try await world.catalog.record(changes)
    let rows = try await world.catalog.tickles(of: one, limit: 10).reversed()
    #expect(rows.map(\.contactAt) == [late, late, late, nil, nil, nil])
    #expect(rows.map(\.isEchoed) == [true, true, true, false, false, false])
    #expect(rows.map { Tickling($0).outcome }.suffix(3) == [.undelivered, .undelivered, .held])
    // It is an answer once.
    changes.echoes = [(1, one, late.adding(seconds: 60))]
    try await world.catalog.record(changes)
    #expect(try await world.catalog.tickle(1)?.contactAt == late)
  }

  @Test("Revoked, or of somebody who is gone: nothing is sent any more")
  func ended() async throws {
    let (one, other) = (try await phone("Pixel 8"), try await phone("Pixel 9"))
    try await register(one.number)
    try await register(other.number)
    await registry.changed([one.id, other.id])
    #expect(word(one.number) == .webPush && word(other.number) == .webPush)
    try await devices.revoke(one.id, of: nil)
    #expect(word(one.number) == nil)
    let message = TickleMessage(tickle: 1, device: one.number, channel: .webPush, kind: .sync, ttlSeconds: 60)
    #expect(await registry.send(message) == .unreachable)
    #expect(try await world.catalog.pushToSend(to: other.number) != nil)
  }

  @Test("Another key of the server's: what was made with the old one waits, and works again once that is back")
  func key() async throws {
    let catalog = world.catalog
    let (one, other) = (try await phone("Pixel 8").number, try await phone("Pixel 9").number)
    try await register(one, serverKey: "old")
    // From before keys were noted.
    try await register(other)
    #expect(try await catalog.adopt(serverKey: "old", isNew: false) == 0)
    #expect(try await catalog.push(of: other)?.serverKey == "old")
    #expect(try await catalog.adopt(serverKey: "new", isNew: true) == 2)
    let row = try #require(try await catalog.push(of: one))
    #expect(row.state == .pending && registry.status(row).problem == "key_changed" && registry.reach(row) == nil)
    // The app subscribes anew, the other one does not.
    try await register(one, serverKey: "new")
    #expect(try await catalog.adopt(serverKey: "new", isNew: false) == 1)
    #expect(try await catalog.adopt(serverKey: "old", isNew: false) == 1)
    #expect(try await catalog.push(of: other)?.state == .active)
  }

  @Test("Our own trouble says nothing of a registration; a place's bounds hold for phones and people alike")
  func ownFault() async throws {
    let device = try await phone("Pixel 8").number
    try await register(device)
    let row = try #require(try await world.catalog.push(of: device))
    #expect(PushLife.after(.unsent("busy"), row, now: world.time.wall) == row)
    #expect(PushLife.after(.lost("timed_out"), row, now: world.time.wall).state == .backoff)
    for _ in 0..<60 { _ = registry.limits.take(host: "push.example", now: world.time.wall) }
    let message = TickleMessage(tickle: 1, device: device, channel: .webPush, kind: .sync, ttlSeconds: 60)
    #expect(await registry.send(message) == .unsent("rate"))
    #expect(try await world.catalog.push(of: device) == row, "nothing is written of it")
  }
}

@Suite struct QuietZonesTests {
  @Test("The clocks of a place are looked ahead for a year")
  func ahead() throws {
    func moment(_ text: String) throws -> Instant { try #require(WrittenTime(text)).instant }
    let zones = QuietZones()
    let now = try moment("2026-07-01T12:00:00Z")
    let night = try #require(zones.hours(from: 22 * 60, to: 7 * 60, in: "Europe/Berlin", now: now))
    #expect(night.wait(try moment("2026-07-02T04:30:00Z")).iso8601 == "2026-07-02T05:00:00.000Z")
    #expect(night.wait(try moment("2026-10-25T04:30:00Z")).iso8601 == "2026-10-25T06:00:00.000Z")
    #expect(night.wait(try moment("2027-01-10T05:30:00Z")).iso8601 == "2027-01-10T06:00:00.000Z")
    #expect(night.wait(try moment("2027-06-10T05:30:00Z")).iso8601 == "2027-06-10T05:30:00.000Z")
    #expect(zones.hours(from: 1, to: 2, in: nil, now: now) == QuietHours(from: 1, to: 2))
  }
}
