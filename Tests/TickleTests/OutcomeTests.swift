import Ground
import Testing

@testable import Tickle

/// What becomes of sends, and of devices that come and go meanwhile.
@Suite struct OutcomeTests {
  private static let start = Instant(milliseconds: 1_760_000_000_000)
  private static let hour: Int64 = 3600

  private func enroll(
    _ device: Int64 = 1, _ platform: Platform = .other, channel: Reach.Channel = .webPush,
    host: String = "push.example",
    into scheduler: inout Scheduler, now: Instant = start, change: (inout Enrolment) -> Void = { _ in }
  ) {
    var enrolment = Enrolment(
      reach: Reach(device: device, channel: channel, host: host), id: Identifier(), platform: platform,
      lastContact: Self.start)
    enrolment.hasBacklog = true
    change(&enrolment)
    scheduler.enroll(enrolment, now: now)
  }

  /// The next tickle that is sent; those held back pass by. - Returns: it, and when.
  private func next(_ scheduler: inout Scheduler) throws -> (Order, Instant) {
    for _ in 0..<1000 {
      let look = try #require(scheduler.nextLook)
      if let order = scheduler.take(now: look).first(where: { !$0.isHeld }) { return (order, look) }
    }
    throw CancellationError()
  }

  @Test("Who wakes and hangs up within the window has answered; what was learned is there until it is asked for")
  func leaving() throws {
    var scheduler = Scheduler(seed: 1)
    enroll(channel: .stream, host: "", into: &scheduler)
    let (order, now) = try next(&scheduler)
    scheduler.settle(order, .accepted, now: now)
    _ = scheduler.takeEnded()
    scheduler.remove(1)
    #expect(!scheduler.isKnown(1) && scheduler.takeByHand(1, now: now) == nil)
    scheduler.contact(1, at: now.adding(seconds: 5), echo: order.tickle)
    let ended = try #require(scheduler.takeEnded().first)
    #expect(ended.contactAt == now.adding(seconds: 5) && ended.isEchoed)
    #expect(scheduler.memory(of: 1)?.tally.sentContacts == 1)
    #expect(scheduler.take(now: now.adding(seconds: 90 * 86_400)).isEmpty, "it can be reached no more")
    #expect(scheduler.count == 0 && scheduler.memory(of: 1) == nil, "and is forgotten when nothing is open")
  }

  @Test("A stream that closes in silence leaves a trial that ends by the clock, also where it closed during the send")
  func silent() throws {
    var scheduler = Scheduler(seed: 2)
    enroll(channel: .stream, host: "", into: &scheduler)
    let (order, now) = try next(&scheduler)
    scheduler.remove(1)
    scheduler.settle(order, .accepted, now: now)
    #expect(scheduler.nextLook == Instant(milliseconds: now.milliseconds + Platform.other.window * 1000 + 1))
    _ = scheduler.take(now: now.adding(seconds: 3600))
    #expect(scheduler.takeEnded().map(\.contactAt) == [nil])
    #expect(scheduler.memory(of: 1)?.tally.sent == 1)
    // It is back, and what was open did not come back with it.
    enroll(channel: .stream, host: "", into: &scheduler, now: now.adding(seconds: 3600)) {
      $0.lastContact = now.adding(seconds: 3600)
    }
    _ = scheduler.take(now: now.adding(seconds: 3700))
    #expect(scheduler.isKnown(1) && scheduler.count == 1)
  }

  @Test("The end of a registration that was renewed during the send is not the end of the new one")
  func renewed() throws {
    for delivery in [Delivery.gone, .unreachable] {
      var scheduler = Scheduler(seed: 3)
      enroll(into: &scheduler)
      let (order, now) = try next(&scheduler)
      enroll(host: "other.example", into: &scheduler, now: now)
      scheduler.settle(order, delivery, now: now)
      #expect(scheduler.isKnown(1))
      var plain = Scheduler(seed: 3)
      enroll(into: &plain)
      let (first, then) = try next(&plain)
      plain.settle(first, delivery, now: then)
      #expect(!plain.isKnown(1))
    }
  }

  @Test("What may have arrived counts for the budget; what was refused does not", arguments: [true, false])
  func budget(isLost: Bool) throws {
    var scheduler = Scheduler(seed: 4)
    enroll(1, .iOS, into: &scheduler)
    var sends: [Instant] = []
    while let look = scheduler.nextLook, look < Self.start.adding(seconds: 12 * Self.hour) {
      for order in scheduler.take(now: look) where !order.isHeld {
        sends.append(look)
        scheduler.settle(order, isLost ? .lost("timed_out") : .refused("413"), now: look)
      }
    }
    let most = sends.map { at in sends.count { $0 >= at && $0 < at.adding(seconds: 3600) } }.max() ?? 0
    #expect(isLost ? most == 2 : most > 2, "\(most) within an hour")
  }

  @Test("By intention to treat: a device that could not be reached counts among the tickled, with its whole window")
  func intention() throws {
    var scheduler = Scheduler(seed: 5)
    enroll(into: &scheduler)
    let (order, now) = try next(&scheduler)
    scheduler.settle(order, .offline, now: now)
    let (second, later) = try next(&scheduler)
    #expect(later.milliseconds - now.milliseconds > Platform.other.window * 1000)
    #expect(scheduler.memory(of: 1)?.tally.sent == 1)
    #expect(scheduler.memory(of: 1)?.unanswered == 0, "it did not ignore anything")
    scheduler.settle(second, .unreachable, now: later)
    scheduler.contact(1, at: later.adding(seconds: 60))
    let tally = try #require(scheduler.memory(of: 1)?.tally)
    #expect(tally.sent == 2 && tally.sentContacts == 1)
    // The push service's own trouble says nothing of the device.
    var other = Scheduler(seed: 5)
    enroll(into: &other)
    for delivery in [Delivery.failed("503"), .lost("timed_out"), .unsent("busy"), .refused("403")] {
      let (order, now) = try next(&other)
      other.settle(order, delivery, now: now)
    }
    #expect(other.memory(of: 1)?.tally.sent == 0)
  }

  @Test("What this server could not send closes nobody's gate; what is not written down was never due")
  func ownFault() throws {
    var scheduler = Scheduler(seed: 6)
    for device in 1...40 { enroll(Int64(device), into: &scheduler) }
    let now = Self.start.adding(seconds: 10 * Self.hour)
    var sent = 0
    for _ in 0..<6 {
      for order in scheduler.take(now: now) where !order.isHeld {
        sent += 1
        scheduler.settle(order, .unsent("busy"), now: now)
      }
    }
    #expect(sent > 20, "the gate stayed open for \(sent)")
    var other = Scheduler(seed: 6)
    enroll(into: &other)
    let (order, at) = try next(&other)
    other.cancel(order)
    #expect(other.memory(of: 1)?.notBefore == nil && other.inFlight == 0)
    // Had the slot been kept, Android's and Apple's budgets would shrink by what never left.
    for _ in 0..<20 { for order in other.take(now: at) where !order.isHeld { other.cancel(order) } }
    #expect(!other.take(now: at).isEmpty)
  }

  @Test("What became of a send is the business of the host that it went to")
  func movedHost() throws {
    var scheduler = Scheduler(seed: 7)
    for device in 1...8 { enroll(Int64(device), host: "old.example", into: &scheduler) }
    let now = Self.start.adding(seconds: 10 * Self.hour)
    let orders = scheduler.take(now: now).filter { !$0.isHeld }
    for order in orders { enroll(order.device, host: "new.example", into: &scheduler, now: now) }
    enroll(9, host: "new.example", into: &scheduler, now: now)
    for order in orders.prefix(5) { scheduler.settle(order, .failed("503"), now: now) }
    #expect(scheduler.takeByHand(9, now: now) != nil, "the new host did nothing wrong")
    enroll(10, host: "old.example", into: &scheduler, now: now)
    #expect(scheduler.takeByHand(10, now: now) == nil)
  }

  @Test("Beyond ten thousand hosts the rest shares a gate of its own")
  func manyHosts() throws {
    var scheduler = Scheduler(seed: 8)
    for device in 0..<10_050 { enroll(Int64(device), host: "host\(device)", into: &scheduler) }
    let now = Self.start.adding(seconds: 10 * Self.hour)
    for device in 10_020..<10_025 {
      let taken = scheduler.takeByHand(Int64(device), now: now)
      let order = try #require(taken)
      scheduler.settle(order, .failed("503"), now: now)
    }
    #expect(scheduler.takeByHand(10_040, now: now) == nil, "shares it")
    #expect(scheduler.takeByHand(9_999, now: now) != nil, "has its own")
  }

  @Test("A film that takes forty minutes is no short run; three visits without a photo are", arguments: [true, false])
  func shortRuns(isFilm: Bool) throws {
    var scheduler = Scheduler(seed: 9)
    enroll(into: &scheduler)
    for _ in 0..<4 {
      let (order, now) = try next(&scheduler)
      scheduler.settle(order, .accepted, now: now)
      scheduler.contact(1, at: now.adding(seconds: 10), echo: order.tickle)
      #expect(scheduler.memory(of: 1)?.diagnosis == nil || !isFilm)
      if isFilm { scheduler.uploaded(1, at: now.adding(seconds: 2400)) }
    }
    #expect(scheduler.memory(of: 1)?.diagnosis == (isFilm ? nil : .shortWindow))
  }

  @Test("A clock that ran a year ahead, and was set right, does not put anybody to sleep for a year")
  func clock() throws {
    var scheduler = Scheduler(seed: 10)
    enroll(into: &scheduler) { $0.lastContact = Self.start.adding(seconds: 365 * 86_400) }
    #expect(try next(&scheduler).1 < Self.start.adding(seconds: 4 * Self.hour), "as it was read at a start")
    var live = Scheduler(seed: 10)
    enroll(into: &live)
    live.contact(1, at: Self.start.adding(seconds: 365 * 86_400))
    live.rewind(to: Self.start.adding(seconds: 60))
    #expect(try next(&live).1 < Self.start.adding(seconds: 4 * Self.hour))
  }

  @Test("Quiet hours follow the clocks of their place, and end by the morning's")
  func quietHours() throws {
    func moment(_ text: String) throws -> Instant { try #require(WrittenTime(text)).instant }
    // Berlin, 2026: summer time ends on October 25th at 01:00Z.
    let change = QuietHours.Shift(from: try moment("2026-10-25T01:00:00Z"), offset: 60)
    let night = try #require(QuietHours(from: 22 * 60, to: 7 * 60, offset: 120, shifts: [change]))
    func wait(_ text: String) throws -> String { night.wait(try moment(text)).iso8601 }
    #expect(try wait("2026-10-20T20:30:00Z") == "2026-10-21T05:00:00.000Z")
    #expect(try wait("2026-10-24T20:30:00Z") == "2026-10-25T06:00:00.000Z", "the night has an hour more")
    #expect(try wait("2026-10-25T05:30:00Z") == "2026-10-25T06:00:00.000Z")
    #expect(try wait("2026-11-20T06:30:00Z") == "2026-11-20T06:30:00.000Z", "7:30 by then")
    #expect(try wait("2026-11-20T21:30:00Z") == "2026-11-21T06:00:00.000Z")
  }
}
