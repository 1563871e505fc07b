import Ground
import Logging
import Store
import Synchronization

/// Notes which devices are in contact, beside the requests: at most one transaction a minute for all of them, none where
/// nobody is there. What a device says of itself is looked at only where it says something else than before.
package final class Contacts: Sendable {
  /// Seconds between two transactions.
  static let interval = 60.0
  /// Devices that are remembered; beyond that, those that wait for nothing are forgotten.
  static let capacity = 4096

  private struct Known {
    /// What it says of itself, as it came.
    var agent: String
    var model: String?
    var client: String?
    /// When it did something the last time.
    var lastContact: Instant?
    /// Noted, and not written yet.
    var pending: Catalog.DeviceContact?
  }
  private struct State {
    var known: [Int64: Known] = [:]
    var writer: Task<Void, Never>?
    var writtenAt: MonotonicTime?
    var isClosed = false
  }
  private let state = Mutex(State())
  private let catalog: Catalog
  private let live: LiveSignal
  private let logger: Logger
  private let tickles: TickleInbox?
  private let now: @Sendable () -> Instant

  init(
    catalog: Catalog, live: LiveSignal, tickles: TickleInbox? = nil, logger: Logger,
    now: @escaping @Sendable () -> Instant
  ) {
    (self.catalog, self.live, self.tickles, self.logger, self.now) = (catalog, live, tickles, logger, now)
  }

  /// A request of a device. Costs a dictionary look-up.
  /// - Parameters:
  ///   - tickle: the one that it says it comes for.
  ///   - isPresence: it is still there, and did nothing: a device that listens sleeps all the same.
  ///   - isOpen: somebody has its app open.
  /// - Returns: where an upload that it brings comes from.
  package func note(
    _ device: Int64, agent: String, model: String?, tickle: Int64? = nil, isPresence: Bool = false, isOpen: Bool = false
  ) -> Origin {
    let now = now()
    if !isPresence { tickles?.contact(device, at: now, echo: tickle) }
    let client = state.withLock { state -> String? in
      var known = state.known[device] ?? Known(agent: "\u{0}", model: nil, client: nil)
      var facts: DeviceFacts?
      if known.agent != agent || known.model != model {
        let read = DeviceFacts(agent: agent, model: model)
        (known.agent, known.model, known.client, facts) = (agent, model, read.clientText, read)
      }
      if !isPresence { known.lastContact = max(known.lastContact ?? now, now) }
      var pending = known.pending ?? Catalog.DeviceContact(device: device, at: now, hours: [:], facts: nil)
      pending.at = max(pending.at, now)
      // A day on which it was there, and no habit of its own.
      pending.hours[now.day, default: 0] |= isPresence ? 0 : now.hourBit
      pending.facts = facts ?? pending.facts
      if isOpen { pending.openedAt = now }
      known.pending = pending
      state.known[device] = known
      if state.known.count > Contacts.capacity { state.known = state.known.filter { $0.value.pending != nil } }
      if state.writer == nil, !state.isClosed { state.writer = Task { [weak self] in await self?.write() } }
      return known.client
    }
    return Origin(device: device, client: client)
  }

  /// A request with a login of this device that had ended: counted, and no contact.
  package func refused(_ device: Int64) {
    let now = now()
    state.withLock { state in
      // What it says of itself is looked at when it is let in.
      var known = state.known[device] ?? Known(agent: "\u{0}", model: nil, client: nil)
      guard known.pending != nil || state.known.count < Contacts.capacity else { return }
      var pending = known.pending ?? Catalog.DeviceContact(device: device, at: now, hours: [:], facts: nil)
      pending.refused += 1
      pending.refusedAt = now
      known.pending = pending
      state.known[device] = known
      if state.writer == nil, !state.isClosed { state.writer = Task { [weak self] in await self?.write() } }
    }
  }

  /// The last contacts of devices, as far as they are remembered here.
  func lastContacts(of devices: [Int64]) -> [Int64: Instant] {
    state.withLock { state in
      var found: [Int64: Instant] = [:]
      for device in devices { found[device] = state.known[device]?.lastContact }
      return found
    }
  }

  /// Writes what is noted after a while.
  private func write() async {
    // Who cancels writes, too: in a cancelled task no transaction begins, and what it should write would be lost.
    do { try await Task.sleep(for: .seconds(Contacts.interval)) } catch { return }
    state.withLock { $0.writer = nil }
    await flush()
  }

  /// Seconds for which a contact need not be written for somebody who looks at devices: a page that looks often must not
  /// cost a commit each time.
  static let freshness = 5.0

  /// Before somebody looks at devices: writes what is noted, where it says something new or was not written for a while.
  func settle() async {
    let isDue = state.withLock { state in
      state.writtenAt.map { MonotonicTime.now().seconds(since: $0) >= Contacts.freshness } ?? true
        || state.known.values.contains { $0.pending?.facts != nil }
    }
    if isDue { await flush() }
  }

  /// Writes what is noted now.
  package func flush() async {
    let due = state.withLock { state -> [Catalog.DeviceContact] in
      let due = state.known.values.compactMap(\.pending)
      for contact in due { state.known[contact.device]?.pending = nil }
      state.writtenAt = .now()
      return due
    }
    guard !due.isEmpty else { return }
    do { if try await catalog.note(due) { live.ring() } } catch {
      // A full disk, say: a contact that is not written is seen with the next one.
      logger.warning("could not record which devices were in contact", metadata: ["error": "\(error)"])
    }
  }

  func close() async {
    let writer = state.withLock { state in
      state.isClosed = true
      return state.writer
    }
    writer?.cancel()
    await writer?.value
    await flush()
  }
}
