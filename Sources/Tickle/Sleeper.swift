import Ground

/// What the scheduler knows of one device; plain numbers, so that a hundred thousand of them stay small.
struct Sleeper: Sendable {
  let device: Int64
  /// Of the device's id: where it stands in an hour, and what its jitter is made of.
  let hash: UInt64
  var platform: Platform
  var channel: Reach.Channel
  var host: Int32
  var quiet: QuietHours?

  /// Milliseconds since 1970; so are all moments here.
  var lastContact: Int64
  /// The last visit of its own: those that a tickle brought say nothing of its habits.
  var lastOwn: Int64
  var broughtUntil: Int64 = 0
  var lastUpload: Int64?
  var hasBacklog: Bool
  var rhythm: Rhythm

  /// Tickles, sent or held back, since the last contact.
  var rung: UInt8 = 0
  var lastTickle: Int64?
  /// A pause that somebody asked for, or that follows a failure.
  var notBefore: Int64 = 0
  var failures: UInt8 = 0
  var sends = SendLog()

  var tally: Tally
  /// How many times slower than usual.
  var cadence: UInt8
  /// Trials since it was last asked whether tickles help.
  var unjudged: UInt8 = 0

  /// Accepted tickles without any contact.
  var unanswered: UInt8 = 0
  /// Answered tickles in a row without a photo although some are left.
  var shortRuns: UInt8 = 0
  var isOffline = false
  /// Whether its app can show something.
  var canShow = true
  /// Whether a message that shows something was sent in this silence.
  var isNudged = false

  /// It can be reached no more; only what is open is waited for.
  var isLeaving = false
  /// A visit that a tickle brought, by a device with something left: whether it brings a photo. Of the tickle.
  var photoAwaited: Int64?

  /// The host of the send under way, and whether the device registered anew meanwhile.
  var flyingHost: Int32 = 0
  var isRenewed = false
  /// The send under way, and a contact that was quicker than the push service's answer.
  var flying: Order?
  var early: Early?
  /// The tickle whose outcome is awaited.
  var trial: Trial?

  struct Early: Sendable {
    let at: Int64
    var echo: Int64?
  }

  struct Trial: Sendable {
    let tickle: Int64
    let at: Int64
    let isHeld: Bool
    /// A push service took it.
    let isDelivered: Bool
    let hadBacklog: Bool
    /// Whether it says something of what silent tickles do: not one by hand, not one that shows something.
    let counts: Bool
  }

  /// Takes back what lies ahead of a clock that went back.
  mutating func forget(after now: Int64) {
    (lastContact, lastOwn) = (min(lastContact, now), min(lastOwn, now))
    broughtUntil = min(broughtUntil, now)
    lastUpload = lastUpload.map { min($0, now) }
    lastTickle = lastTickle.map { min($0, now) }
    if notBefore > now + Rules.longestPatience { notBefore = 0 }
    sends.forget(after: now)
  }

  /// By its own words and by what was seen.
  var diagnosis: Diagnosis? {
    if isOffline { return .distributorOffline }
    if unanswered >= Rules.unanswered, tally.sentContacts > 0 { return .forceQuitOrRestricted }
    if shortRuns >= Rules.shortRuns, hasBacklog { return .shortWindow }
    return cadence > 1 ? .noLift : nil
  }

  /// How long it may be silent before it is due, in milliseconds.
  var patience: Int64 {
    let usual = hasBacklog ? 0 : Int64(Rules.staleness * Double(rhythm.usualGap ?? Rules.day))
    return max(Rules.fresh, usual) * Int64(cadence)
  }

  /// What lies between this tickle and the next, if no contact comes.
  var interval: Int64 {
    rung == 0 ? patience : Rules.ladder[min(Int(rung), Rules.ladder.count) - 1] * Int64(cadence)
  }

  /// When it is to be tickled next, from all that is known now. May lie in the past.
  /// - Parameter seed: of the jitter.
  func due(seed: UInt64) -> Int64 {
    let interval = interval
    let base = rung == 0 ? lastContact + interval : (lastTickle ?? lastContact) + interval
    let jitter = (hash ^ seed ^ UInt64(bitPattern: base)).mixed.unit * 2 - 1
    var at = base + Int64(jitter * Rules.jitter * Double(interval))
    // A device that is not due yet is not made due by chance.
    if rung == 0 { at = max(at, base) }
    if interval >= Rules.habitFrom {
      let reach = min(interval / 2, Rules.habitReach)
      if let hour = rhythm.habitualHour(from: at, to: at + reach) { at = max(at, hour) }
    }
    at = phased(at, step: min(interval, Rules.hour))
    at = max(at, sends.free(platform.budget))
    // Exactly then, where a pause was asked for; a night is waited for behind it.
    at = max(at, notBefore)
    return quietUntil(at) ?? at
  }

  /// The end of the quiet hours around a moment, for what is shown; nil where it may be shown then.
  func quietUntil(_ moment: Int64) -> Int64? {
    guard isNudgeNext, let quiet else { return nil }
    let end = quiet.wait(Instant(milliseconds: moment)).milliseconds
    return end > moment ? end : nil
  }

  /// Devices that were silenced together do not wake together: each has its own place in the interval, at most an hour on.
  private func phased(_ at: Int64, step: Int64) -> Int64 {
    let phase = Int64(hash % UInt64(step))
    let into = (at - phase).floorDivided(by: step) * step + phase
    return into >= at ? into : into + step
  }

  /// Somebody who used to answer and does not any more is asked once, visibly, to open the app.
  var isNudgeNext: Bool {
    !isNudged && canShow && channel != .stream && unanswered >= Rules.unanswered && tally.sentContacts > 0
  }
}

/// The last sends, for budgets; more than the largest budget of a day.
struct SendLog: Sendable {
  private var times: [16 of UInt32] = .init(repeating: 0)
  private var next: UInt8 = 0

  /// Seconds since 1970, rounded up: a budget is never overdrawn by a part of one.
  private static func seconds(_ at: Int64) -> UInt32 { UInt32(clamping: (at + 999).floorDivided(by: 1000)) }

  mutating func note(_ at: Int64) {
    times[Int(next)] = SendLog.seconds(at)
    next = (next + 1) % 16
  }

  /// The last one did not arrive anywhere.
  mutating func forgetLast() {
    next = (next + 15) % 16
    times[Int(next)] = 0
  }

  mutating func forget(after now: Int64) {
    let limit = SendLog.seconds(now)
    for index in 0..<16 where times[index] > limit { times[index] = limit }
  }

  /// The first moment at which one more fits both budgets.
  func free(_ budget: (perHour: Int, perDay: Int)) -> Int64 {
    max(free(budget.perHour, within: 3600), free(budget.perDay, within: 86_400))
  }

  private func free(_ count: Int, within seconds: Int64) -> Int64 {
    // The count-th last one must have left the span.
    let at = times[Int((Int(next) + 16 - count) % 16)]
    return at == 0 ? 0 : (Int64(at) + seconds) * 1000
  }
}
