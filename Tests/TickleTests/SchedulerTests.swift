import Ground
import Testing
import TickleSimulation

@testable import Tickle

@Suite struct SchedulerTests {
  private static let start = Instant(milliseconds: 1_760_000_000_000)
  private static let hour: Int64 = 3600

  /// One device, last in contact at `start`, that comes once a day.
  private func one(
    _ platform: Platform = .android, seed: UInt64 = 7, device: Int64 = 1, into scheduler: inout Scheduler,
    change: (inout Enrolment) -> Void = { _ in }
  ) {
    var enrolment = Enrolment(
      reach: Reach(device: device, channel: .webPush, host: "push.example"), id: Identifier(), platform: platform,
      lastContact: Self.start)
    for day in stride(from: Int64(20), to: 0, by: -1) {
      enrolment.rhythm.note(
        Self.start.adding(seconds: -day * 86_400), after: Self.start.adding(seconds: -(day + 1) * 86_400))
    }
    change(&enrolment)
    scheduler.enroll(enrolment, now: Self.start)
  }

  /// Takes what is due until `end`; everything is accepted at once. - Returns: hours behind the start.
  private func live(
    _ scheduler: inout Scheduler, until end: Instant, delivery: (Order) -> Delivery = { _ in .accepted }
  ) -> [(order: Order, hours: Double)] {
    var orders: [(Order, Double)] = []
    while let look = scheduler.nextLook, look < end {
      for order in scheduler.take(now: look) {
        orders.append((order, Double(look.milliseconds - Self.start.milliseconds) / 3_600_000))
        if !order.isHeld { scheduler.settle(order, delivery(order), now: look) }
      }
    }
    return orders
  }

  @Test("A silent device is tickled behind three quarters of its usual gap, at its hour, and then down the ladder")
  func ladder() {
    var scheduler = Scheduler(seed: 1)
    one(.other, into: &scheduler)
    let hours = live(&scheduler, until: Self.start.adding(seconds: 14 * 24 * Self.hour)).map(\.hours)
    #expect(hours.count >= 8)
    #expect(hours[0] >= 18 && hours[0] <= 28, "its hour is \(hours[0])")
    let gaps = zip(hours.dropFirst(), hours).map { $0 - $1 }
    for (gap, step) in zip(gaps, [1.0, 2, 4, 8, 24, 72, 72]) {
      #expect(gap >= 0.85 * step, "\(gaps)")
      #expect(gap <= 1.15 * step + max(1, min(12, step / 2)) + 1, "\(gaps)")
    }
  }

  @Test("What is left to bring makes a device due within an hour or two; a contact makes it fresh")
  func backlog() {
    var scheduler = Scheduler(seed: 2)
    one(into: &scheduler) { $0.hasBacklog = true }
    let first = live(&scheduler, until: Self.start.adding(seconds: 3 * Self.hour)).first
    #expect(first?.order.why == .backlog && (first?.hours ?? 9) >= 1 && (first?.hours ?? 9) <= 2.1)
    scheduler.contact(1, at: Self.start.adding(seconds: 3 * Self.hour))
    let next = live(&scheduler, until: Self.start.adding(seconds: 6 * Self.hour)).first
    #expect((next?.hours ?? 0) >= 4, "an hour behind the contact at the earliest")
  }

  @Test("A device that is sending is left alone")
  func sending() {
    var scheduler = Scheduler(seed: 3)
    one(into: &scheduler) { $0.hasBacklog = true }
    for hour in 1..<50 {
      #expect(
        scheduler.take(now: Self.start.adding(seconds: Int64(hour) * Self.hour), isReceiving: { _ in true }).isEmpty)
    }
    #expect(!scheduler.take(now: Self.start.adding(seconds: 60 * Self.hour)).isEmpty)
  }

  @Test("Retry-After is obeyed to the second, for a device and for a whole host")
  func retryAfter() throws {
    var scheduler = Scheduler(seed: 11)
    for device in 1...20 { one(device: Int64(device), into: &scheduler) { $0.hasBacklog = true } }
    let now = Self.start.adding(seconds: 10 * Self.hour)
    let orders = scheduler.take(now: now).filter { !$0.isHeld }
    #expect(orders.count == 8, "eight at once")
    #expect(scheduler.take(now: now.adding(seconds: 1)).isEmpty)
    let until = now.adding(seconds: 977)
    scheduler.settle(orders[0], .throttled(until: until, isOfHost: true), now: now)
    for order in orders.dropFirst() { scheduler.settle(order, .accepted, now: now) }
    #expect(scheduler.take(now: now.adding(seconds: 976)).isEmpty)
    #expect(scheduler.nextLook(at: orders[0].device) == until)
    var asked: Set<Int64> = []
    for _ in 0..<5 {
      for order in scheduler.take(now: until) {
        asked.insert(order.device)
        if !order.isHeld { scheduler.settle(order, .accepted, now: until) }
      }
    }
    #expect(asked.contains(orders[0].device))
  }

  @Test("A host that fails is left alone, tried by one, and asked by all when it is well")
  func breaker() throws {
    var scheduler = Scheduler(seed: 5)
    for device in 1...60 { one(device: Int64(device), into: &scheduler) { $0.hasBacklog = true } }
    var now = Self.start.adding(seconds: 10 * Self.hour)
    var asked = 0
    // An outage of three hours.
    let well = now.adding(seconds: 3 * Self.hour)
    while now < well {
      for order in scheduler.take(now: now) where !order.isHeld {
        asked += 1
        scheduler.settle(order, .failed("503"), now: now)
      }
      now = now.adding(seconds: 10)
    }
    #expect(asked < 25, "\(asked) sends to a host that is down for three hours")
    var served: Set<Int64> = []
    while now < well.adding(seconds: 8 * Self.hour) {
      for order in scheduler.take(now: now) where !order.isHeld {
        served.insert(order.device)
        scheduler.settle(order, .accepted, now: now)
      }
      now = now.adding(seconds: 10)
    }
    #expect(served.count >= 50)
  }

  @Test("Behind a long pause the most overdue come first, over ten minutes")
  func catchUp() {
    var scheduler = Scheduler(seed: 6)
    for device in 1...500 {
      one(device: Int64(device), into: &scheduler) { $0.lastContact = Self.start.adding(seconds: -Int64(device) * 60) }
    }
    let now = Self.start.adding(seconds: 10 * 86_400)
    scheduler.resume(after: 10 * 86_400_000, now: now)
    var counts: [Int] = []
    for minute in 0..<12 {
      var count = 0
      for second in 0..<60 {
        let time = now.adding(seconds: Int64(minute * 60 + second))
        for order in scheduler.take(now: time) {
          count += 1
          if !order.isHeld { scheduler.settle(order, .accepted, now: time) }
        }
      }
      counts.append(count)
    }
    #expect(counts[0..<10].reduce(0, +) >= 499 && counts.allSatisfy { $0 <= 60 }, "\(counts)")
  }

  @Test("Down to the numbers: Newcombe's own example")
  func newcombe() {
    // Newcombe 1998, table II: 56/70 against 48/80 gives 0.0524 to 0.3339.
    let lift = Lift((56, 70), against: (48, 80))
    #expect(abs(lift.value - 0.2) < 1e-9 && abs(lift.low - 0.0524) < 5e-5 && abs(lift.high - 0.3339) < 5e-5)
    let nothing = Lift((0, 10), against: (0, 20))
    #expect(nothing.mayBeNothing && abs(nothing.low + 0.1611) < 5e-5 && abs(nothing.high - 0.2775) < 5e-5)
  }

  @Test("A device that no tickle moves is asked half as often after thirty trials, and is told why")
  func noLift() {
    var scheduler = Scheduler(seed: 8)
    one(.other, into: &scheduler)
    var now = Self.start
    var trials = 0
    while trials < 31 {
      now = scheduler.nextLook ?? now
      for order in scheduler.take(now: now) where !order.isHeld { scheduler.settle(order, .accepted, now: now) }
      trials += scheduler.takeEnded().count
      // It comes by itself, an hour behind each tickle.
      if scheduler.memory(of: 1)?.rung ?? 0 > 0 {
        let visit = now.adding(seconds: 3600)
        for order in scheduler.take(now: visit) where !order.isHeld { scheduler.settle(order, .accepted, now: visit) }
        trials += scheduler.takeEnded().count
        scheduler.contact(1, at: visit)
      }
    }
    #expect(scheduler.memory(of: 1)?.cadence == 2)
    #expect(scheduler.memory(of: 1)?.diagnosis == .noLift)
  }

  @Test("Who used to answer and does not any more was closed; it is asked once, visibly, outside of quiet hours")
  func forceQuit() throws {
    var scheduler = Scheduler(seed: 9)
    one(.other, into: &scheduler) {
      $0.memory.tally = Tally(sent: 20, sentContacts: 15, held: 2, heldContacts: 0)
      $0.reach.quiet = QuietHours(from: 22 * 60, to: 7 * 60)
    }
    let orders = live(&scheduler, until: Self.start.adding(seconds: 30 * 86_400)).map(\.order)
    let nudges = orders.filter(\.isNudge)
    #expect(nudges.count == 1 && !nudges[0].isHeld)
    let local = CalendarTime(try #require(nudges.first).at)
    #expect((7..<22).contains(local.hour))
    #expect(scheduler.memory(of: 1)?.diagnosis == .forceQuitOrRestricted)
    scheduler.contact(1, at: Self.start.adding(seconds: 31 * 86_400))
    #expect(scheduler.memory(of: 1)?.diagnosis == nil)
  }

  @Test("Quiet hours end when they end, past midnight too")
  func quietHours() throws {
    let night = try #require(QuietHours(from: 22 * 60, to: 7 * 60, offset: 120))
    func wait(_ text: String) throws -> String { night.wait(try #require(WrittenTime(text)).instant).iso8601 }
    #expect(try wait("2026-07-01T21:30:10Z") == "2026-07-02T05:00:00.000Z")
    #expect(try wait("2026-07-02T04:59:59Z") == "2026-07-02T05:00:00.000Z")
    #expect(try wait("2026-07-02T05:00:00Z") == "2026-07-02T05:00:00.000Z")
    #expect(try wait("2026-07-02T19:59:00Z") == "2026-07-02T19:59:00.000Z")
  }

  @Test("The queue gives slots in order, whatever is moved and removed", arguments: 0..<20)
  func queue(_ seed: Int) {
    var random = SplitMix(UInt64(seed))
    var queue = DueQueue()
    var model: [Int: Int64] = [:]
    for _ in 0..<2000 {
      let slot = random.below(50)
      switch random.below(4) {
      case 0:
        queue.remove(slot)
        model[slot] = nil
      default:
        let at = Int64(random.below(1000))
        queue.set(slot, at: at)
        model[slot] = at
      }
      #expect(queue.count == model.count)
      #expect(queue.first?.at == model.values.min(), "seed \(seed)")
      #expect(queue.at(slot) == model[slot])
    }
  }

  @Test("What is remembered goes on where it was behind a restart")
  func restart() throws {
    var scheduler = Scheduler(seed: 10)
    one(.iOS, into: &scheduler)
    let orders = live(&scheduler, until: Self.start.adding(seconds: 3 * 86_400)).map(\.order)
    var memory = try #require(scheduler.memory(of: 1))
    memory.sends = orders.filter { !$0.isHeld }.map(\.at)
    var again = Scheduler(seed: 10, lastTickle: try #require(orders.last).tickle)
    let known = memory
    one(.iOS, into: &again) { $0.memory = known }
    #expect(again.memory(of: 1)?.rung == scheduler.memory(of: 1)?.rung)
    let next = try #require(live(&again, until: Self.start.adding(seconds: 10 * 86_400)).first)
    let last = try #require(orders.last)
    #expect(next.order.tickle == last.tickle + 1)
    #expect(next.order.at.milliseconds - last.at.milliseconds >= Rules.ladder[min(orders.count, 6) - 1] * 85 / 100)
  }
}
