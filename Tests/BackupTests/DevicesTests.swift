import Ground
import Store
import Testing

@testable import Backup

@Suite struct DevicesTests {
  private let world: AccountsFixture
  private let live = LiveSignal()
  private let contacts: Contacts
  private let devices: Devices
  private let log: ActivityLog
  private let activity: Activity

  init() async throws {
    world = try await AccountsFixture()
    let (catalog, time) = (world.catalog, world.time)
    let now: @Sendable () -> Instant = { time.wall }
    log = ActivityLog(catalog: catalog, live: live, logger: quiet)
    contacts = Contacts(catalog: catalog, live: live, logger: quiet, now: now)
    devices = Devices(
      catalog: catalog,
      assets: Assets(catalog: catalog, originals: Originals(root: world.folder, quarantine: world.folder)),
      contacts: contacts, live: live, logger: quiet, now: now)
    var limits = Activity.Limits()
    (limits.days, limits.rows) = (10, 1000)
    activity = Activity(limits: limits, catalog: catalog, log: log, live: live, logger: quiet, now: now)
  }

  private let pixel = DeviceFacts(agent: "immich-android/3.1.0", model: "Pixel 8")

  /// A login of a phone. - Returns: its device's number.
  private func login(_ name: String = "anna") async throws -> Int64 {
    let login = try await world.accounts.login(
      email: "\(name)@example.org", password: "correct \(name)",
      device: LoginDevice(type: "Android", system: "Pixel 8", appVersion: "3.1.0"), address: "192.0.2.1", facts: pixel)
    return try #require(try await world.accounts.authenticate(sessionToken: login.token).device)
  }

  @Test("A thousand requests of a device are one transaction, in the hours in which they came")
  func contact() async throws {
    let anna = try await world.addUser()
    let phone = try await login()
    for _ in 0..<1000 { _ = contacts.note(phone, agent: "immich-android/3.1.0", model: "Pixel 8") }
    world.time.advance(seconds: 3600)
    let origin = contacts.note(phone, agent: "immich-android/3.1.0", model: "Pixel 8")
    #expect(origin == Origin(device: phone, client: "Immich for Android 3.1.0"))
    let before = try #require(
      try await world.catalog.devices(of: anna.id, withRevoked: false, now: world.time.wall).first)
    #expect(before.days.isEmpty, "nothing is written while requests come")
    await contacts.flush()
    let seen = try #require(try await devices.list(of: anna.id, withRevoked: false).first)
    #expect(seen.record.device.lastContact == world.time.wall)
    #expect(seen.record.days.map(\.hours.nonzeroBitCount).reduce(0, +) == 2)
    #expect(seen.name == "Google Pixel 8")
  }

  @Test("What says less of itself does not hide what is known; a newer version is told once")
  func learning() async throws {
    let anna = try await world.addUser()
    let phone = try await login()
    _ = contacts.note(phone, agent: "Dart/3.5 (dart:io)", model: nil)
    await contacts.flush()
    _ = contacts.note(phone, agent: "immich-android/3.2.0", model: "Pixel 8")
    await contacts.flush()
    _ = contacts.note(phone, agent: "Dart/3.5 (dart:io)", model: nil)
    _ = contacts.note(phone, agent: "immich-android/3.2.0", model: "Pixel 8")
    await contacts.flush()
    let seen = try #require(try await devices.list(of: anna.id, withRevoked: false).first)
    #expect(seen.record.device.facts.client == "Immich for Android" && seen.record.device.facts.kind == "phone")
    var filter = ActivityFilter()
    filter.kinds = [ActivityKind.clientChanged.rawValue]
    #expect(try await activity.list(filter, before: nil, limit: 10).map(\.detail) == ["3.1.0 → 3.2.0"])
  }

  @Test("An alarm is told once when it begins and once when it is over")
  func alarm() async throws {
    let anna = try await world.addUser()
    let phone = try await login()
    _ = contacts.note(phone, agent: "immich-android/3.1.0", model: "Pixel 8")
    try await world.catalog.record([
      ActivityEntry(at: world.time.wall, kind: .duplicate, user: nil, device: phone)
    ])
    func alarms() async throws -> [String] {
      var filter = ActivityFilter()
      (filter.user, filter.kinds) = (anna.id, [ActivityKind.alarm.rawValue])
      return try await activity.list(filter, before: nil, limit: 10).map { "\($0.detail ?? "") \($0.reason ?? "")" }
    }
    await devices.judge()
    #expect(try await alarms().isEmpty)
    try await world.pass(hours: 96)
    for _ in 0..<3 { await devices.judge() }
    #expect(try await alarms() == ["amber quiet"])
    try await world.pass(hours: 96)
    await devices.judge()
    _ = contacts.note(phone, agent: "immich-android/3.1.0", model: "Pixel 8")
    await devices.judge()
    #expect(try await alarms() == ["green ok", "red quiet", "amber quiet"])
  }

  @Test("What two devices say is left adds up, whatever an earlier version let them say")
  func enormous() async throws {
    let anna = try await world.addUser()
    for _ in 0..<2 {
      try await world.catalog.checkIn(
        device: try await login(), #"{"remaining": 9223372036854775807}"#, facts: pixel, hasBacklog: true,
        isNews: false,
        detail: nil, now: world.time.wall)
    }
    let all = try await devices.list(of: anna.id, withRevoked: false)
    let person = Overview.Person(anna, all, assets: 0, lost: 0, now: world.time.wall)
    #expect(all.count == 2 && person.remaining == 2 * CheckIn.most)
  }

  @Test("More than one look takes: each has its turn, and who is back is told at once")
  func rounds() async throws {
    let anna = try await world.addUser()
    let (catalog, time) = (world.catalog, world.time)
    let few = Devices(
      catalog: catalog,
      assets: Assets(catalog: catalog, originals: Originals(root: world.folder, quarantine: world.folder)),
      contacts: contacts, live: LiveSignal(), logger: quiet, judgedAtOnce: 2, now: { time.wall })
    var phones: [Int64] = []
    for model in 1...5 {
      let login = try await world.accounts.login(
        email: "anna@example.org", password: "correct anna",
        device: LoginDevice(type: "Android", system: "Pixel \(model)", appVersion: "3.1.0"), address: "192.0.2.1",
        facts: DeviceFacts(agent: "immich-android/3.1.0", model: "Pixel \(model)"))
      let phone = try #require(try await world.accounts.authenticate(sessionToken: login.token).device)
      _ = contacts.note(phone, agent: "immich-android/3.1.0", model: "Pixel \(model)")
      try await catalog.record([ActivityEntry(at: time.wall, kind: .duplicate, user: nil, device: phone)])
      phones.append(phone)
    }
    func levels() async throws -> [Int64: String?] {
      let seen = try await catalog.devices(of: anna.id, withRevoked: false, now: time.wall)
      return Dictionary(seen.map { ($0.device.number, $0.device.level) }, uniquingKeysWith: { first, _ in first })
    }
    for _ in 0..<3 { await few.judge() }
    #expect(try await levels().values.allSatisfy { $0 == "green" })
    try await world.pass(hours: 96)
    for (look, amber) in [(1, 2), (2, 4), (3, 5)] {
      await few.judge()
      #expect(try await levels().values.count { $0 == "amber" } == amber, "look \(look)")
    }
    // The last one is back; the next look would not come to it.
    let back = try #require(phones.last)
    _ = contacts.note(back, agent: "immich-android/3.1.0", model: "Pixel 5")
    await few.judge()
    #expect(try await levels()[back] == "green")
    #expect(try await levels().values.count { $0 == "amber" } == 4)
  }

  @Test("Who only listens is there, and shows no habit")
  func presence() async throws {
    let anna = try await world.addUser()
    let phone = try await login()
    _ = contacts.note(phone, agent: "immich-android/3.1.0", model: "Pixel 8")
    await contacts.flush()
    let day = world.time.wall.day
    for _ in 0..<30 {
      world.time.advance(seconds: 3600)
      _ = contacts.note(phone, agent: "immich-android/3.1.0", model: "Pixel 8", isPresence: true)
    }
    await contacts.flush()
    let record = try #require(
      try await world.catalog.devices(of: anna.id, withRevoked: false, now: world.time.wall).first)
    #expect(record.device.lastContact == world.time.wall)
    #expect(record.days.filter { $0.hours != 0 }.map(\.day) == [day])
    let candidate = try #require(try await world.catalog.tickleCandidates([phone], now: world.time.wall).first)
    #expect(candidate.contacts.count == 1)
  }

  @Test("The server notes the hours in which it runs; those in which it did not are no phone's silence")
  func outage() async throws {
    let anna = try await world.addUser()
    let phone = try await login()
    _ = contacts.note(phone, agent: "immich-android/3.1.0", model: "Pixel 8")
    try await world.catalog.record([
      ActivityEntry(at: world.time.wall, kind: .duplicate, user: nil, device: phone)
    ])
    func level() async throws -> DeviceState.Level? {
      await devices.judge()
      return try await devices.list(of: anna.id, withRevoked: false).first?.state.level
    }
    #expect(try await level() == .green)
    world.time.advance(seconds: 20 * 86_400)
    #expect(try await level() == .green, "it was off for twenty days")
    for _ in 0..<71 {
      world.time.advance(seconds: 3600)
      await devices.judge()
    }
    #expect(try await level() == .amber, "and has listened for three days since")
  }

  @Test("What happened is forgotten after its time, and the oldest of its kind where there is too much")
  func retention() async throws {
    _ = try await world.addUser()
    func fill(_ kind: ActivityKind, _ count: Int) async throws {
      try await world.catalog.record(
        (0..<count).map { _ in ActivityEntry(at: world.time.wall, kind: kind, user: nil) })
    }
    func count(_ kind: ActivityKind) async throws -> Int {
      var filter = ActivityFilter()
      filter.kinds = [kind.rawValue]
      return try await activity.list(filter, before: nil, limit: 10_000).count
    }
    try await fill(.trashed, 30)
    world.time.advance(seconds: 11 * 86_400)
    try await fill(.loginFailed, 400)
    try await fill(.broken, 700)
    await activity.sweep()
    #expect(try await count(.trashed) == 0)
    #expect(try await count(.loginFailed) == 50)
    #expect(try await count(.broken) == 700)
    try await fill(.broken, 3000)
    await activity.sweep()
    #expect(try await count(.broken) == 900)
    #expect(try await count(.loginFailed) == 50)
    #expect(try await activity.range().last >= 4130, "numbers are never used again")
  }

  @Test("A flood of what needs no transaction of its own is bounded, and counted")
  func flood() async throws {
    _ = try await world.addUser()
    let phone = try await login()
    for _ in 0..<5000 {
      log.note(ActivityEntry(at: world.time.wall, kind: .duplicate, user: nil, device: phone))
      log.note(ActivityEntry(at: world.time.wall, kind: .loginFailed, user: nil, count: 1))
    }
    await log.flush()
    let seen = try await world.catalog.devices(of: nil, withRevoked: false, now: world.time.wall)
    #expect(seen.first?.device.duplicates == 5000)
    var filter = ActivityFilter()
    filter.kinds = [ActivityKind.loginFailed.rawValue]
    let failed = try await activity.list(filter, before: nil, limit: 500)
    #expect(failed.count == 2 && failed.compactMap(\.count).reduce(0, +) == 5000)
  }

  @Test("Watchers are bounded, are told what they missed, and go home at the end")
  func watchers() async throws {
    let (anna, bert) = (Identifier(), Identifier())
    let most = LiveSignal.Kind.page.perPerson
    let places = (0..<most).compactMap { _ in live.enter(anna) }
    #expect(places.count == most && live.enter(anna) == nil)
    let listener = try #require(live.enter(anna, device: 7, as: .device), "open tabs take no device's place")
    #expect(live.wake(7, tickle: 1))
    #expect(await live.wait(listener) == .wake(1))
    live.leave(listener)
    let other = try #require(live.enter(bert))
    live.ring()
    #expect(await live.wait(other) == .news)
    live.leave(places[0])
    #expect(live.enter(anna) != nil)
    live.close()
    #expect(await live.wait(other) == .closed)
    #expect(live.enter(bert) == nil)
  }
}
