import Ground
import Store
import Testing

@testable import Backup

@Suite struct QuietAlarmTests {
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

  /// Off from one hour up to another, both since `day`.
  private func off(_ hours: Range<Int64>) -> Uptime {
    var days: [Int64: UInt32] = [:]
    for hour in (Self.day - 60) * 24..<(Self.day + 60) * 24 where !hours.contains(hour - Self.day * 24) {
      days[hour / 24, default: 0] |= 1 << UInt32(hour % 24)
    }
    return Uptime(days)
  }

  @Test("While the server was off nobody was silent: its own weekend without power is no phone's")
  func outage() {
    let phone = nightly()
    let weekend = off(20..<104)
    func state(_ day: Int64, _ hour: Int64) -> DeviceState {
      QuietAlarm.state(of: phone, now: instant(Self.day + day, hour), up: weekend)
    }
    #expect(self.state(phone, Self.day + 4, 9).level == .amber, "so it would be")
    #expect(state(4, 9).level == .green)
    #expect(state(5, 9).level == .green, "one night that it could have come is missed, and 48 hours are not over")
    let amber = state(6, 12)
    #expect(amber.level == .amber && amber.missedWindows == 2)
    #expect(state(9, 12).level == .amber && state(12, 12).level == .red)
    // Nights in which nobody could come teach nothing either.
    let nights = nightly(until: Self.day + 30).contacts.filter {
      !(Self.day * 24 + 20..<Self.day * 24 + 104).contains($0)
    }
    let usual = Habit(contacts: (Self.day - 25...Self.day + 30).map { $0 * 24 + 2 })
    #expect(Habit(contacts: nights, up: weekend).patience == usual.patience)
  }

  @Test("A server that is off every night still misses who comes in the evening")
  func nightsOff() {
    var days: [Int64: UInt32] = [:]
    for day in Self.day - 60...Self.day + 60 { days[day] = 0xFF_FF00 }
    var phone = nightly()
    phone.contacts = (Self.day - 55...Self.day).map { $0 * 24 + 9 }
    phone.lastContact = instant(Self.day, 9)
    #expect(QuietAlarm.state(of: phone, now: instant(Self.day + 2, 8), up: Uptime(days)).level == .green)
    #expect(QuietAlarm.state(of: phone, now: instant(Self.day + 4, 23), up: Uptime(days)).level == .amber)
  }

  @Test("An update of the system makes the next silence count one window earlier, once; an app's update never does")
  func updates() {
    // It misses every fifth night: three in a row are rare for it.
    var phone = nightly()
    phone.contacts.removeAll { $0 / 24 % 5 == 3 }
    let patience = Habit(contacts: phone.contacts).patience
    #expect(patience >= 3)
    func firstDay(_ device: DeviceHistory) -> Int64? {
      (1...20).first { QuietAlarm.state(of: device, now: instant(Self.day + $0, 9)).level == .amber }
    }
    let usual = firstDay(phone)
    #expect(usual == Int64(patience))
    phone.reopenedAt = instant(Self.day, 1)
    #expect(firstDay(phone) == usual, "the app was updated")
    phone.systemUpdatedAt = phone.reopenedAt
    #expect(firstDay(phone) == usual.map { $0 - 1 })
    phone.systemUpdatedAt = instant(Self.day - 8)
    #expect(firstDay(phone) == usual, "that is a week ago")
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

  @Test(
    "A computer that imported an old library once owes nothing; one that comes day by day does",
    arguments: ["desktop", "program"])
  func imported(kind: String) {
    var device = nightly()
    device.kind = kind
    #expect(state(device, Self.day + 9).level == .red)
    device.contacts = Array(device.contacts.suffix(2))
    device.firstContact = instant(Self.day - 1)
    for later in [0, 4, 9, 400] as [Int64] { #expect(state(device, Self.day + later).level == .none) }
    device.kind = "phone"
    #expect(state(device, Self.day + 9).level == .red)
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
    phone.reopenedAt = instant(Self.day)
    #expect(state(phone, Self.day).reason == .noNewPhotos, "an update hides nothing")
    checkIn = CheckIn()
    checkIn.remaining = 0
    phone.checkIn = checkIn
    #expect(state(phone, Self.day).level == .green, "it says itself that nothing is left")
  }

  @Test("What a phone does not bring while it is not here is no backlog that is stuck: it comes on weekends only")
  func backlogAtHome() {
    var phone = nightly()
    phone.contacts.removeAll { ($0 / 24 - Self.day) % 7 != 0 }
    var checkIn = CheckIn()
    checkIn.remaining = 14
    (phone.checkIn, phone.checkedInAt, phone.lastUpload) = (checkIn, instant(Self.day, 2), instant(Self.day, 2))
    #expect(state(phone, Self.day + 4).reason == .pausedByOS)
    phone.lastUpload = instant(Self.day - 7, 2)
    #expect(state(phone, Self.day + 4).reason == .backlogStuck, "it was here meanwhile, and brought nothing")
  }

  @Test("Whatever came since a check-in is left no more, however much it was; no report is too large to be counted")
  func arrivedSince() {
    var phone = nightly()
    var checkIn = CheckIn()
    checkIn.remaining = 5000
    (phone.checkIn, phone.checkedInAt, phone.lastUpload) = (checkIn, instant(Self.day), instant(Self.day))
    #expect(phone.remaining == 5000)
    phone.arrivedSinceCheckIn = 4999
    #expect(phone.remaining == 1)
    phone.arrivedSinceCheckIn = 5001
    #expect(phone.remaining == 0 && state(phone, Self.day, 12).level == .green)
    phone.checkIn?.remaining = .max
    #expect(phone.remaining == CheckIn.most - 5001)
    #expect(throws: BackupError.self) { try phone.checkIn?.checked() }
  }

  @Test("Photos after a week without any are not stuck the moment the phone tells of them")
  func backlogBegins() {
    var phone = nightly()
    var checkIn = CheckIn()
    checkIn.remaining = 5
    (phone.checkIn, phone.checkedInAt, phone.lastUpload) = (checkIn, instant(Self.day, 2), instant(Self.day - 7))
    phone.backlogSince = instant(Self.day, 2)
    #expect(state(phone, Self.day, 3).reason == .pausedByOS)
    phone.backlogSince = instant(Self.day - 2)
    #expect(state(phone, Self.day, 3).reason == .backlogStuck)
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
