import Ground
import Push
import Store
import Testing

@testable import Backup

/// How a registration moves, without a network and without a clock.
@Suite struct PushLifeTests {
  private let start = Instant(milliseconds: 1_700_000_000_000)

  private func row(_ state: PushState) -> PushRow {
    var row = PushRow(device: 1, place: PushPlace(kind: "webpush", endpoint: "https://push.example/"), now: start)
    row.state = state
    return row
  }

  @Test("the pause doubles from a minute to six hours, and a success starts over")
  func backoff() {
    var row = row(.active)
    var pauses: [Int64] = []
    for _ in 0..<12 {
      row = PushLife.after(.failed("503"), row, now: start)
      pauses.append(((row.retryAt?.milliseconds ?? 0) - start.milliseconds) / 60_000)
    }
    #expect(pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360])
    #expect((row.state, row.word) == (.backoff, "503"))
    row = PushLife.after(.accepted, row, now: start)
    #expect((row.state, row.failures, row.retryAt, row.word) == (.active, 0, nil, nil))
  }

  @Test("patience that is asked for is kept to the second, and is no failure")
  func throttled() {
    let row = PushLife.after(.throttled(seconds: 77, isOfHost: true), row(.active), now: start)
    #expect((row.state, row.failures, row.retryAt) == (.active, 0, start.adding(seconds: 77)))
  }

  @Test("APNs' word about an older registration of a token does not end a younger one")
  func apns() {
    let stale = PushLife.after(.gone(since: start.milliseconds - 1), row(.active), now: start)
    #expect(stale.state == .active)
    #expect(PushLife.after(.gone(since: start.milliseconds + 1), row(.active), now: start).state == .gone)
    #expect(PushLife.after(.gone(since: nil), row(.backoff), now: start).state == .gone)
  }

  @Test(
    "whatever happens in whatever order: only the word that nobody is there ends it, and no pause is over six hours")
  func anything() {
    let replies: [PushReply] = [
      .accepted, .gone(since: nil), .throttled(seconds: 5, isOfHost: false), .offline, .failed("timed_out"),
      .refused("403"),
    ]
    var seed: UInt64 = 8291
    for _ in 0..<500 {
      var row = row(.active)
      var (now, isGone) = (start, false)
      for _ in 0..<40 {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let reply = replies[Int(seed >> 33) % replies.count]
        if isGone { break }
        row = PushLife.after(reply, row, now: now)
        if case .gone = reply { isGone = true }
        #expect((row.state == .gone) == isGone)
        #expect(row.state != .backoff || row.failures > 0 || row.word == "throttled")
        #expect((row.retryAt ?? now) <= now.adding(seconds: PushLife.longestPause))
        now = now.adding(seconds: Int64(seed >> 50))
      }
    }
  }

  @Test("an address that nobody confirmed: one message, then five minutes, ten, twenty …; a person has twenty an hour")
  func limits() {
    let limits = PushLimits()
    let (anna, bert) = (Identifier(), Identifier())
    #expect(limits.claim("https://a.example/", by: anna, now: start) == nil)
    #expect(limits.claim("https://a.example/", by: bert, now: start) == 300)
    #expect(limits.claim("https://a.example/", by: bert, now: start.adding(seconds: 299)) == 1)
    #expect(limits.claim("https://a.example/", by: anna, now: start.adding(seconds: 300)) == nil)
    #expect(limits.claim("https://a.example/", by: anna, now: start.adding(seconds: 301)) == 599)
    for number in 0..<18 { #expect(limits.claim("https://\(number).example/", by: anna, now: start) == nil) }
    #expect(limits.claim("https://more.example/", by: anna, now: start.adding(seconds: 10)) == 3590)
    #expect(limits.claim("https://more.example/", by: bert, now: start) == nil)
    limits.forgive("https://more.example/")
    #expect(limits.claim("https://more.example/", by: bert, now: start) == nil)
  }

  @Test("a host bears sixty at once and ten a second")
  func rate() {
    let limits = PushLimits()
    #expect((0..<61).map { _ in limits.take(host: "a", now: start) == nil }.count { $0 } == 60)
    #expect(limits.take(host: "b", now: start) == nil)
    let later = start.adding(seconds: 2)
    #expect((0..<30).map { _ in limits.take(host: "a", now: later) == nil }.count { $0 } == 20)
  }
}

/// What the catalog keeps of it.
@Suite struct PushCatalogTests {
  private let fixture: AccountsFixture
  private let device: Int64
  private var now: Instant { fixture.time.wall }

  init() async throws {
    fixture = try await AccountsFixture()
    _ = try await fixture.addUser()
    _ = try await fixture.login()
    device = try #require(
      try await fixture.catalog.devices(of: nil, withRevoked: false, now: fixture.time.wall).first?.device.number)
  }

  private func register(_ endpoint: String = "https://push.example/a", token: [UInt8]? = [1]) async throws -> PushRow {
    let place = PushPlace(
      kind: "webpush", endpoint: endpoint, key: [UInt8](repeating: 4, count: 65),
      secret: [UInt8](repeating: 5, count: 16))
    switch try await fixture.catalog.register(
      push: place, quiet: PushQuiet(), of: device, token: token, expiresAt: now.adding(seconds: PushLife.tokenLife),
      limit: 10, now: now)
    {
    case .announced(let row), .refreshed(let row): return row
    default: throw StoreError.broken("not registered")
    }
  }

  @Test("a token is good for five minutes, once, and for what it was sent to")
  func token() async throws {
    let catalog = fixture.catalog
    _ = try await register()
    #expect(try await catalog.confirmPush(of: device, token: [2], now: now) == .wrong)
    let late = now.adding(seconds: PushLife.tokenLife + 1)
    #expect(try await catalog.confirmPush(of: device, token: [1], now: late) == .expired)
    _ = try await register("https://push.example/b", token: [3])
    #expect(try await catalog.confirmPush(of: device, token: [1], now: now) == .wrong)
    guard case .confirmed(let row, let moved) = try await catalog.confirmPush(of: device, token: [3], now: now) else {
      Issue.record("not confirmed")
      return
    }
    #expect(row.state == .active && row.place.endpoint == "https://push.example/b" && moved.isEmpty)
    #expect(try await catalog.confirmPush(of: device, token: [3], now: now) == .wrong)
  }

  @Test("expiry goes by the client's refresh: nothing that the server does to the row makes it younger")
  func expiry() async throws {
    let catalog = fixture.catalog
    _ = try await register()
    _ = try await catalog.confirmPush(of: device, token: [1], now: now)
    let day = 86_400.0
    var row = try #require(try await catalog.push(of: device))
    // A send a week, each of which writes the row.
    for week in 0..<9 {
      fixture.time.advance(seconds: 7 * day)
      row = PushLife.after(week % 2 == 0 ? .failed("503") : .accepted, row, now: now)
      try await catalog.settle(push: row, now: now)
      let asleep = now.adding(seconds: -PushLife.asleep)
      #expect(try await catalog.pushes(refreshedSince: asleep, after: 0, limit: 500).count == (week < 8 ? 1 : 0))
    }
    fixture.time.advance(seconds: 207 * day - 1)
    #expect(try await catalog.expirePushes(before: now.adding(seconds: -PushLife.forgotten), now: now).isEmpty)
    // The client comes back: as new as on its first day, and still confirmed.
    #expect(try await register(token: nil).state == .backoff)
    #expect(
      try await catalog.pushes(refreshedSince: now.adding(seconds: -PushLife.asleep), after: 0, limit: 500).count == 1)
    fixture.time.advance(seconds: 270 * day + 1)
    #expect(try await catalog.expirePushes(before: now.adding(seconds: -PushLife.forgotten), now: now) == [device])
    #expect(try await catalog.push(of: device) == nil)
    let kinds = try await catalog.activity(ActivityFilter(), before: nil, limit: 10).map(\.kind)
    #expect(kinds.first == "push_expired")
  }

  @Test("what became of a message to an address that was changed meanwhile touches nothing")
  func stale() async throws {
    let catalog = fixture.catalog
    _ = try await register()
    _ = try await catalog.confirmPush(of: device, token: [1], now: now)
    let old = try #require(try await catalog.push(of: device))
    fixture.time.advance(seconds: 1)
    _ = try await register("https://push.example/new", token: [2])
    try await catalog.settle(push: PushLife.after(.gone(since: nil), old, now: now), now: now)
    #expect(try await catalog.push(of: device)?.state == .pending)
  }
}

@Suite struct WakeTests {
  @Test("a device that watches is woken, whether it waits or is busy; others are not")
  func wake() async throws {
    let live = LiveSignal()
    let place = try #require(live.enter(Identifier(), device: 7))
    let other = try #require(live.enter(Identifier(), device: 8))
    #expect(!live.wake(9, tickle: 1))
    #expect(live.wake(7, tickle: 1) && live.wake(7, tickle: 2))
    #expect(await live.wait(place) == .wake(2))
    live.ring()
    #expect(await live.wait(other) == .news)
    live.leave(place)
    #expect(!live.wake(7, tickle: 3))
  }
}
