import Ground
import Tickle

/// A scheduler with simulated phones, push services and server outages on a simulated clock. Every tickle is held against
/// the rules by books of its own.
package struct Simulation {
  package struct Setting {
    package var devices = 200
    package var days = 60
    package var seed: UInt64 = 1
    /// Pauses of the server, in hours from the start: how long nobody reaches it, and nothing runs.
    package var outages: [(at: Int64, hours: Int64)] = [(20 * 24, 5), (40 * 24 + 7, 50)]
    /// Whether push services fail and ask for patience now and then.
    package var areHostsWell = false
    /// Of a hundred devices, those that are reached by an event stream, which closes whenever it likes.
    package var streams = 20

    package init() {}
  }

  package struct Result {
    package var tickles = 0
    package var held = 0
    package var accepted = 0
    package var contacts = 0
    package var sent = (trials: 0, contacts: 0)
    package var heldBack = (trials: 0, contacts: 0)
    /// Of the tickles that were sent, those whose phone decided to come because of them.
    package var woken = 0
    /// Sends that reached nobody for a cause that lies with the device.
    package var undelivered = 0
    /// The share of tickles that brought a contact which would not have come by itself within its window.
    package var truth: Double {
      let byItself = Double(heldBack.contacts) / Double(max(1, heldBack.trials))
      return Double(woken) / Double(max(1, accepted + undelivered)) * (1 - byItself)
    }
    package var slowed = 0
    /// Of a minute behind an outage, the largest part of what was overdue.
    package var burst = 0.0
    package var mostInFlight = 0
    /// What broke a rule, in words; the first few.
    package var breaches: [String] = []
  }

  fileprivate struct Event {
    enum Kind {
      case visit
      case answer(Int64)
      /// - `arrives`: whatever the push service said, or did not.
      case settled(Order, Delivery, arrives: Bool)
      /// An event stream ends.
      case hangsUp
    }
    let at: Int64
    let phone: Int
    let kind: Kind
  }

  package static let start: Int64 = 1_760_000_000_000
  private static let hostCount = 12

  private let setting: Setting
  private var random: SplitMix
  package private(set) var scheduler: Scheduler
  private var phones: [Phone] = []
  private var events = EventQueue()
  private var result = Result()
  private var patience = [Int64](repeating: 0, count: hostCount)
  private var now = start
  private var inFlight = 0
  /// Devices whose stream is closed, and what the server keeps of each while it knows them no more.
  private var away: Set<Int> = []
  private var kept: [Memory?]
  private var behindOutage: (since: Int64, overdue: Int, counts: [Int64: Int])?

  package init(_ setting: Setting) {
    self.setting = setting
    random = SplitMix(setting.seed)
    kept = [Memory?](repeating: nil, count: setting.devices)
    scheduler = Scheduler(seed: setting.seed)
    scheduler.reserve(setting.devices)
    let end = Simulation.start + Int64(setting.days) * 86_400_000
    for number in 0..<setting.devices {
      let phone = Phone(
        number, seed: setting.seed, start: Simulation.start, end: end, hosts: Simulation.hostCount)
      phones.append(phone)
      scheduler.enroll(
        Enrolment(
          reach: reach(number), id: phone.id, platform: phone.platform,
          lastContact: Instant(milliseconds: Simulation.start)),
        now: Instant(milliseconds: Simulation.start))
      events.push(phone.next, number)
    }
  }

  private func isStream(_ phone: Int) -> Bool { phone % 100 < setting.streams }

  private func reach(_ phone: Int) -> Reach {
    isStream(phone)
      ? Reach(device: Int64(phone), channel: .stream, host: "")
      : Reach(device: Int64(phone), channel: .webPush, host: "host\(phones[phone].host)")
  }

  private mutating func hangUp(_ phone: Int) {
    guard isStream(phone), away.insert(phone).inserted else { return }
    kept[phone] = scheduler.memory(of: Int64(phone)) ?? kept[phone]
    scheduler.remove(Int64(phone))
  }

  /// A device that comes listens again, and the server reads what it kept.
  private mutating func listen(_ phone: Int) {
    guard away.remove(phone) != nil else { return }
    var enrolment = Enrolment(
      reach: reach(phone), id: phones[phone].id, platform: phones[phone].platform,
      lastContact: Instant(milliseconds: phones[phone].lastContact))
    if let memory = kept[phone] { enrolment.memory = memory }
    enrolment.memory.sends = phones[phone].sends.map { Instant(milliseconds: $0) }
    enrolment.hasBacklog = phones[phone].hasBacklog
    scheduler.enroll(enrolment, now: Instant(milliseconds: now))
  }

  private mutating func breach(_ words: String) {
    if result.breaches.count < 10 { result.breaches.append("at \(Instant(milliseconds: now).iso8601): \(words)") }
  }

  /// Lives through the days.
  package mutating func run() -> Result {
    let end = Simulation.start + Int64(setting.days) * 86_400_000
    var outages = setting.outages.map { (Simulation.start + $0.at * 3_600_000, $0.hours * 3_600_000) }[...]
    while true {
      let look = scheduler.nextLook?.milliseconds ?? end
      let event = events.first ?? end
      now = max(now, min(look, event))
      guard now < end else { break }
      if let outage = outages.first, now >= outage.0 {
        outages.removeFirst()
        sleep(outage.0, outage.1)
        continue
      }
      if event <= look, let due = events.pop() { happen(due) } else { tickle() }
      for ended in scheduler.takeEnded() { note(ended) }
    }
    if let behindOutage { close(behindOutage) }
    for device in 0..<phones.count {
      let memory = scheduler.memory(of: Int64(device))
      result.slowed += (memory?.cadence ?? 1) > 1 ? 1 : 0
    }
    return result
  }

  /// Nobody reaches the server, and it does nothing.
  private mutating func sleep(_ at: Int64, _ length: Int64) {
    let wake = at + length
    // Sends that were under way have ended somehow.
    while let first = events.first, first < wake, let event = events.pop() {
      switch event.kind {
      case .settled(let order, let delivery, _):
        inFlight -= 1
        scheduler.settle(order, delivery, now: Instant(milliseconds: wake))
      case .answer: break
      case .hangsUp: hangUp(event.phone)
      case .visit:
        phones[event.phone].advance(from: max(event.at, wake - 1))
        events.push(phones[event.phone].next, event.phone)
      }
    }
    now = wake
    for ended in scheduler.takeEnded() { note(ended) }
    let overdue = phones.indices.count { device in
      scheduler.nextLook(at: Int64(device)).map { $0.milliseconds <= wake } ?? false
    }
    scheduler.resume(after: length, now: Instant(milliseconds: wake))
    if let behindOutage { close(behindOutage) }
    behindOutage = (wake, overdue, [:])
  }

  private mutating func close(_ outage: (since: Int64, overdue: Int, counts: [Int64: Int])) {
    guard outage.overdue >= 50 else { return }
    result.burst = max(result.burst, Double(outage.counts.values.max() ?? 0) / Double(outage.overdue))
  }

  private mutating func happen(_ event: Event) {
    let device = Int64(event.phone)
    switch event.kind {
    case .visit:
      contact(event.phone, echo: nil)
      phones[event.phone].advance(from: now)
      events.push(phones[event.phone].next, event.phone)
      // Now and then something stays behind.
      let hasBacklog = phones[event.phone].random.unit() < 0.05
      scheduler.report(device, hasBacklog: hasBacklog)
      phones[event.phone].hasBacklog = hasBacklog
    case .hangsUp: hangUp(event.phone)
    case .answer(let tickle):
      // The stream may be closed before the server has noted what came by it.
      if isStream(event.phone), random.unit() < 0.3 { hangUp(event.phone) }
      contact(event.phone, echo: tickle)
    case .settled(let order, let delivery, let arrives):
      inFlight -= 1
      scheduler.settle(order, delivery, now: Instant(milliseconds: now))
      if delivery == .offline { result.undelivered += 1 }
      if delivery != .accepted, arrives, let delay = phones[event.phone].answer(now) {
        events.push(now + delay, event.phone, .answer(order.tickle))
      }
      if case .throttled(let until, _) = delivery { patience[phones[event.phone].host] = until.milliseconds }
      guard delivery == .accepted else { return }
      result.accepted += 1
      if phones[event.phone].lastContact < order.at.milliseconds {
        phones[event.phone].climbed += 1
        phones[event.phone].lastTickle = order.at.milliseconds
      }
      // Into the open window, at times before anything has come of it.
      if isStream(event.phone), random.unit() < 0.3 {
        events.push(now + Int64(random.below(120_000)), event.phone, .hangsUp)
      }
      if let delay = phones[event.phone].answer(now) {
        result.woken += 1
        events.push(now + delay, event.phone, .answer(order.tickle))
      }
    }
  }

  private mutating func contact(_ phone: Int, echo: Int64?) {
    result.contacts += 1
    // It hangs up behind its visit, and is back with the next one.
    if echo == nil { listen(phone) }
    scheduler.contact(Int64(phone), at: Instant(milliseconds: now), echo: echo)
    (phones[phone].lastContact, phones[phone].climbed) = (now, 0)
  }

  private mutating func tickle() {
    for order in scheduler.take(now: Instant(milliseconds: now)) {
      result.tickles += 1
      check(order)
      let phone = Int(order.device)
      guard !order.isHeld else {
        result.held += 1
        phones[phone].climbed += 1
        phones[phone].lastTickle = now
        continue
      }
      inFlight += 1
      result.mostInFlight = max(result.mostInFlight, inFlight)
      let (delivery, delay, arrives) = isStream(phone) ? (.accepted, 0, true) : deliver(phones[phone].host)
      if delivery == .accepted || arrives { phones[phone].sends.append(now) }
      events.push(now + delay, phone, .settled(order, delivery, arrives: arrives))
    }
  }

  /// What a push service does with a send, and how many milliseconds that takes.
  private mutating func deliver(_ host: Int) -> (Delivery, Int64, arrives: Bool) {
    if now < patience[host] { breach("host \(host) was asked \(patience[host] - now) ms before its Retry-After") }
    guard !setting.areHostsWell else { return (.accepted, 100, true) }
    // Two hours a month in which nothing answers.
    if host == 1, (now / 3_600_000) % 720 < 2 { return (.failed("cannot_connect"), 10_000, false) }
    // And an evening a week in which everything is taken, and nothing said.
    if host == 2, (now / 3_600_000) % 168 < 6 { return (.lost("timed_out"), 10_000, true) }
    if random.unit() < 0.01 { return (.lost("timed_out"), 10_000, random.unit() < 0.5) }
    if random.unit() < 0.005 { return (.offline, 100, false) }
    if random.unit() < 0.001 {
      let until = now + 1000 * Int64(1 + random.below(7200))
      return (.throttled(until: Instant(milliseconds: until), isOfHost: true), 50, false)
    }
    return random.unit() < 0.002 ? (.failed("503"), 100, false) : (.accepted, 100, true)
  }

  private mutating func check(_ order: Order) {
    let phone = phones[Int(order.device)]
    if away.contains(Int(order.device)) { breach("\(order.device) is tickled, and its stream is closed") }
    if now - phone.lastContact < 3_600_000 {
      breach("\(order.device) is tickled \((now - phone.lastContact) / 60_000) minutes after its last contact")
    }
    if phone.climbed > 0 {
      let step = Rules.ladder[min(phone.climbed, Rules.ladder.count) - 1]
      if now - phone.lastTickle < step * 85 / 100 {
        breach("\(order.device) is tickled \((now - phone.lastTickle) / 60_000) minutes after tickle \(phone.climbed)")
      }
    }
    if !order.isHeld {
      let budget = phone.platform.budget
      let day = phone.sends.count { $0 > now - 86_400_000 }
      let hour = phone.sends.count { $0 > now - 3_600_000 }
      if day >= budget.perDay || hour >= budget.perHour {
        breach("\(order.device) had \(hour) tickles within the hour and \(day) within the day")
      }
      phones[Int(order.device)].sends.removeAll { $0 <= now - 86_400_000 }
    }
    if order.ttlSeconds > 4 * 3600 || order.ttlSeconds <= 0 { breach("a tickle lives \(order.ttlSeconds) s") }
    if inFlight > Rules.inFlight { breach("\(inFlight) sends are under way") }
    if var behind = behindOutage {
      if now < behind.since + 3_600_000 {
        behind.counts[(now - behind.since) / 60_000, default: 0] += 1
        behindOutage = behind
      } else {
        behindOutage = nil
        close(behind)
      }
    }
  }

  private mutating func note(_ ended: Ended) {
    kept[Int(ended.device)] = scheduler.memory(of: ended.device) ?? kept[Int(ended.device)]
    if ended.isHeld {
      result.heldBack.trials += 1
      result.heldBack.contacts += ended.contactAt == nil ? 0 : 1
    } else {
      result.sent.trials += 1
      result.sent.contacts += ended.contactAt == nil ? 0 : 1
    }
  }
}

/// What happens, by time: a binary heap.
private struct EventQueue {
  private var heap: [Simulation.Event] = []

  var first: Int64? { heap.first?.at }

  mutating func push(_ at: Int64, _ phone: Int, _ kind: Simulation.Event.Kind = .visit) {
    var place = heap.count
    let event = Simulation.Event(at: at, phone: phone, kind: kind)
    heap.append(event)
    while place > 0, event.at < heap[(place - 1) / 2].at {
      heap[place] = heap[(place - 1) / 2]
      place = (place - 1) / 2
    }
    heap[place] = event
  }

  mutating func pop() -> Simulation.Event? {
    guard let top = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return top }
    var place = 0
    while true {
      var child = 2 * place + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1].at < heap[child].at { child += 1 }
      guard heap[child].at < last.at else { break }
      heap[place] = heap[child]
      place = child
    }
    heap[place] = last
    return top
  }
}
