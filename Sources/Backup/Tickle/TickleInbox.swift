import Ground
import Synchronization
import Tickle

/// What happens to devices until the scheduler looks: noted by requests beside their work, at the price of a dictionary
/// entry, and only while somebody can be tickled.
package final class TickleInbox: Sendable {
  /// Contacts since the last look: the first one is what follows a tickle, the last one is what makes fresh.
  struct Contact: Sendable {
    var first: Instant
    var last: Instant
    var echo: Int64?
    /// When it named that tickle.
    var echoedAt: Instant
  }
  struct Contents: Sendable {
    var contacts: [Int64: Contact] = [:]
    var backlogs: [Int64: Bool] = [:]
  }
  private struct State {
    var contents = Contents()
    /// Nil for one that can be reached no more; in order.
    var reaches: [(device: Int64, reach: Reach?)] = []
    var isListening = false
    /// Devices whose contact is waited for.
    var awaited: Set<Int64> = []
  }
  /// Devices that are noted before the scheduler is called.
  static let capacity = 4096

  private let state = Mutex(State())
  let bell = JobBell()

  init() {}

  /// A request of a device. - Parameter echo: the tickle that it says it comes for.
  func contact(_ device: Int64, at now: Instant, echo: Int64?) {
    let isUrgent = state.withLock { state in
      guard state.isListening else { return false }
      var contact = state.contents.contacts[device] ?? Contact(first: now, last: now, echo: nil, echoedAt: now)
      contact.last = max(contact.last, now)
      if let echo, contact.echo != echo { (contact.echo, contact.echoedAt) = (echo, now) }
      state.contents.contacts[device] = contact
      return state.awaited.remove(device) != nil || state.contents.contacts.count >= TickleInbox.capacity
    }
    if isUrgent { bell.ring() }
  }

  func report(_ device: Int64, hasBacklog: Bool) {
    let isListening = state.withLock { state in
      if state.isListening { state.contents.backlogs[device] = hasBacklog }
      return state.isListening
    }
    if isListening, hasBacklog { bell.ring() }
  }

  func reach(_ device: Int64, _ reach: Reach?) {
    state.withLock { state in
      state.reaches.append((device, reach))
      // It may come before the scheduler knows it.
      if reach != nil { state.isListening = true }
    }
    bell.ring()
  }

  /// For another try; what came meanwhile is newer.
  func keep(_ device: Int64, _ reach: Reach?) { state.withLock { $0.reaches.insert((device, reach), at: 0) } }

  func takeReaches() -> [(device: Int64, reach: Reach?)] {
    state.withLock { state in
      defer { state.reaches = [] }
      return state.reaches
    }
  }

  func empty() -> Contents {
    state.withLock { state in
      defer { state.contents = Contents() }
      return state.contents
    }
  }

  /// - Parameter awaited: devices whose contact shall call the scheduler at once.
  /// - Returns: whether one of them was in contact already.
  func listen(_ isListening: Bool, awaited: Set<Int64>) -> Bool {
    state.withLock { state in
      let isAwaited = state.reaches.contains { $0.reach != nil }
      (state.isListening, state.awaited) = (isListening || isAwaited, awaited)
      if !state.isListening { state.contents.contacts = [:] }
      return state.contents.contacts.keys.contains { awaited.contains($0) }
    }
  }
}
