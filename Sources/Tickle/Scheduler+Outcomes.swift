import Ground

/// What becomes of sends, contacts and trials.
extension Scheduler {
  /// What became of a send.
  package mutating func settle(_ order: Order, _ delivery: Delivery, now: Instant) {
    guard let (slot, host) = land(order) else { return }
    let now = now.milliseconds
    if !delivery.mayHaveArrived { sleepers[slot].sends.forgetLast() }
    switch delivery {
    case .accepted:
      hosts[host].succeeded()
      (sleepers[slot].failures, sleepers[slot].notBefore, sleepers[slot].isOffline) = (0, 0, false)
      begin(slot, order)
      return
    case .throttled(let until, let isOfHost):
      if isOfHost { hosts[host].throttled(until: until.milliseconds) } else { hosts[host].succeeded() }
      sleepers[slot].notBefore = until.milliseconds
    case .failed, .lost:
      hosts[host].failed(now)
      back(slot, now)
    case .unsent:
      // The push service heard nothing of it.
      hosts[host].abandoned()
      back(slot, now)
    case .refused:
      hosts[host].succeeded()
      back(slot, now)
    case .offline, .gone, .unreachable:
      // By intention to treat: that it could not be reached is a fact about the device, and those that are held back are
      // counted whether they could have been reached or not.
      hosts[host].succeeded()
      if delivery == .offline {
        sleepers[slot].isOffline = true
        back(slot, now)
        // Each trial has its whole window.
        let over = order.at.milliseconds + sleepers[slot].platform.window * 1000 + 1
        sleepers[slot].notBefore = max(sleepers[slot].notBefore, over)
      }
      begin(slot, order, isDelivered: false)
      // It may have registered anew while this one was under way.
      if delivery != .offline, !sleepers[slot].isRenewed { remove(order.device) }
      return
    }
    replan(slot)
  }

  /// It was not sent at all, because it could not be written down: as if it had never been due.
  package mutating func cancel(_ order: Order) {
    guard let (slot, host) = land(order) else { return }
    sleepers[slot].sends.forgetLast()
    hosts[host].abandoned()
    replan(slot)
  }

  /// - Returns: the device's slot, and the host that the send went to.
  mutating func land(_ order: Order) -> (slot: Int, host: Int)? {
    guard let slot = slot(order.device), sleepers[slot].flying?.tickle == order.tickle else { return nil }
    sleepers[slot].flying = nil
    inFlight -= 1
    return (slot, Int(sleepers[slot].flyingHost))
  }

  mutating func back(_ slot: Int, _ now: Int64) {
    let pause = min(Rules.firstBackoff << Int64(min(sleepers[slot].failures, 12)), Rules.longestBackoff)
    sleepers[slot].failures = min(sleepers[slot].failures + 1, 12)
    sleepers[slot].notBefore = now + pause
  }

  /// From here on its outcome is awaited.
  /// - Parameter isDelivered: false where it is known that nothing reached the device.
  mutating func begin(_ slot: Int, _ order: Order, isDelivered: Bool = true) {
    let at = order.at.milliseconds
    let early = sleepers[slot].early
    sleepers[slot].early = nil
    end(slot, at: nil)
    if isDelivered {
      sleepers[slot].lastTickle = at
      // A contact while it was under way: nothing to be learned, nothing to be climbed.
      if sleepers[slot].lastContact < at {
        sleepers[slot].rung = min(sleepers[slot].rung + 1, UInt8(Rules.ladder.count))
      }
      if order.isNudge { sleepers[slot].isNudged = true }
    }
    sleepers[slot].trial = Sleeper.Trial(
      tickle: order.tickle, at: at, isHeld: order.isHeld, isDelivered: isDelivered && !order.isHeld,
      hadBacklog: sleepers[slot].hasBacklog, counts: order.why != .hand && !order.isNudge)
    trials.set(slot, at: at + sleepers[slot].platform.window * 1000 + 1)
    if let early {
      if isDelivered { sleepers[slot].broughtUntil = early.at + Rules.visit }
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
      if trial.isDelivered { sleepers[slot].broughtUntil = at + Rules.visit }
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
    (sleepers[slot].shortRuns, sleepers[slot].photoAwaited) = (0, nil)
  }

  /// At the next tickle, an hour on at the earliest, it is known whether the visit before brought anything: a film takes its
  /// time on a slow line, and while it comes there is no tickle.
  mutating func countShortRun(_ slot: Int) {
    guard let since = sleepers[slot].photoAwaited else { return }
    sleepers[slot].photoAwaited = nil
    if (sleepers[slot].lastUpload ?? 0) < since {
      sleepers[slot].shortRuns = min(sleepers[slot].shortRuns + 1, 200)
    }
  }

  /// What a device says is left to bring.
  package mutating func report(_ device: Int64, hasBacklog: Bool) {
    guard let slot = slot(device), sleepers[slot].hasBacklog != hasBacklog else { return }
    sleepers[slot].hasBacklog = hasBacklog
    if sleepers[slot].flying == nil { replan(slot) }
  }

  // MARK: Trials

  mutating func closeTrials(_ now: Int64) {
    while let first = trials.first, first.at <= now { end(first.slot, at: nil) }
  }

  mutating func closeTrial(_ slot: Int, _ now: Int64) {
    if let over = trials.at(slot), over <= now { end(slot, at: nil) }
  }

  /// - Parameter at: of the contact; nil where none came in time.
  mutating func end(_ slot: Int, at: Int64?, echo: Int64? = nil) {
    guard let trial = sleepers[slot].trial else { return }
    trials.remove(slot)
    sleepers[slot].trial = nil
    let isContact = at != nil
    if trial.counts {
      sleepers[slot].tally.count(isHeld: trial.isHeld, isContact: isContact)
      sleepers[slot].unjudged += 1
      if sleepers[slot].unjudged >= UInt8(Rules.trials) { judge(slot) }
    }
    if trial.isDelivered {
      if isContact {
        if trial.hadBacklog { sleepers[slot].photoAwaited = trial.at }
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
  mutating func judge(_ slot: Int) {
    sleepers[slot].unjudged = 0
    guard let lift = sleepers[slot].tally.lift else { return }
    sleepers[slot].cadence = lift.mayBeNothing ? min(sleepers[slot].cadence * 2, Rules.slowest) : 1
  }

  /// The outcomes since the last time that somebody asked.
  package mutating func takeEnded() -> [Ended] {
    defer { ended = [] }
    return ended
  }
}
