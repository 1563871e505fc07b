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
  /// Slots of devices that can be reached no more, until the last outcome of theirs is known.
  private var leaving: Set<Int32> = []
  /// When each is to be looked at.
  var queue = DueQueue()
  /// When each trial is over.
  var trials = DueQueue()
  var hosts: [HostGate] = []
  private var hostNumbers: [String: Int32] = [:]
  var inFlight = 0
  private var lastTickle: Int64
  var ended: [Ended] = []

  private static let mostHosts = 10_000
  /// No host has such a name.
  private static let otherHosts = "*"

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
      (sleepers[slot].isLeaving, sleepers[slot].isRenewed) = (false, sleepers[slot].flying != nil)
      sleepers[slot].channel = device.reach.channel
      (sleepers[slot].host, sleepers[slot].quiet) = (host, device.reach.quiet)
      sleepers[slot].canShow = device.reach.canShow
      sleepers[slot].platform = device.platform
      let contact = min(device.lastContact.milliseconds, now.milliseconds)
      sleepers[slot].lastContact = max(sleepers[slot].lastContact, contact)
      // A new registration has not failed yet.
      (sleepers[slot].failures, sleepers[slot].isOffline) = (0, false)
      if sleepers[slot].flying == nil { replan(slot) }
      return
    }
    // The clock may have run ahead once.
    let contact = min(device.lastContact.milliseconds, now.milliseconds)
    var sleeper = Sleeper(
      device: device.reach.device, hash: device.id.low ^ device.id.high.mixed, platform: device.platform,
      channel: device.reach.channel, host: host, quiet: device.reach.quiet,
      lastContact: contact, lastOwn: contact,
      lastUpload: device.lastUpload?.milliseconds,
      hasBacklog: device.hasBacklog, rhythm: device.memory.rhythm ?? device.rhythm, tally: device.memory.tally,
      cadence: device.memory.cadence)
    let memory = device.memory
    (sleeper.rung, sleeper.unjudged) = (memory.rung, memory.unjudged)
    (sleeper.unanswered, sleeper.shortRuns) = (memory.unanswered, memory.shortRuns)
    (sleeper.isNudged, sleeper.canShow) = (memory.isNudged, device.reach.canShow)
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

  /// It can be reached no more. What was sent to it has its outcome all the same: who wakes, brings a photo and hangs up
  /// within the window has answered.
  package mutating func remove(_ device: Int64) {
    guard let slot = slot(device) else { return }
    sleepers[slot].isLeaving = true
    queue.remove(slot)
    leaving.insert(Int32(slot))
  }

  /// Forgets who has left and has no outcome open; whoever asks for outcomes has seen the last one by now.
  private mutating func vacate() {
    for slot in leaving {
      let sleeper = sleepers[Int(slot)]
      if sleeper.isLeaving {
        guard sleeper.flying == nil, sleeper.trial == nil else { continue }
        slots[sleeper.device] = nil
        vacant.append(slot)
      }
      leaving.remove(slot)
    }
  }

  private mutating func number(of host: String) -> Int32 {
    if let known = hostNumbers[host] { return known }
    // Strangers choose hosts: past this many, the rest shares a gate, which is nobody's own.
    guard hosts.count < Scheduler.mostHosts || host == Scheduler.otherHosts else {
      return number(of: Scheduler.otherHosts)
    }
    hosts.append(HostGate(isPaced: !host.isEmpty))
    hostNumbers[host] = Int32(hosts.count - 1)
    return Int32(hosts.count - 1)
  }

  func slot(_ device: Int64) -> Int? { slots[device].map(Int.init) }

  mutating func replan(_ slot: Int) {
    guard !sleepers[slot].isLeaving else { return }
    queue.set(slot, at: sleepers[slot].due(seed: seed))
  }

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

  /// The clock went back: what was noted by the wrong one must not hold until it is that time again.
  package mutating func rewind(to now: Instant) {
    for slot in slots.values.map(Int.init) {
      sleepers[slot].forget(after: now.milliseconds)
      if sleepers[slot].flying == nil { replan(slot) }
    }
    for host in hosts.indices { hosts[host].forget(after: now.milliseconds) }
  }

  /// The tickles that are due now; each is to be sent (or, held back, only noted), and `settle` told what became of it.
  /// - Parameter isReceiving: whether a device is sending something at the moment.
  package mutating func take(now: Instant, isReceiving: (Int64) -> Bool = { _ in false }) -> [Order] {
    vacate()
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
      } else if let morning = sleepers[slot].quietUntil(now) {
        // Due before the night, and not sent by then: a pause of the push service, or of ours.
        queue.set(slot, at: morning)
      } else if let wait = hosts[Int(sleepers[slot].host)].queue(now) {
        queue.set(slot, at: wait)
      } else {
        orders.append(order(slot, now))
      }
    }
    return orders
  }

  private mutating func order(_ slot: Int, _ now: Int64) -> Order {
    lastTickle += 1
    countShortRun(slot)
    let sleeper = sleepers[slot]
    let isHeld = (seed ^ UInt64(bitPattern: lastTickle)).mixed % 100 < Rules.heldPercent && !sleeper.isNudgeNext
    // What comes after this one; no service need keep it longer.
    var next = sleeper
    next.rung = min(next.rung + 1, UInt8(Rules.ladder.count))
    var life = min(next.interval, Rules.longestLife)
    // A push service that finds the phone later must not ring in its night.
    if sleeper.isNudgeNext, let quiet = sleeper.quiet {
      life = min(life, quiet.begins(after: Instant(milliseconds: now)).milliseconds - now)
    }
    let order = Order(
      tickle: lastTickle, device: sleeper.device, platform: sleeper.platform, channel: sleeper.channel,
      at: Instant(milliseconds: now), why: sleeper.hasBacklog ? .backlog : .stale, isHeld: isHeld,
      isNudge: sleeper.isNudgeNext, ttlSeconds: Int(max(1000, life) / 1000))
    if isHeld { begin(slot, order) } else { launch(slot, order) }
    return order
  }

  private mutating func launch(_ slot: Int, _ order: Order) {
    inFlight += 1
    hosts[Int(sleepers[slot].host)].began(order.at.milliseconds)
    (sleepers[slot].flying, sleepers[slot].early) = (order, nil)
    (sleepers[slot].flyingHost, sleepers[slot].isRenewed) = (sleepers[slot].host, false)
    sleepers[slot].sends.note(order.at.milliseconds)
    queue.remove(slot)
  }

  /// A tickle that somebody asks for: when it is due does not matter, what the system bears does. It is no trial.
  /// - Returns: nil where it must not be now.
  package mutating func takeByHand(_ device: Int64, now: Instant) -> Order? {
    guard let slot = slot(device), !sleepers[slot].isLeaving, sleepers[slot].flying == nil,
      inFlight < Rules.inFlight
    else { return nil }
    let sleeper = sleepers[slot]
    let from = max(sleeper.notBefore, sleeper.sends.free(sleeper.platform.budget))
    guard now.milliseconds >= from, hosts[Int(sleeper.host)].wait(now.milliseconds) == nil else { return nil }
    lastTickle += 1
    let order = Order(
      tickle: lastTickle, device: device, platform: sleeper.platform, channel: sleeper.channel, at: now, why: .hand,
      isHeld: false, isNudge: false, ttlSeconds: 600)
    launch(slot, order)
    return order
  }

  package func isKnown(_ device: Int64) -> Bool { slot(device).map { !sleepers[$0].isLeaving } ?? false }

  /// The first moment at which `takeByHand` may do it.
  package func nextByHand(_ device: Int64, now: Instant) -> Instant {
    guard let slot = slot(device) else { return now }
    let sleeper = sleepers[slot]
    let host = hosts[Int(sleeper.host)].wait(now.milliseconds) ?? 0
    let at = max(sleeper.notBefore, sleeper.sends.free(sleeper.platform.budget), host, now.milliseconds + 1000)
    return Instant(milliseconds: at)
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
