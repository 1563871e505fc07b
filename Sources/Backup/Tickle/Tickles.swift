import Ground
import Logging
import Store
import Synchronization
import Tickle

/// Waking devices that sleep, and what came of it.
package final class Tickles: Sendable {
  package struct Limits: Sendable {
    /// How long tickles are remembered, and how many, some 100 bytes each.
    package var days = 90
    package var rows = 200_000

    package init() {}
  }

  package let inbox = TickleInbox()
  private let limits: Limits
  private let catalog: Catalog
  private let logger: Logger
  private let now: @Sendable () -> Instant

  private struct Running {
    let tickler: Tickler
    let loop: Task<Void, Never>
  }
  private let running = Mutex<Running?>(nil)

  init(limits: Limits, catalog: Catalog, logger: Logger, now: @escaping @Sendable () -> Instant) {
    (self.limits, self.catalog, self.logger, self.now) = (limits, catalog, logger, now)
  }

  /// Begins to tickle.
  /// - Parameters:
  ///   - seed: another one for tests; a random one keeps devices of many servers apart.
  ///   - receiving: devices that send something at the moment.
  ///   - contacts: the last contacts of devices, as far as they are newer than what is written.
  func start(
    _ courier: any Courier, seed: UInt64 = .random(in: 0 ... .max), receiving: @escaping @Sendable () -> Set<Int64>,
    contacts: @escaping @Sendable ([Int64]) -> [Int64: Instant]
  ) async throws {
    let (last, stoppedAt) = try await catalog.openTickles()
    let tickler = Tickler(
      catalog: catalog, courier: courier, inbox: inbox, seed: seed, lastTickle: last, stoppedAt: stoppedAt,
      receiving: receiving, contacts: contacts, logger: logger, now: now)
    let inbox = inbox
    // From here on nothing is missed while those who are registered are read.
    _ = inbox.listen(true, awaited: [])
    courier.listen { device, reach in inbox.reach(device, reach) }
    let loop = Task { await tickler.run() }
    running.withLock { $0 = Running(tickler: tickler, loop: loop) }
  }

  /// Begins nothing new.
  func hold() async { await running.withLock { $0?.tickler }?.hold() }

  func close() async {
    let ran = running.withLock { running in
      defer { running = nil }
      return running
    }
    guard let ran else { return }
    await ran.tickler.close()
    inbox.bell.close()
    await ran.loop.value
  }

  /// For tests, which have a clock of their own: what is due now.
  func turn() async { await running.withLock { $0?.tickler }?.turn() }

  /// Before somebody looks.
  func settle() async { await running.withLock { $0?.tickler }?.settleForReaders() }

  /// Wakes a device because somebody asks for it.
  /// - Throws: `.invalid` where it cannot be reached, `.tooManyAttempts` where its system would not bear another one.
  package func byHand(_ device: Device) async throws -> Tickling {
    guard let tickler = running.withLock({ $0?.tickler }) else {
      throw BackupError.invalid("Devices are not tickled by this process")
    }
    switch await tickler.byHand(device.record.device.number) {
    case .unreachable:
      throw BackupError.invalid("This device can not be reached: it has no push registration and does not listen")
    case .notNow(let moment):
      throw BackupError.tooManyAttempts(
        retryAfter: Int(max(1, (moment.milliseconds - now().milliseconds + 999) / 1000)))
    case .done(let number):
      guard let row = try await speaking({ try await catalog.tickle(number) }) else {
        throw BackupError.unavailable("The tickle was not recorded")
      }
      return Tickling(row)
    }
  }

  /// The newest first.
  package func list(of device: Device, limit: Int) async throws -> [Tickling] {
    await settle()
    return try await speaking { try await catalog.tickles(of: device.record.device.number, limit: limit) }
      .map { Tickling($0) }
  }

  /// Of one person's devices, or everybody's.
  package func totals(of user: Identifier?) async throws -> TickleView.Totals {
    let since = now().adding(seconds: -86_400)
    let found = try await speaking { try await catalog.tickleTotals(of: user, since: since) }
    return TickleView.Totals(
      sentLately: found.sentLately, answeredLately: found.answeredLately, lift: TickleView.lift(found.memory))
  }

  /// Forgets what is too old, or too much.
  func sweep() async {
    let limit = now().adding(seconds: -Int64(limits.days) * 86_400)
    do { while try await catalog.pruneTickles(before: limit, rows: Int64(limits.rows)) {} } catch {
      logger.warning("old tickles could not be removed", metadata: ["error": "\(error)"])
    }
  }
}

/// One tickle, as it is shown.
package struct Tickling: Sendable {
  package enum Outcome: String, Sendable {
    /// On its way, or its window is still open.
    case waiting
    /// A contact came in time, or named it.
    case answered
    /// None came.
    case unanswered
    /// The push service did not take it; `delivery` says why.
    case undelivered
    /// Held back, to learn what happens without it.
    case held
  }

  package let number: Int64
  package let at: Instant
  package let channel: String
  package let why: String
  package let isNudge: Bool
  package let isEchoed: Bool
  package let outcome: Outcome
  package let delivery: String?
  /// From the tickle to the contact, and to the first photo behind it.
  package let latencyMilliseconds: Int64?
  package let storedAfterMilliseconds: Int64?

  init(_ row: TickleRow) {
    (number, at, channel, why) = (row.number, row.at, row.channel, row.why)
    (isNudge, isEchoed, delivery) = (row.isNudge, row.isEchoed, row.delivery)
    let isTaken = row.delivery == nil || row.delivery == Delivery.accepted.word
    outcome =
      if row.isHeld { .held } else if row.contactAt != nil { .answered } else if !isTaken {
        .undelivered
      } else if row
        .isOver
      { .unanswered } else { .waiting }
    latencyMilliseconds = row.contactAt.map { $0.milliseconds - row.at.milliseconds }
    storedAfterMilliseconds = row.storedAt.map { $0.milliseconds - row.at.milliseconds }
  }
}

/// What a device's line says of tickles.
package struct TickleView: Sendable {
  package struct Totals: Sendable {
    package let sentLately: Int64
    package let answeredLately: Int64
    package let lift: Lift?
  }

  package let last: Tickling?
  package let lift: Lift?
  package let trials: Int64
  /// How many times slower than usual.
  package let cadence: Int64
  package let diagnosis: Diagnosis?

  init(_ summary: TickleSummary) {
    last = summary.last.map { Tickling($0) }
    let memory = summary.memory
    (lift, trials, cadence) = (TickleView.lift(memory), memory.sent + memory.held, memory.cadence)
    diagnosis = TickleView.diagnosis(summary)
  }

  /// The registration's own word first: what was learned may be older.
  private static func diagnosis(_ summary: TickleSummary) -> Diagnosis? {
    if summary.isUnconfirmed { return .pushNotWorking }
    let learned = summary.memory.diagnosis.flatMap { Diagnosis(rawValue: $0) }
    switch summary.push.flatMap({ PushState(rawValue: $0) }) {
    case .gone: return .uninstalledOrReset
    case .active, .backoff: return learned == .uninstalledOrReset ? nil : learned
    case .pending, nil: return learned
    }
  }

  static func lift(_ memory: TickleMemory) -> Lift? {
    guard memory.sent > 0, memory.held > 0 else { return nil }
    return Lift(
      (Int(clamping: memory.sentContacts), Int(clamping: memory.sent)),
      against: (Int(clamping: memory.heldContacts), Int(clamping: memory.held)))
  }

  /// In one line.
  package var sentence: String {
    if let diagnosis { return diagnosis.sentence }
    guard let lift else { return trials == 0 ? "Not tickled yet." : "Too few tickles to tell whether they help." }
    let (points, low, high) = (
      Int((lift.value * 100).rounded()), Int((lift.low * 100).rounded()), Int((lift.high * 100).rounded())
    )
    return lift.mayBeNothing
      ? "Whether tickles help is not certain yet (\(low) to \(high) of 100)."
      : "Tickles help: of 100, \(points) bring a contact that would not have come (\(low) to \(high))."
  }
}
