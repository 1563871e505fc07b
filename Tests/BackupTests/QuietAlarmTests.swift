import Ground
import Testing

@testable import Backup

/// A phone in the simulation: when it is in contact, and when it fails.
private struct Phone {
  enum Habit: CaseIterable { case nightly, allDay, workdays, weekend, weekly, unreliable }

  let habit: Habit
  /// The hour (UTC) around which it charges.
  let hour: Int
  /// Of a window, when all is well.
  let chance: Double
  /// Whether the server can be reached from elsewhere; a server at home cannot, often.
  let isReachableAway: Bool
  /// First and last day of each holiday.
  let holidays: [ClosedRange<Int64>]
  /// The hour in which it stops for good; nil for one that never fails.
  let failsAt: Int64?

  init(_ random: inout Random, start: Int64) {
    let kinds: [Habit] = [
      .nightly, .nightly, .nightly, .allDay, .allDay, .allDay, .workdays, .weekend, .weekly, .unreliable,
    ]
    habit = kinds[random.below(kinds.count)]
    hour = random.below(24)
    chance = habit == .unreliable ? 0.75 : 0.92 + 0.08 * random.unit()
    isReachableAway = random.unit() < 0.7
    var holidays: [ClosedRange<Int64>] = []
    for _ in 0..<random.below(3) {
      let first = start + 70 + Int64(random.below(280))
      holidays.append(first...first + 3 + Int64(random.below(14)))
    }
    self.holidays = holidays
    failsAt = random.unit() < 0.7 ? (start + 70) * 24 + Int64(random.below(260 * 24)) : nil
  }

  /// Whether a day has one of its windows.
  func isUsual(_ day: Int64) -> Bool {
    let weekday = (day % 7 + 7) % 7
    return switch habit {
    case .nightly, .allDay, .unreliable: true
    case .workdays: weekday < 5
    case .weekend: weekday >= 5
    case .weekly: weekday == 2
    }
  }

  /// Hours of contact of a day.
  func contacts(_ day: Int64, _ random: inout Random) -> [Int64] {
    let isAway = holidays.contains { $0.contains(day) }
    if isAway, !isReachableAway || random.unit() < 0.3 { return [] }
    guard isUsual(day), random.unit() < chance else { return [] }
    let base = day * 24 + Int64(hour)
    switch habit {
    case .allDay: return (0..<14).filter { _ in random.unit() < 0.5 }.map { base + Int64($0) }
    default:
      let first = Int64(random.below(4))
      return [base + first] + (random.unit() < 0.5 ? [base + first + 1 + Int64(random.below(3))] : [])
    }
  }
}

/// SplitMix64: the same numbers on every machine.
private struct Random {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }
}

@Suite struct QuietAlarmTests {
  private struct Outcome {
    /// Windows of the phone's true habit that it missed between its failure and the alarm; nil where no alarm came.
    var delay: Int?
    var hasFailed = false
    var falseAlarms = 0
    /// Days in which it was intact and known well enough.
    var days = 0.0
  }

  /// A year of one phone, hour by hour where something can change.
  private func live(_ seed: UInt64) -> Outcome {
    var random = Random(state: seed)
    let start: Int64 = 20_000
    let phone = Phone(&random, start: start)
    var outcome = Outcome()
    var contacts: [Int64] = []
    let end = (start + 365) * 24
    func history() -> DeviceHistory {
      let last = contacts.last ?? start * 24
      return DeviceHistory(
        kind: "phone", firstContact: Instant(milliseconds: (contacts.first ?? start * 24) * 3_600_000),
        lastContact: Instant(milliseconds: last * 3_600_000), lastUpload: nil, hasUploaded: true, contacts: contacts)
    }
    /// The first hour in a silence in which it is quiet; the whole function is asked, at every hour.
    func alarm(until limit: Int64) -> Int64? {
      guard let last = contacts.last, limit - last >= QuietAlarm.grace else { return nil }
      let (device, habit) = (history(), Habit(contacts: contacts))
      return (last + QuietAlarm.grace..<limit).first { hour in
        QuietAlarm.quiet(habit, device, Instant(milliseconds: hour * 3_600_000), hour - last) != nil
      }
    }
    let stop = phone.failsAt ?? end
    for day in start..<start + 365 {
      for hour in phone.contacts(day, &random) where hour < stop {
        if alarm(until: hour) != nil { outcome.falseAlarms += 1 }
        if contacts.last.map({ $0 < hour }) ?? true { contacts.append(hour) }
      }
      // As much as the catalog is asked for.
      if let last = contacts.last { contacts.removeAll { $0 < last - 64 * 24 } }
    }
    outcome.days = Double(stop - start * 24) / 24
    guard let failure = phone.failsAt else {
      if alarm(until: end) != nil { outcome.falseAlarms += 1 }
      return outcome
    }
    outcome.hasFailed = true
    guard let found = alarm(until: failure + 120 * 24) else { return outcome }
    // One that was quiet already when it failed (on holiday, say) was a false alarm until then.
    if found < failure { outcome.falseAlarms += 1 }
    let heard = max(failure, found)
    let missed = (failure / 24...heard / 24).filter { day in
      let window = day * 24 + Int64(phone.hour) + 4
      return phone.isUsual(day) && window > failure && window <= heard
    }
    outcome.delay = missed.count
    return outcome
  }

  @Test(
    "A thousand device-years: half of the failures are told within three missed windows, under one false alarm a year")
  func simulation() {
    let outcomes = (0..<1000).map { live(UInt64($0) &* 7919 &+ 42) }
    let failed = outcomes.filter(\.hasFailed)
    let delays = failed.compactMap(\.delay).sorted()
    let years = outcomes.map(\.days).reduce(0, +) / 365
    let falseAlarms = Double(outcomes.map(\.falseAlarms).reduce(0, +)) / years
    let (median, p90) = (delays[delays.count / 2], delays[delays.count * 9 / 10])
    print(
      "quiet alarm: \(failed.count) failures, \(delays.count) told; missed windows: median \(median), p90 \(p90), most"
        + " \(delays.last ?? 0); \(falseAlarms) false alarms a device-year over \(years) intact years")
    #expect(failed.count > 600 && delays.count == failed.count, "no failure stays untold")
    #expect(median <= 3)
    #expect(p90 <= 6)
    #expect(falseAlarms < 1)
  }

  // MARK: One at a time

  private static let day: Int64 = 20_500

  private func instant(_ day: Int64, _ hour: Int64 = 0) -> Instant {
    Instant(milliseconds: (day * 24 + hour) * 3_600_000)
  }

  /// In contact every night at two for eight weeks up to `day`.
  private func nightly(until day: Int64 = day) -> DeviceHistory {
    DeviceHistory(
      kind: "phone", firstContact: instant(day - 56, 2), lastContact: instant(day, 2), lastUpload: instant(day, 2),
      hasUploaded: true, contacts: (day - 55...day).map { $0 * 24 + 2 })
  }

  private func state(_ device: DeviceHistory, _ day: Int64, _ hour: Int64 = 0) -> DeviceState {
    QuietAlarm.state(of: device, now: instant(day, hour))
  }

  @Test("A phone that comes every night is amber after two missed nights, red after a week, and green again at once")
  func nights() {
    let phone = nightly()
    #expect(state(phone, Self.day, 20).level == .green)
    #expect(state(phone, Self.day + 1, 23).level == .green)
    let amber = state(phone, Self.day + 2, 8)
    #expect(amber.level == .amber && amber.reason == .quiet && amber.missedWindows == 2)
    #expect(state(phone, Self.day + 8).level == .red)
    #expect(state(nightly(until: Self.day + 8), Self.day + 8, 12).level == .green)
  }

  @Test("A computer that comes on Sundays is not missed on Wednesday")
  func weekly() {
    var device = nightly()
    device.kind = "desktop"
    device.contacts = device.contacts.filter { $0 / 24 % 7 == Self.day % 7 }
    #expect(state(device, Self.day + 5).level == .green)
    #expect(state(device, Self.day + 8).level == .green)
    #expect(state(device, Self.day + 23).level == .amber)
  }

  @Test("A habit that ends past midnight is one window a day")
  func midnight() {
    let contacts = (Self.day - 55...Self.day).flatMap { [$0 * 24 + 23, $0 * 24 + 24] }
    let habit = Habit(contacts: contacts)
    #expect(habit.weekdays.count == 7)
    #expect(habit.missed(since: Self.day * 24 + 24, now: (Self.day + 1) * 24 + 12) == 0)
    #expect(habit.missed(since: Self.day * 24 + 24, now: (Self.day + 3) * 24 + 12) == 2)
    #expect(habit.missed(since: Self.day * 24 + 24, now: (Self.day + 3653) * 24 + 12) == 3652)
  }

  @Test("Few contacts make no habit: three days of silence, then a week")
  func newcomer() {
    var phone = nightly()
    phone.contacts = [phone.contacts[54], phone.contacts[55]]
    #expect(state(phone, Self.day + 2, 12).level == .green)
    #expect(state(phone, Self.day + 3, 12).level == .amber)
    #expect(state(phone, Self.day + 8).level == .red)
    phone.contacts = []
    phone.hasUploaded = false
    phone.firstContact = instant(Self.day, 2)
    #expect(state(phone, Self.day + 1).reason == .newDevice)
    phone.contacts = [(Self.day + 2) * 24]
    phone.lastContact = instant(Self.day + 2)
    #expect(state(phone, Self.day + 2, 10).reason == .noUploadYet)
  }

  @Test("A complaint does not hide that the device has gone silent since; what it said two weeks ago is no news")
  func complaintsAge() {
    var phone = nightly()
    var checkIn = CheckIn()
    checkIn.permission = .limited
    (phone.checkIn, phone.checkedInAt) = (checkIn, instant(Self.day))
    #expect(state(phone, Self.day, 12).reason == .permissionLimited)
    let silent = state(phone, Self.day + 9)
    #expect(silent.level == .red && silent.reason == .quiet)
    phone.transfers = .init(repeating: .init(.refused("unsupported_type"), instant(Self.day)), count: 3)
    #expect(state(phone, Self.day, 12).reason == .uploadsRejected)
    #expect(state(phone, Self.day + 9).level == .red)

    phone = nightly(until: Self.day + 14)
    checkIn.permission = .denied
    (phone.checkIn, phone.checkedInAt) = (checkIn, instant(Self.day))
    #expect(state(phone, Self.day + 14, 12).level == .green)
  }

  @Test("A pause and waiting videos do not last for ever; neither does contact without a photo")
  func nothingNewForLong() {
    var phone = nightly()
    var checkIn = CheckIn()
    (checkIn.remaining, checkIn.lowPower) = (14, true)
    (phone.checkIn, phone.checkedInAt, phone.lastUpload) = (checkIn, instant(Self.day), instant(Self.day - 2))
    #expect(state(phone, Self.day, 12).reason == .lowPower)
    phone.lastUpload = instant(Self.day - 8)
    #expect(state(phone, Self.day, 12).reason == .backlogStuck)
    (checkIn.lowPower, checkIn.remainingVideos) = (false, 14)
    phone.checkIn = checkIn
    #expect(state(phone, Self.day, 12).reason == .videosDeferred)
    phone.lastUpload = instant(Self.day - 15)
    #expect(state(phone, Self.day, 12).reason == .backlogStuck)

    (phone.checkIn, phone.lastUpload) = (nil, instant(Self.day - 59))
    #expect(state(phone, Self.day).level == .green)
    phone.lastUpload = instant(Self.day - 61)
    #expect(state(phone, Self.day).level == .amber && state(phone, Self.day).reason == .noNewPhotos)
    checkIn = CheckIn()
    checkIn.remaining = 0
    phone.checkIn = checkIn
    #expect(state(phone, Self.day).level == .green, "it says itself that nothing is left")
  }

  @Test("A contact that a wrong clock put into the future vouches for nothing")
  func wrongClock() {
    var phone = nightly()
    phone.contacts.append((Self.day + 400) * 24)
    (phone.lastContact, phone.lastUpload) = (instant(Self.day + 400), instant(Self.day + 400))
    #expect(state(phone, Self.day, 12).level == .green)
    #expect(state(phone, Self.day + 9).level == .red)
  }

  @Test("A browser that uploaded once, and a program that ran twice, are not missed; one that runs every night is")
  func othersThanPhones() {
    var device = nightly()
    device.kind = "browser"
    #expect(state(device, Self.day + 30).level == .none)
    device.kind = "program"
    #expect(state(device, Self.day + 30).level == .red)
    device.contacts = Array(device.contacts.suffix(2))
    #expect(state(device, Self.day + 30).level == .none)
  }

  @Test("What the device says decides before its silence; what its owner says before both")
  func said() {
    var phone = nightly()
    var checkIn = CheckIn()
    func with(_ change: (inout CheckIn) -> Void) -> DeviceState {
      var (device, said) = (phone, checkIn)
      change(&said)
      (device.checkIn, device.checkedInAt) = (said, instant(Self.day))
      return state(device, Self.day, 12)
    }
    #expect(with { $0.permission = .denied }.level == .red)
    #expect(with { $0.permission = .limited }.reason == .permissionLimited)
    #expect(with { $0.isBackgroundOn = false }.reason == .backgroundOff)
    #expect(with { ($0.remaining, $0.remainingVideos) = (14, 14) }.level == .deferred)
    #expect(with { $0.remaining = 14 }.level == .paused)
    #expect(with { ($0.remaining, $0.lowPower) = (14, true) }.reason == .lowPower)
    #expect(with { $0.remaining = 0 }.level == .green)
    checkIn.remaining = 3
    phone.lastUpload = instant(Self.day - 3)
    #expect(with { _ in }.reason == .backlogStuck)
    phone.snoozedUntil = instant(Self.day + 1)
    #expect(with { $0.permission = .denied }.level == .snoozed)
    #expect(state(phone, Self.day + 1, 1).level != .snoozed)
    phone.isRevoked = true
    #expect(with { _ in }.level == .revoked)
  }

  @Test("Refusals, broken transfers, lost logins and updates have reasons of their own")
  func causes() {
    var phone = nightly()
    let now = instant(Self.day, 12)
    phone.transfers = [.init(.refused("quota_exceeded"), now)]
    #expect(state(phone, Self.day, 13).reason == .quotaFull)
    phone.transfers = [.init(.refused("unsupported_type"), now), .init(.arrived, now)]
    #expect(state(phone, Self.day, 13).level == .green, "one file of a strange kind is no alarm")
    phone.transfers = .init(repeating: .init(.broke, now), count: 6) + .init(repeating: .init(.arrived, now), count: 14)
    #expect(state(phone, Self.day, 13).reason == .transfersBreak)
    phone.transfers = []
    phone.isSignedOut = true
    #expect(state(phone, Self.day, 13).reason == .signedOut)
    phone.isSignedOut = false
    phone.reopenedAt = instant(Self.day, 1)
    #expect(state(phone, Self.day, 13).reason == .osUpdated)
    var browser = nightly()
    (browser.kind, browser.hasUploaded) = ("browser", false)
    #expect(state(browser, Self.day + 40).level == .none)
  }

  @Test("Each maker has its own steps; everybody has some for every reason that needs them")
  func guidance() {
    for maker in ["Samsung", "Xiaomi", "Redmi", "HUAWEI", "OnePlus", "Google", "Sony", "Fairphone"] {
      let steps = Guidance.steps(against: .quiet, kind: "phone", os: "Android", maker: maker)
      #expect((3...6).contains(steps.count), "\(maker)")
    }
    let samsung = Guidance.steps(against: .quiet, kind: "phone", os: "Android", maker: "samsung")
    #expect(samsung[0].contains("Never sleeping apps"))
    #expect(
      Guidance.steps(against: .permissionLimited, kind: "phone", os: "iOS", maker: "Apple")[0].contains("Full Access"))
    for reason in DeviceState.Reason.allCases where ![.ok, .snoozed, .newDevice, .notABackupDevice].contains(reason) {
      let steps = ["iOS", "Android"].map { Guidance.steps(against: reason, kind: "phone", os: $0, maker: nil) }
      #expect(steps.allSatisfy { !$0.isEmpty } || reason == .lowPower, "\(reason)")
    }
    #expect(Set(Guidance.table.map(\.id)).count == Guidance.table.count)
    #expect(Guidance.checklist(kind: "browser", os: "Windows", maker: nil).isEmpty)
    #expect(Guidance.checklist(kind: "phone", os: "Android", maker: "Samsung").contains { $0.id == "samsung-sleeping" })
  }
}
