import Ground
import Logging
import Store
import Tickle

/// Runs the scheduler, one thing after the other and never blocking: hands it what happened and the time, writes down what it decides before it is
/// sent, and tells it what became of that.
actor Tickler {
  /// Seconds between two looks although nothing is due: a longer pause was the machine's.
  private static let longestPause = 300.0
  /// Devices that are read from the catalog at once.
  private static let batch = 500
  /// Behind an answer, milliseconds between two looks whether a photo came, and until nobody looks any more.
  private static let photoPace: Int64 = 10 * 60_000
  private static let photoPatience: Int64 = 3 * 3_600_000
  /// Late echoes that are kept while the catalog takes nothing.
  private static let echoes = 1000
  /// How long the writing of rows waits for what else comes of a send.
  private static let retry = 30.0
  /// Milliseconds by which a clock may be set back without any moment being taken back.
  private static let clockSlack: Int64 = 60_000

  private let catalog: Catalog
  private let courier: any Courier
  private let inbox: TickleInbox
  private let receiving: @Sendable () -> Set<Int64>
  private let contacts: @Sendable ([Int64]) -> [Int64: Instant]
  private let logger: Logger
  private let now: @Sendable () -> Instant
  private var scheduler: Scheduler
  private var lastTurn: Instant
  /// Tickles whose outcome is not known yet, by number.
  private var open: [Int64: TickleRow] = [:]
  private var changes = Catalog.TickleChanges()
  /// Devices that answered: since when, and when to look whether they brought something.
  private var answered: [Int64: (since: Instant, look: Instant)] = [:]
  /// Sends under way.
  private var sending: [Int64: Task<Void, Never>] = [:]
  private var isClosed = false
  /// When the scheduler ran before this start; nil where nobody knows.
  private let stoppedAt: Instant?
  /// The reading of everybody who can be reached, and whether it has ended well.
  private var beginning: Task<Bool, Never>?
  private var isBegun = false

  init(
    catalog: Catalog, courier: any Courier, inbox: TickleInbox, seed: UInt64, lastTickle: Int64, stoppedAt: Instant?,
    receiving: @escaping @Sendable () -> Set<Int64>, contacts: @escaping @Sendable ([Int64]) -> [Int64: Instant],
    logger: Logger, now: @escaping @Sendable () -> Instant
  ) {
    (self.catalog, self.courier, self.inbox, self.receiving) = (catalog, courier, inbox, receiving)
    (self.contacts, self.logger, self.now) = (contacts, logger, now)
    scheduler = Scheduler(seed: seed, lastTickle: lastTickle)
    (self.stoppedAt, lastTurn) = (stoppedAt, now())
  }

  // MARK: Beginning and end

  /// Makes everybody known who can be reached, some at a time: nobody waits for a hundred thousand of them, and their rows are
  /// never held together. What happens meanwhile lies in the inbox.
  private func begin() async -> Bool {
    do {
      var place: Int64? = 0
      while let after = place, !isClosed {
        let (some, next) = try await courier.reaches(after: after, limit: Tickler.batch)
        try await enroll(some)
        place = next
      }
    } catch {
      logger.warning("devices could not be read for tickles", metadata: ["error": "\(error)"])
      return false
    }
    guard !isClosed else { return false }
    let pause = stoppedAt.map { now().milliseconds - $0.milliseconds } ?? .max
    scheduler.resume(after: pause, now: now())
    (lastTurn, isBegun) = (now(), true)
    return true
  }

  /// Whether everybody is known; waits for it.
  private func hasBegun() async -> Bool {
    if isBegun { return true }
    let task = beginning ?? Task { await self.begin() }
    beginning = task
    if await task.value { return true }
    // The catalog could not be read: another try at the next turn.
    if beginning == task { beginning = nil }
    return false
  }

  /// Until it is closed.
  func run() async {
    while !isClosed {
      let heard = inbox.bell.rings
      let pause = await turn()
      if isClosed { break }
      await inbox.bell.wait(heard: heard, seconds: pause)
    }
  }

  /// Begins nothing new.
  func hold() { isClosed = true }

  /// Waits for what is being sent, and writes what is not written.
  func close() async {
    isClosed = true
    _ = await beginning?.value
    for send in Array(sending.values) { await send.value }
    // Who stops before everybody was read has let nobody wait: the pause goes on.
    guard isBegun else { return await keepPause() }
    drain()
    await write()
    do { try await catalog.closeTickles(at: now()) } catch {
      logger.warning("the tickles could not be closed", metadata: ["error": "\(error)"])
    }
  }

  private func keepPause() async {
    guard let stoppedAt else { return }
    do { try await catalog.closeTickles(at: stoppedAt) } catch {
      logger.warning("the tickles could not be closed", metadata: ["error": "\(error)"])
    }
  }

  private func enroll(_ reaches: [Reach]) async throws {
    var rest = reaches[...]
    while !rest.isEmpty {
      let some = Dictionary(rest.prefix(Tickler.batch).map { ($0.device, $0) }, uniquingKeysWith: { _, last in last })
      rest = rest.dropFirst(Tickler.batch)
      let now = now()
      let candidates = try await catalog.tickleCandidates(Array(some.keys), now: now)
      // Contacts are written once a minute: who comes after a long silence, and registers, is not tickled for the silence.
      let latest = contacts(Array(some.keys))
      // Revoked or merged meanwhile, or of somebody who is gone.
      for device in Set(some.keys).subtracting(candidates.map(\.number)) { scheduler.remove(device) }
      for device in candidates {
        guard let reach = some[device.number], reach.channel != .stream || device.isWorthWaking else { continue }
        var enrolment = Enrolment(device, reach)
        if let contact = latest[device.number] { enrolment.lastContact = max(enrolment.lastContact, contact) }
        scheduler.enroll(enrolment, now: now)
      }
    }
  }

  // MARK: A turn

  /// Does what is due. - Returns: seconds until the next one, at most.
  @discardableResult
  func turn() async -> Double {
    guard await hasBegun() else { return Tickler.retry }
    let time = now()
    let pause = time.milliseconds - lastTurn.milliseconds
    lastTurn = time
    if pause < -Tickler.clockSlack { scheduler.rewind(to: time) }
    // First what happened, and on disk: who is read from there anew has all of their past.
    drain()
    if await write() { await enrollNewcomers() }
    await lookForPhotos(time)
    // The machine slept.
    scheduler.resume(after: pause, now: time)
    guard !isClosed else { return Tickler.longestPause }
    var isReceiving: Set<Int64>?
    let orders = scheduler.take(now: time) { device in
      let found = isReceiving ?? receiving()
      isReceiving = found
      return found.contains(device)
    }
    for order in orders { note(order) }
    noteEnded()
    guard await write() else {
      // A full disk, say: what is not written down is not sent.
      for order in orders where !order.isHeld { cancel(order) }
      return Tickler.retry
    }
    guard !isClosed else {
      // Nothing left; the next start finds them, and calls them interrupted.
      for order in orders where !order.isHeld { scheduler.cancel(order) }
      return Tickler.longestPause
    }
    for order in orders where !order.isHeld { launch(order) }
    if listen() { return 0 }
    let next = scheduler.nextLook.map { Double($0.milliseconds - now().milliseconds) / 1000 }
    return max(0.05, min(next ?? Tickler.longestPause, Tickler.longestPause))
  }

  /// - Returns: whether somebody who is waited for is here already.
  private func listen() -> Bool {
    inbox.listen(scheduler.count > 0, awaited: Set(open.values.filter { !$0.isOver }.map(\.device)))
  }

  private func enrollNewcomers() async {
    let reaches = inbox.takeReaches()
    guard !reaches.isEmpty else { return }
    // The last word on each.
    let latest = Dictionary(reaches.map { ($0.device, $0.reach) }, uniquingKeysWith: { _, last in last })
    for (device, reach) in latest where reach == nil { scheduler.remove(device) }
    do { try await enroll(latest.values.compactMap { $0 }) } catch {
      logger.warning("devices could not be read for tickles", metadata: ["error": "\(error)"])
      for (device, reach) in latest where reach != nil { inbox.keep(device, reach) }
    }
  }

  private func drain() {
    let news = inbox.empty()
    for (device, contact) in news.contacts {
      scheduler.contact(device, at: contact.first, echo: contact.echo)
      if contact.last > contact.first { scheduler.contact(device, at: contact.last, echo: contact.echo) }
      if let echo = contact.echo, open[echo] == nil { changes.echoes.append((echo, device, contact.echoedAt)) }
    }
    for (device, hasBacklog) in news.backlogs { scheduler.report(device, hasBacklog: hasBacklog) }
    noteEnded()
  }

  /// Devices that answered are asked what they brought, again and again: a film takes its time.
  private func lookForPhotos(_ time: Instant) async {
    let due = answered.filter { $0.value.look <= time }
    guard !due.isEmpty, let uploads = try? await catalog.lastUploads(Array(due.keys)) else { return }
    for (device, answer) in due {
      if let upload = uploads[device], upload >= answer.since {
        scheduler.uploaded(device, at: upload)
        answered[device] = nil
      } else if answer.since.milliseconds + Tickler.photoPatience <= time.milliseconds {
        answered[device] = nil
      } else {
        answered[device]?.look = Instant(milliseconds: time.milliseconds + Tickler.photoPace)
      }
      remember(device)
    }
  }

  // MARK: One tickle

  private func note(_ order: Order) {
    let row = TickleRow(
      number: order.tickle, device: order.device, at: order.at, channel: order.channel.rawValue,
      why: order.why.rawValue, isHeld: order.isHeld, isNudge: order.isNudge)
    open[order.tickle] = row
    changes.tickles[order.tickle] = row
    remember(order.device)
  }

  private func launch(_ order: Order) {
    let (courier, message) = (courier, TickleMessage(order))
    sending[order.tickle] = Task {
      let delivery = await courier.send(message)
      self.sending[order.tickle] = nil
      self.settle(order, delivery)
      inbox.bell.ring()
    }
  }

  /// It could not be written down, and was not sent: there is no such tickle.
  private func cancel(_ order: Order) {
    scheduler.cancel(order)
    (open[order.tickle], changes.tickles[order.tickle]) = (nil, nil)
    remember(order.device)
  }

  private func settle(_ order: Order, _ delivery: Delivery) {
    drain()
    // Cut by our own stop, most likely; the next start calls it interrupted. Nobody else did anything wrong.
    if isClosed, delivery != .accepted { return scheduler.cancel(order) }
    remember(order.device)
    scheduler.settle(order, delivery, now: now())
    if var row = open[order.tickle] {
      row.delivery = delivery.word
      row.isOver = delivery != .accepted
      keep(row)
    }
    switch delivery {
    case .gone:
      remember(order.device)
      changes.memories[order.device]?.diagnosis = Diagnosis.uninstalledOrReset.rawValue
    case .unreachable: break
    default: remember(order.device)
    }
    noteEnded()
    if delivery != .accepted {
      logger.info(
        "a tickle was not taken",
        metadata: ["device": "\(order.device)", "channel": "\(order.channel.rawValue)", "answer": "\(delivery.word)"])
    }
  }

  private func noteEnded() {
    for ended in scheduler.takeEnded() {
      remember(ended.device)
      // One that was not taken has said so already; its window is for the measurement alone.
      guard var row = open[ended.tickle] else { continue }
      (row.contactAt, row.isEchoed, row.isOver) = (ended.contactAt, ended.isEchoed, true)
      // Its answer may be quicker than the push service's.
      if !row.isHeld, row.delivery == nil { row.delivery = Delivery.accepted.word }
      keep(row)
      guard let contact = ended.contactAt, !ended.isHeld else { continue }
      answered[ended.device] = (row.at, Instant(milliseconds: contact.milliseconds + Tickler.photoPace))
    }
  }

  private func keep(_ row: TickleRow) {
    open[row.number] = row.isOver ? nil : row
    changes.tickles[row.number] = row
  }

  private func remember(_ device: Int64) {
    if let memory = scheduler.memory(of: device) { changes.memories[device] = TickleMemory(memory) }
  }

  /// - Returns: whether everything is on disk.
  @discardableResult
  private func write() async -> Bool {
    guard !changes.isEmpty else { return true }
    let due = changes
    changes = Catalog.TickleChanges()
    do { try await catalog.record(due) } catch {
      logger.warning("tickles could not be written down", metadata: ["error": "\(error)"])
      // What came meanwhile is newer.
      changes.tickles.merge(due.tickles) { newer, _ in newer }
      changes.memories.merge(due.memories) { newer, _ in newer }
      changes.echoes = Array((due.echoes + changes.echoes).suffix(Tickler.echoes))
      return false
    }
    return true
  }

  // MARK: For people

  /// What somebody asks for now. - Returns: its number, and what became of the send; nil where nobody knows the device.
  enum ByHand: Sendable {
    case unreachable
    case notNow(Instant)
    case done(Int64)
  }

  func byHand(_ device: Int64) async -> ByHand {
    guard !isClosed, await hasBegun() else { return .unreachable }
    drain()
    if await write() { await enrollNewcomers() }
    let time = now()
    guard scheduler.isKnown(device) else { return .unreachable }
    guard let order = scheduler.takeByHand(device, now: time) else {
      return .notNow(scheduler.nextByHand(device, now: time))
    }
    note(order)
    guard await write() else {
      cancel(order)
      return .notNow(time.adding(seconds: Int64(Tickler.retry)))
    }
    _ = listen()
    let delivery = await courier.send(TickleMessage(order))
    settle(order, delivery)
    await write()
    inbox.bell.ring()
    return .done(order.tickle)
  }

  /// Before somebody looks: takes over what happened, and writes it.
  func settleForReaders() async {
    guard !isClosed, isBegun else { return }
    drain()
    await write()
    _ = listen()
  }
}

extension TickleMessage {
  fileprivate init(_ order: Order) {
    self.init(
      tickle: order.tickle, device: order.device, channel: order.channel,
      kind: order.isNudge ? .nudge(Diagnosis.nudge(order.platform)) : .sync,
      ttlSeconds: order.ttlSeconds)
  }
}
