import Ground
import Testing

@testable import Tickle

/// What is shown never comes at night, whatever held it up; and a push service is not overrun, however many are due.
@Suite struct NightAndPaceTests {
  /// A Thursday, nine in the morning (UTC).
  private static let start = Instant(milliseconds: 1_760_000_400_000)
  private static let night = QuietHours(from: 22 * 60, to: 7 * 60)

  private func minute(_ moment: Instant) -> Int {
    let time = CalendarTime(moment)
    return time.hour * 60 + time.minute
  }

  /// A phone that used to answer and has not, three times: the next tickle is shown.
  private func silent(_ scheduler: inout Scheduler, device: Int64 = 1, change: (inout Enrolment) -> Void = { _ in }) {
    var enrolment = Enrolment(
      reach: Reach(device: device, channel: .webPush, host: "push.example", quiet: Self.night), id: Identifier(),
      platform: .android, lastContact: Self.start.adding(seconds: -2 * 86_400))
    enrolment.memory.tally = Tally(sent: 20, sentContacts: 15, held: 2, heldContacts: 0)
    (enrolment.memory.unanswered, enrolment.memory.rung) = (Rules.unanswered, 3)
    enrolment.memory.lastTickle = Self.start.adding(seconds: -86_400)
    change(&enrolment)
    scheduler.enroll(enrolment, now: Self.start)
  }

  /// Lives from a moment on, minute by minute. - Returns: what was shown, and when.
  private func nudges(
    _ scheduler: inout Scheduler, from start: Instant, hours: Int64, delivery: (Order, Instant) -> Delivery
  ) -> [(order: Order, at: Instant)] {
    var found: [(Order, Instant)] = []
    for minute in 0..<hours * 60 {
      let now = start.adding(seconds: minute * 60)
      for order in scheduler.take(now: now) where !order.isHeld {
        if order.isNudge { found.append((order, now)) }
        scheduler.settle(order, delivery(order, now), now: now)
      }
    }
    return found
  }

  @Test("Refused late in the evening, tried again in the morning: by its own pause, by Retry-After, by the breaker's")
  func retries() throws {
    let evening = Self.start.adding(seconds: Int64(21 * 60 + 55 - minute(Self.start)) * 60)
    let answers: [(Instant) -> Delivery] = [
      { _ in .failed("503") }, { .throttled(until: $0.adding(seconds: 900), isOfHost: false) },
      { .throttled(until: $0.adding(seconds: 900), isOfHost: true) },
    ]
    for answer in answers {
      for seed in UInt64(0)..<10 {
        var scheduler = Scheduler(seed: seed)
        silent(&scheduler)
        let shown = nudges(&scheduler, from: evening, hours: 20) { _, now in
          now < evening.adding(seconds: 3600) ? answer(now) : .accepted
        }
        #expect(shown.count >= 2, "tried in the evening, and again")
        for (_, at) in shown { #expect((7 * 60..<22 * 60).contains(minute(at)), "shown at \(at.iso8601)") }
      }
    }
  }

  @Test("Due in the evening, and the server is off until the night")
  func outage() {
    var scheduler = Scheduler(seed: 1)
    for device in 1...20 { silent(&scheduler, device: Int64(device)) }
    let midnight = Self.start.adding(seconds: Int64(24 * 60 - minute(Self.start)) * 60)
    scheduler.resume(after: 5 * 3_600_000, now: midnight)
    let shown = nudges(&scheduler, from: midnight, hours: 12) { _, _ in .accepted }
    #expect(Set(shown.map(\.order.device)).count == 20)
    for (_, at) in shown { #expect(minute(at) >= 7 * 60, "shown at \(at.iso8601)") }
  }

  @Test("A push service may keep what is shown until the night begins, and no longer")
  func life() throws {
    var scheduler = Scheduler(seed: 2)
    silent(&scheduler)
    let evening = Self.start.adding(seconds: Int64(21 * 60 + 30 - minute(Self.start)) * 60)
    let (order, at) = try #require(nudges(&scheduler, from: evening, hours: 1) { _, _ in .accepted }.first)
    let night = try #require(Self.night).begins(after: at)
    #expect(minute(night) == 22 * 60 && order.ttlSeconds <= (night.milliseconds - at.milliseconds) / 1000)
    #expect(order.ttlSeconds > 0)
  }

  @Test("The next night begins within a day, past midnight and on the minute too")
  func begins() throws {
    let hours = try #require(QuietHours(from: 60, to: 120, offset: -90))
    func next(_ text: String) throws -> String { hours.begins(after: try #require(WrittenTime(text)).instant).iso8601 }
    #expect(try next("2026-07-01T00:00:00Z") == "2026-07-01T02:30:00.000Z")
    #expect(try next("2026-07-01T02:29:59Z") == "2026-07-01T02:30:00.000Z")
    #expect(try next("2026-07-01T02:30:00Z") == "2026-07-02T02:30:00.000Z")
    #expect(try next("2026-07-01T23:59:00Z") == "2026-07-02T02:30:00.000Z")
  }

  @Test("An app that can show nothing is asked silently; what is shown names the way out that the system has")
  func capability() {
    var scheduler = Scheduler(seed: 3)
    silent(&scheduler) { $0.reach.canShow = false }
    #expect(nudges(&scheduler, from: Self.start, hours: 200) { _, _ in .accepted }.isEmpty)
    silent(&scheduler) { $0.reach.canShow = true }
    let later = Self.start.adding(seconds: 200 * 3600)
    let shown = nudges(&scheduler, from: later, hours: 200) { _, _ in .accepted }
    #expect(shown.map(\.order.platform) == [.android])
    #expect(Set(Platform.allCases.map { Diagnosis.nudge($0) }).count == Platform.allCases.count)
  }

  @Test(
    "Thousands that are due at one push service go one behind the other, the longest overdue first, and all of them go")
  func pace() throws {
    var scheduler = Scheduler(seed: 4)
    let count = 2000
    for device in 1...Int64(count) {
      scheduler.enroll(
        Enrolment(
          reach: Reach(device: device, channel: .webPush, host: "push.example"), id: Identifier(), platform: .android,
          lastContact: Self.start.adding(seconds: -30 * 86_400 - device)), now: Self.start)
    }
    var sends: [Int64] = []
    var asked: Set<Int64> = []
    var now = Self.start.milliseconds
    let end = now + Int64(count) * HostGate.pace + 60_000
    while let look = scheduler.nextLook, look.milliseconds < end {
      now = max(now, look.milliseconds)
      for order in scheduler.take(now: Instant(milliseconds: now)) {
        asked.insert(order.device)
        guard !order.isHeld else { continue }
        sends.append(now)
        scheduler.settle(order, .accepted, now: Instant(milliseconds: now))
      }
    }
    #expect(asked.count == count)
    // What any sender would let through: 60 at once, and 10 a second.
    for index in sends.indices.dropFirst(60) where index.isMultiple(of: 7) {
      for back in [60, 200, 1000] where back <= index {
        let span = sends[index] - sends[index - back]
        #expect(span >= Int64(back - 60) * 100, "\(back) sends within \(span) ms")
      }
    }
  }
}
