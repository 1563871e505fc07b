import Ground
import Store
import Tickle

// The catalog's rows and the scheduler's terms for the same.

extension TickleCandidate {
  /// A browser that shows the page listens too, and brings nothing.
  var isWorthWaking: Bool { kind == "phone" || hasUploaded }
}

extension Enrolment {
  init(_ device: TickleCandidate, _ reach: Reach) {
    self.init(reach: reach, id: device.id, platform: Platform(os: device.os), lastContact: device.lastContact)
    (lastUpload, hasBacklog) = (device.lastUpload, device.hasBacklog)
    for (hour, before) in zip(device.contacts, [nil] + device.contacts.map { Optional($0) }) {
      rhythm.note(
        Instant(milliseconds: hour * 3_600_000), after: before.map { Instant(milliseconds: $0 * 3_600_000) })
    }
    if let kept = device.memory { memory = Memory(kept, isRhythmKept: device.contacts.isEmpty) }
    memory.sends = device.sends
  }
}

extension Memory {
  init(_ kept: TickleMemory, isRhythmKept: Bool) {
    self.init()
    tally = Tally(
      sent: Int(clamping: kept.sent), sentContacts: Int(clamping: kept.sentContacts), held: Int(clamping: kept.held),
      heldContacts: Int(clamping: kept.heldContacts))
    (cadence, unjudged) = (max(1, UInt8(clamping: kept.cadence)), UInt8(clamping: kept.unjudged))
    (rung, unanswered) = (UInt8(clamping: kept.rung), UInt8(clamping: kept.unanswered))
    (shortRuns, isNudged) = (UInt8(clamping: kept.shortRuns), kept.isNudged)
    (lastTickle, notBefore) = (kept.lastTickle, kept.notBefore)
    if isRhythmKept { rhythm = kept.rhythm.flatMap { Rhythm(bytes: $0) } }
  }
}

extension TickleMemory {
  init(_ memory: Memory) {
    self.init()
    (sent, sentContacts) = (Int64(memory.tally.sent), Int64(memory.tally.sentContacts))
    (held, heldContacts) = (Int64(memory.tally.held), Int64(memory.tally.heldContacts))
    (cadence, unjudged, rung) = (Int64(memory.cadence), Int64(memory.unjudged), Int64(memory.rung))
    (unanswered, shortRuns, isNudged) = (Int64(memory.unanswered), Int64(memory.shortRuns), memory.isNudged)
    (lastTickle, notBefore, rhythm) = (memory.lastTickle, memory.notBefore, memory.rhythm?.bytes)
    diagnosis = memory.diagnosis?.rawValue
  }
}
