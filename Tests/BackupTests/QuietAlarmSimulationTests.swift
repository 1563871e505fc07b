import Ground
import Store
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
  /// It goes on being in contact when it fails, and only brings nothing more: its backup was switched off.
  let failsQuietly: Bool
  /// Whether it tells at each contact what is left.
  let checksIn: Bool

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
    failsQuietly = random.unit() < 0.15
    checksIn = random.unit() < 0.3
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

/// What happens around the phones.
private struct World {
  /// Three days a quarter, at any hour.
  var hasOutages = false
  var daysBetweenAppUpdates: Int64?
  var daysBetweenSystemUpdates: Int64?
  /// Whether the alarm knows of the outages.
  var knowsOutages = true

  /// The hours of a year in which the server runs, and a while after it.
  func uptime(_ random: inout Random, start: Int64) -> Uptime {
    guard hasOutages else { return .always }
    var off: Set<Int64> = []
    for quarter in 0..<6 {
      let first = (start + Int64(quarter) * 91) * 24 + Int64(random.below(88 * 24))
      off.formUnion(first..<first + 72)
    }
    var days: [Int64: UInt32] = [:]
    for day in start..<start + 500 {
      days[day] = (0..<24).reduce(0) { off.contains(day * 24 + Int64($1)) ? $0 : $0 | 1 << UInt32($1) }
    }
    return Uptime(days)
  }
}

@Suite struct QuietAlarmSimulationTests {
  private struct Outcome {
    /// Windows of the phone's true habit that it missed between its failure and the alarm; nil where no alarm came.
    var delay: Int?
    /// Days from the last photo to the alarm, where it failed quietly.
    var daysWithoutPhoto: Int64?
    var hasFailed = false
    var failsQuietly = false
    var falseAlarms = 0
    /// Days in which it was intact and known well enough.
    var days = 0.0
  }

  /// One phone's year, as it goes on: what the server saw, and what it says.
  private struct Life {
    let phone: Phone
    let world: World
    let real: Uptime
    let up: Uptime
    var device: DeviceHistory
    var habit: Habit?
    var isBad = false
    var alarms = 0
    private var versions: (app: Int64, system: Int64) = (0, 0)

    init(_ phone: Phone, _ world: World, _ up: Uptime, start: Int64) {
      (self.phone, self.world, real, self.up) = (phone, world, up, world.knowsOutages ? up : .always)
      let first = Life.instant(start * 24)
      device = DeviceHistory(
        kind: "phone", firstContact: first, lastContact: first, lastUpload: nil, hasUploaded: true, contacts: [])
    }

    static func instant(_ hour: Int64) -> Instant { Instant(milliseconds: hour * 3_600_000) }

    /// The whole function is asked; the habit is learned once for each contact. - Returns: whether it complains.
    mutating func ask(_ hour: Int64) -> Bool {
      // A server that is off says nothing.
      guard real.isUp(hour) else { return isBad }
      let now = Life.instant(hour)
      let known = device.known(by: now)
      // Nobody looks at it before.
      if habit == nil, hour - (device.contacts.last ?? hour) >= QuietAlarm.grace {
        habit = Habit(contacts: device.contacts, up: up)
      }
      let learned = habit
      let state = QuietAlarm.state(
        of: known, QuietAlarm.Moment(now: now, up: up), learned ?? Habit(contacts: device.contacts, up: up))
      let isNowBad = state.level == .amber || state.level == .red
      if isNowBad, !isBad { alarms += 1 }
      isBad = isNowBad
      return isBad
    }

    /// Asks as often as something can change until an hour. - Returns: the first hour in which it complains.
    mutating func wait(until limit: Int64) -> Int64? {
      guard let last = device.contacts.last, limit > last + 1 else { return nil }
      if ask(last + 1) { return last + 1 }
      guard limit > last + QuietAlarm.grace else { return ask(limit - 1) ? limit - 1 : nil }
      for hour in last + QuietAlarm.grace..<limit where ask(hour) { return hour }
      return nil
    }

    mutating func contact(_ hour: Int64, _ random: inout Random) {
      let now = Life.instant(hour)
      if device.contacts.last.map({ $0 < hour }) ?? true { device.contacts.append(hour) }
      // As much as the catalog is asked for.
      device.contacts.removeAll { $0 < hour - 64 * 24 }
      (device.lastContact, habit) = (now, nil)
      let (app, system) = (world.daysBetweenAppUpdates, world.daysBetweenSystemUpdates)
      let versions = (app.map { hour / 24 / $0 } ?? 0, system.map { hour / 24 / $0 } ?? 0)
      if versions.0 != self.versions.app { (device.reopenedAt, device.systemUpdatedAt) = (now, nil) }
      if versions.1 != self.versions.system { (device.reopenedAt, device.systemUpdatedAt) = (now, now) }
      self.versions = versions
      let isStopped = phone.failsQuietly && phone.failsAt.map { hour >= $0 } ?? false
      guard !isStopped else { return }
      let end: DeviceHistory.Transfer.End =
        switch random.below(100) {
        case 0..<3: .broke
        case 3: .refused("unsupported_type")
        default: .arrived
        }
      if random.unit() < 0.7 || (device.checkIn?.remaining ?? 0) > 0 {
        device.transfers = [.init(end, now)] + device.transfers.prefix(19)
        if end == .arrived { device.lastUpload = now }
      }
      guard phone.checksIn else { return }
      // Now and then something is left, which comes with the next contact; or videos wait for Wi-Fi.
      var said = CheckIn()
      said.remaining = random.unit() < 0.6 ? 0 : Int64(1 + random.below(30))
      if random.unit() < 0.1 { said.remainingVideos = said.remaining }
      said.lowPower = random.unit() < 0.05
      (device.checkIn, device.checkedInAt) = (said, now)
      device.backlogSince = (said.remaining ?? 0) > 0 ? device.backlogSince ?? now : nil
    }
  }

  /// A year of one phone.
  private func live(_ seed: UInt64, _ world: World) -> Outcome {
    var random = Random(state: seed)
    let start: Int64 = 20_000
    let phone = Phone(&random, start: start)
    var life = Life(phone, world, world.uptime(&random, start: start), start: start)
    var outcome = Outcome()
    let end = (start + 365) * 24
    let stop = phone.failsAt ?? end
    for day in start..<start + 365 {
      for hour in phone.contacts(day, &random) where hour < stop && life.real.isUp(hour) {
        _ = life.wait(until: hour)
        life.contact(hour, &random)
      }
    }
    outcome.days = Double(stop - start * 24) / 24
    guard let failure = phone.failsAt else {
      _ = life.wait(until: end)
      outcome.falseAlarms = life.alarms
      return outcome
    }
    (outcome.hasFailed, outcome.failsQuietly) = (true, phone.failsQuietly)
    // What it complained of until then (a holiday, say) was a false alarm; one that stood already was no warning.
    _ = life.wait(until: failure)
    outcome.falseAlarms = life.alarms
    guard !phone.failsQuietly else {
      let last = life.device.lastUpload ?? Life.instant(failure)
      life.isBad = false
      for day in failure / 24...failure / 24 + 90 {
        for hour in phone.contacts(day, &random) where hour >= failure && life.real.isUp(hour) {
          life.contact(hour, &random)
          if life.ask(hour + 1), outcome.daysWithoutPhoto == nil {
            outcome.daysWithoutPhoto = (hour - last.hour) / 24
            outcome.delay = 0
          }
        }
        if life.ask(day * 24 + 23), outcome.daysWithoutPhoto == nil {
          (outcome.daysWithoutPhoto, outcome.delay) = (day - last.hour / 24, 0)
        }
      }
      return outcome
    }
    guard let found = life.wait(until: failure + 120 * 24) else { return outcome }
    let heard = max(failure, found)
    outcome.delay = (failure / 24...heard / 24).count { day in
      let window = day * 24 + Int64(phone.hour) + 4
      // While the server is off nobody can keep a window.
      return phone.isUsual(day) && window > failure && window <= heard && life.real.isUp(window)
    }
    return outcome
  }

  private struct Summary {
    let failures: Int
    let told: Int
    let median: Int
    let p90: Int
    let falseAlarms: Double
    let quietly: [Int64]

    init(_ outcomes: [Outcome], _ name: String) {
      let failed = outcomes.filter { $0.hasFailed && !$0.failsQuietly }
      let delays = failed.compactMap(\.delay).sorted()
      (failures, told) = (failed.count, delays.count)
      (median, p90) = (delays[delays.count / 2], delays[delays.count * 9 / 10])
      let years = outcomes.map(\.days).reduce(0, +) / 365
      falseAlarms = Double(outcomes.map(\.falseAlarms).reduce(0, +)) / years
      quietly = outcomes.filter(\.failsQuietly).map { $0.daysWithoutPhoto ?? .max }
      print(
        "quiet alarm, \(name): \(failures) failures, \(told) told; missed windows: median \(median), p90 \(p90), most"
          + " \(delays.last ?? 0); \(falseAlarms) false alarms a device-year over \(years) intact years")
    }
  }

  private func run(_ count: Int, _ world: World, _ name: String) -> Summary {
    Summary((0..<count).map { live(UInt64($0) &* 7919 &+ 42, world) }, name)
  }

  @Test(
    "A thousand device-years: half of the failures are told within three missed windows, under one false alarm a year",
    arguments: [(false, 300), (true, 1000)])
  func years(isRough: Bool, count: Int) {
    // Rough: the server is off for three days a quarter, the app is updated every 14 days, the system every 120.
    let world =
      isRough ? World(hasOutages: true, daysBetweenAppUpdates: 14, daysBetweenSystemUpdates: 120) : World()
    let seen = run(count, world, isRough ? "with outages and updates" : "undisturbed")
    #expect(seen.failures > count / 2 && seen.told == seen.failures, "no failure stays untold")
    #expect(seen.median <= 3)
    #expect(seen.p90 <= 6)
    #expect(seen.falseAlarms < 1)
    #expect(
      seen.quietly.count > count / 20 && seen.quietly.allSatisfy { $0 <= 75 }, "who is in contact and brings nothing")
  }

  @Test("The server's own outages would be half of all alarms, if it did not keep the hours in which it ran")
  func blind() {
    let world = World(hasOutages: true, daysBetweenAppUpdates: 14, daysBetweenSystemUpdates: 120, knowsOutages: false)
    #expect(run(100, world, "blind to outages").falseAlarms > 1)
  }
}
