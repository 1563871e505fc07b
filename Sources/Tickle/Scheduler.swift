import Ground

/// Whom to wake, and when: a value that changes by what it is told (contacts, backlog, what became of sends) and by the
/// clock that it is handed, and by nothing else. Asks nobody, sends nothing, and never goes through all devices, but for
/// once after a long pause.
package struct Scheduler: Sendable {
  let seed: UInt64
  var sleepers: [Sleeper] = []
  /// Slots by `device.number`.
  var slots: [Int64: Int32] = [:]
  private var vacant: [Int32] = []
  /// When each is to be looked at.
  var queue = DueQueue()
  /// When each trial is over.
  var trials = DueQueue()
  var hosts: [HostGate] = []
  private var hostNumbers: [String: Int32] = [:]
  var inFlight = 0
  private var lastTickle: Int64
  private var ended: [Ended] = []

  /// - Parameters:
  ///   - seed: of jitter and of who is held back; the same seed and the same events make the same tickles.
  ///   - lastTickle: the number of the last one that there was.
  package init(seed: UInt64, lastTickle: Int64 = 0) { (self.seed, self.lastTickle) = (seed, lastTickle) }

  package var count: Int { slots.count }

  package mutating func reserve(_ count: Int) {
    sleepers.reserveCapacity(count)
    slots.reserveCapacity(count)
    queue.reserve(count)
  }

  // MARK: Who there is

  /// Makes a device known, or takes over how it is reached now; what was learned of it stays.
  package mutating func enroll(_ device: Enrolment, now: Instant) {
    let host = number(of: device.reach.host)
    if let slot = slots[device.reach.device].map(Int.init) {
      if sleepers[slot].flying != nil, sleepers[slot].host != host { hosts[Int(sleepers[slot].host)].abandoned() }
      sleepers[slot].channel = device.reach.channel
      (sleepers[slot].host, sleepers[slot].quiet) = (host, device.reach.quiet)
      sleepers[slot].platform = device.platform
      // A new registration has not failed yet.
      (sleepers[slot].failures, sleepers[slot].isOffline) = (0, false)
      if sleepers[slot].flying == nil { replan(slot) }
      return
    }
    var sleeper = Sleeper(
      device: device.reach.device, hash: device.id.low ^ device.id.high.mixed, platform: device.platform,
      channel: device.reach.channel, host: host, quiet: device.reach.quiet,
      lastContact: device.lastContact.milliseconds, lastOwn: device.lastContact.milliseconds,
      lastUpload: device.lastUpload?.milliseconds,
      hasBacklog: device.hasBacklog, rhythm: device.memory.rhythm ?? device.rhythm, tally: device.memory.tally,
      cadence: device.memory.cadence)
    let memory = device.memory
    (sleeper.rung, sleeper.unjudged) = (memory.rung, memory.unjudged)
    (sleeper.unanswered, sleeper.shortRuns) = (memory.unanswered, memory.shortRuns)
    sleeper.isNudged = memory.isNudged
    (sleeper.lastTickle, sleeper.notBefore) = (memory.lastTickle?.milliseconds, memory.notBefore?.milliseconds ?? 0)
    for send in memory.sends.sorted().suffix(15) { sleeper.sends.note(send.milliseconds) }
    let slot: Int
    if let free = vacant.popLast() {
      slot = Int(free)
      sleepers[slot] = sleeper
    } else {
      slot = sleepers.count
      sleepers.append(sleeper)
    }
    slots[device.reach.device] = Int32(slot)
    replan(slot)
  }

  /// It can be reached no more.
  package mutating func remove(_ device: Int64) {
    guard let slot = slots.removeValue(forKey: device) else { return }
    if sleepers[Int(slot)].flying != nil {
      inFlight -= 1
      hosts[Int(sleepers[Int(slot)].host)].abandoned()
    }
    queue.remove(Int(slot))
    trials.remove(Int(slot))
    vacant.append(slot)
  }

  private mutating func number(of host: String) -> Int32 {
    if let known = hostNumbers[host] { return known }
    // Strangers choose hosts: past this many, the rest shares one gate.
    guard hosts.count < 10_000 else { return Int32(hosts.count - 1) }
    hosts.append(HostGate())
    hostNumbers[host] = Int32(hosts.count - 1)
    return Int32(hosts.count - 1)
  }

  func slot(_ device: Int64) -> Int? { slots[device].map(Int.init) }

  mutating func replan(_ slot: Int) { queue.set(slot, at: sleepers[slot].due(seed: seed)) }

  // MARK: Time

  /// The next moment at which there is something to do; nil where there is nothing at all.
  package var nextLook: Instant? {
    let due = inFlight < Rules.inFlight ? queue.first?.at : nil
    guard let at = [due, trials.first?.at].compactMap({ $0 }).min() else { return nil }
    return Instant(milliseconds: at)
  }

  /// After a time in which nothing ran: what is overdue is spread, the longest overdue first.
  package mutating func resume(after pause: Int64, now: Instant) {
    guard pause > Rules.downtime else { return }
    let due = queue.due(at: now.milliseconds)
    for (place, entry) in due.enumerated() {
      queue.set(entry.slot, at: now.milliseconds + Rules.spread * Int64(place) / Int64(due.count))
    }
  }

  /// The tickles that are due now; each is to be sent (or, held back, only noted), and `settle` told what became of it.
  /// - Parameter isReceiving: whether a device is sending something at the moment.
  package mutating func take(now: Instant, isReceiving: (Int64) -> Bool = { _ in false }) -> [Order] {
    closeTrials(now.milliseconds)
    var orders: [Order] = []
    let now = now.milliseconds
    while inFlight < Rules.inFlight, let first = queue.first, first.at <= now {
      let slot = first.slot
      // Contacts move a device on without moving it here.
      let due = sleepers[slot].due(seed: seed)
      if due > now {
        queue.set(slot, at: due)
      } else if now - sleepers[slot].lastContact < Rules.fresh || isReceiving(sleepers[slot].device) {
        queue.set(slot, at: max(sleepers[slot].lastContact, now - Rules.fresh / 2) + Rules.fresh)
      } else if let wait = hosts[Int(sleepers[slot].host)].wait(now) {
        queue.set(slot, at: wait)
      } else {
        orders.append(order(slot, now))
      }
    }
    return orders
  }

  private mutating func order(_ slot: Int, _ now: Int64) -> Order {
    lastTickle += 1
    let sleeper = sleepers[slot]
    let isHeld = (seed ^ UInt64(bitPattern: lastTickle)).mixed % 100 < Rules.heldPercent && !sleeper.isNudgeNext
    // What comes after this one; no service need keep it longer.
    var next = sleeper
    next.rung = min(next.rung + 1, UInt8(Rules.ladder.count))
    let order = Order(
      tickle: lastTickle, device: sleeper.device, channel: sleeper.channel, at: Instant(milliseconds: now),
      why: sleeper.hasBacklog ? .backlog : .stale, isHeld: isHeld, isNudge: sleeper.isNudgeNext,
      ttlSeconds: Int(min(next.interval, Rules.longestLife) / 1000))
    if isHeld { begin(slot, order) } else { launch(slot, order) }
    return order
  }

  private mutating func launch(_ slot: Int, _ order: Order) {
    inFlight += 1
    hosts[Int(sleepers[slot].host)].began()
    (sleepers[slot].flying, sleepers[slot].early) = (order, nil)
    sleepers[slot].sends.note(order.at.milliseconds)
    queue.remove(slot)
  }

  /// A tickle that somebody asks for: when it is due does not matter, what the system bears does. It is no trial.
  /// - Returns: nil where it must not be now.
  package mutating func takeByHand(_ device: Int64, now: Instant) -> Order? {
    guard let slot = slot(device), sleepers[slot].flying == nil, inFlight < Rules.inFlight else { return nil }
    let sleeper = sleepers[slot]
    let from = max(sleeper.notBefore, sleeper.sends.free(sleeper.platform.budget))
    guard now.milliseconds >= from, hosts[Int(sleeper.host)].wait(now.milliseconds) == nil else { return nil }
    lastTickle += 1
    let order = Order(
      tickle: lastTickle, device: device, channel: sleeper.channel, at: now, why: .hand, isHeld: false, isNudge: false,
      ttlSeconds: 600)
    launch(slot, order)
    return order
  }

  package func isKnown(_ device: Int64) -> Bool { slots[device] != nil }

  /// The first moment at which `takeByHand` may do it.
  package func nextByHand(_ device: Int64, now: Instant) -> Instant {
    guard let slot = slot(device) else { return now }
    let sleeper = sleepers[slot]
    let host = hosts[Int(sleeper.host)].wait(now.milliseconds) ?? 0
    let at = max(sleeper.notBefore, sleeper.sends.free(sleeper.platform.budget), host, now.milliseconds + 1000)
    return Instant(milliseconds: at)
  }

  // MARK: What became of it

  /// What became of a send.
  package mutating func settle(_ order: Order, _ delivery: Delivery, now: Instant) {
    guard let slot = slot(order.device), sleepers[slot].flying?.tickle == order.tickle else { return }
    sleepers[slot].flying = nil
    inFlight -= 1
    let host = Int(sleepers[slot].host)
    let now = now.milliseconds
    if delivery != .accepted { sleepers[slot].sends.forgetLast() }
    switch delivery {
    case .accepted:
      hosts[host].succeeded()
      (sleepers[slot].failures, sleepers[slot].notBefore, sleepers[slot].isOffline) = (0, 0, false)
      begin(slot, order)
      return
    case .throttled(let until, let isOfHost):
      if isOfHost { hosts[host].throttled(until: until.milliseconds) } else { hosts[host].succeeded() }
      sleepers[slot].notBefore = until.milliseconds
    case .failed:
      hosts[host].failed(now)
      back(slot, now)
    case .offline:
      hosts[host].succeeded()
      sleepers[slot].isOffline = true
      back(slot, now)
    case .refused:
      hosts[host].succeeded()
      back(slot, now)
    case .gone, .unreachable:
      hosts[host].succeeded()
      remove(order.device)
      return
    }
    replan(slot)
  }

  private mutating func back(_ slot: Int, _ now: Int64) {
    let pause = min(Rules.firstBackoff << Int64(min(sleepers[slot].failures, 12)), Rules.longestBackoff)
    sleepers[slot].failures = min(sleepers[slot].failures + 1, 12)
    sleepers[slot].notBefore = now + pause
  }

  /// From here on its outcome is awaited.
  private mutating func begin(_ slot: Int, _ order: Order) {
    let at = order.at.milliseconds
    let early = sleepers[slot].early
    sleepers[slot].early = nil
    end(slot, at: nil)
    sleepers[slot].lastTickle = at
    // A contact while it was under way: nothing to be learned, nothing to be climbed.
    if sleepers[slot].lastContact < at {
      sleepers[slot].rung = min(sleepers[slot].rung + 1, UInt8(Rules.ladder.count))
    }
    if order.isNudge { sleepers[slot].isNudged = true }
    sleepers[slot].trial = Sleeper.Trial(
      tickle: order.tickle, at: at, isHeld: order.isHeld, hadBacklog: sleepers[slot].hasBacklog,
      counts: order.why != .hand && !order.isNudge)
    trials.set(slot, at: at + sleepers[slot].platform.window * 1000 + 1)
    if let early {
      sleepers[slot].broughtUntil = early.at + Rules.visit
      end(slot, at: early.at, echo: early.echo)
    }
    replan(slot)
  }

  /// A request of a device.
  /// - Parameter echo: the tickle that it says it comes for.
  package mutating func contact(_ device: Int64, at moment: Instant, echo: Int64? = nil) {
    guard let slot = slot(device) else { return }
    let (at, last) = (moment.milliseconds, sleepers[slot].lastContact)
    closeTrial(slot, at)
    if let trial = sleepers[slot].trial, at >= trial.at {
      if !trial.isHeld { sleepers[slot].broughtUntil = at + Rules.visit }
      end(slot, at: at, echo: echo)
    }
    if echo != nil { sleepers[slot].broughtUntil = at + Rules.visit }
    if let flying = sleepers[slot].flying, at >= flying.at.milliseconds {
      var early = sleepers[slot].early ?? Sleeper.Early(at: at, echo: echo)
      early.echo = echo ?? early.echo
      sleepers[slot].early = early
    }
    guard at > last else { return }
    // Else every tickle would make the usual gap shorter, and the next one sooner.
    if at >= sleepers[slot].broughtUntil, at - sleepers[slot].lastOwn >= Rhythm.shortest {
      sleepers[slot].rhythm.note(moment, after: Instant(milliseconds: sleepers[slot].lastOwn))
      sleepers[slot].lastOwn = at
    }
    sleepers[slot].lastContact = at
    (sleepers[slot].rung, sleepers[slot].unanswered, sleepers[slot].isNudged) = (0, 0, false)
    // It may have stood far down the ladder; nearer than an hour it is not tickled anyway.
    if sleepers[slot].flying == nil, let planned = queue.at(slot), planned > at + Rules.fresh {
      let due = sleepers[slot].due(seed: seed)
      if due < planned { queue.set(slot, at: due) }
    }
  }

  /// A photo of a device was stored.
  package mutating func uploaded(_ device: Int64, at moment: Instant) {
    guard let slot = slot(device) else { return }
    sleepers[slot].lastUpload = max(sleepers[slot].lastUpload ?? 0, moment.milliseconds)
    sleepers[slot].shortRuns = 0
  }

  /// What a device says is left to bring.
  package mutating func report(_ device: Int64, hasBacklog: Bool) {
    guard let slot = slot(device), sleepers[slot].hasBacklog != hasBacklog else { return }
    sleepers[slot].hasBacklog = hasBacklog
    if sleepers[slot].flying == nil { replan(slot) }
  }

  // MARK: Trials

  private mutating func closeTrials(_ now: Int64) {
    while let first = trials.first, first.at <= now { end(first.slot, at: nil) }
  }

  private mutating func closeTrial(_ slot: Int, _ now: Int64) {
    if let over = trials.at(slot), over <= now { end(slot, at: nil) }
  }

  /// - Parameter at: of the contact; nil where none came in time.
  private mutating func end(_ slot: Int, at: Int64?, echo: Int64? = nil) {
    guard let trial = sleepers[slot].trial else { return }
    trials.remove(slot)
    sleepers[slot].trial = nil
    let isContact = at != nil
    if trial.counts {
      sleepers[slot].tally.count(isHeld: trial.isHeld, isContact: isContact)
      sleepers[slot].unjudged += 1
      if sleepers[slot].unjudged >= UInt8(Rules.trials) { judge(slot) }
    }
    if !trial.isHeld {
      if isContact {
        let hasUploaded = (sleepers[slot].lastUpload ?? 0) >= trial.at
        if trial.hadBacklog, !hasUploaded { sleepers[slot].shortRuns = min(sleepers[slot].shortRuns + 1, 200) }
      } else {
        sleepers[slot].unanswered = min(sleepers[slot].unanswered + 1, 200)
      }
    }
    ended.append(
      Ended(
        tickle: trial.tickle, device: sleepers[slot].device, isHeld: trial.isHeld,
        contactAt: at.map { Instant(milliseconds: $0) },
        isEchoed: echo == trial.tickle))
  }

  /// Where chance alone explains the difference, half as often; where it does not, as usual again.
  private mutating func judge(_ slot: Int) {
    sleepers[slot].unjudged = 0
    guard let lift = sleepers[slot].tally.lift else { return }
    sleepers[slot].cadence = lift.mayBeNothing ? min(sleepers[slot].cadence * 2, Rules.slowest) : 1
  }

  /// The outcomes since the last time that somebody asked.
  package mutating func takeEnded() -> [Ended] {
    defer { ended = [] }
    return ended
  }

  // MARK: Looking

  /// What is known of a device, for the page and for the next start.
  package func memory(of device: Int64) -> Memory? {
    guard let slot = slot(device) else { return nil }
    let sleeper = sleepers[slot]
    var memory = Memory()
    (memory.tally, memory.cadence, memory.unjudged) = (sleeper.tally, sleeper.cadence, sleeper.unjudged)
    (memory.rung, memory.unanswered, memory.shortRuns) = (sleeper.rung, sleeper.unanswered, sleeper.shortRuns)
    (memory.isNudged, memory.diagnosis) = (sleeper.isNudged, sleeper.diagnosis)
    memory.lastTickle = sleeper.lastTickle.map { Instant(milliseconds: $0) }
    memory.rhythm = sleeper.rhythm
    memory.notBefore = sleeper.notBefore > 0 ? Instant(milliseconds: sleeper.notBefore) : nil
    return memory
  }

  /// When a device is to be looked at next; nil while a send is under way.
  package func nextLook(at device: Int64) -> Instant? {
    slot(device).flatMap { queue.at($0) }.map { Instant(milliseconds: $0) }
  }
}
