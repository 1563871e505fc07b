import Ground

/// A tickle that is to be sent, or that is held back to learn what happens without it.
package struct Order: Sendable, Equatable {
  package enum Why: String, Sendable { case stale, backlog, hand }

  package let tickle: Int64
  /// `device.number`.
  package let device: Int64
  package let platform: Platform
  package let channel: Reach.Channel
  package let at: Instant
  package let why: Why
  package let isHeld: Bool
  /// To be shown to whoever holds the phone.
  package let isNudge: Bool
  package let ttlSeconds: Int
}

/// How a tickle, sent or held back, ended.
package struct Ended: Sendable, Equatable {
  package let tickle: Int64
  package let device: Int64
  package let isHeld: Bool
  /// Nil where no contact came within the platform's window.
  package let contactAt: Instant?
  /// Whether the device named this tickle.
  package let isEchoed: Bool
}

/// A device that can be reached, with all that is known of it.
package struct Enrolment: Sendable {
  package var reach: Reach
  /// Of the device.
  package var id: Identifier
  package var platform: Platform
  package var lastContact: Instant
  package var lastUpload: Instant?
  /// Whether it said that something is left to bring.
  package var hasBacklog = false
  package var rhythm = Rhythm()
  package var memory = Memory()

  package init(reach: Reach, id: Identifier, platform: Platform, lastContact: Instant) {
    (self.reach, self.id, self.platform, self.lastContact) = (reach, id, platform, lastContact)
  }
}

/// What outlives a restart.
package struct Memory: Sendable {
  package var tally = Tally()
  /// How many times slower than usual: 1, 2, 4 or 8.
  package var cadence: UInt8 = 1
  package var unjudged: UInt8 = 0
  package var rung: UInt8 = 0
  package var unanswered: UInt8 = 0
  package var shortRuns: UInt8 = 0
  package var isNudged = false
  package var lastTickle: Instant?
  package var notBefore: Instant?
  /// Its own habits.
  package var rhythm: Rhythm?
  /// Of the last day, for the budget.
  package var sends: [Instant] = []
  package var diagnosis: Diagnosis?

  package init() {}
}
