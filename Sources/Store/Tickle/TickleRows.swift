import FoundationEssentials
import GRDB
import Ground

/// One tickle.
package struct TickleRow: Sendable, Equatable {
  package let number: Int64
  /// `device.number`.
  package let device: Int64
  package let at: Instant
  package let channel: String
  package let why: String
  package let isHeld: Bool
  package let isNudge: Bool
  package var delivery: String?
  package var contactAt: Instant?
  package var isEchoed = false
  package var isOver = false
  /// The first photo that the device stored behind its contact; read, never written.
  package var storedAt: Instant?

  package init(
    number: Int64, device: Int64, at: Instant, channel: String, why: String, isHeld: Bool, isNudge: Bool
  ) {
    (self.number, self.device, self.at, self.channel, self.why) = (number, device, at, channel, why)
    (self.isHeld, self.isNudge) = (isHeld, isNudge)
  }

  /// A photo within the hour behind the contact.
  static let selection = """
    SELECT tickle.*, (SELECT min(at) FROM activity WHERE device = tickle.device AND kind = 'stored'
      AND at BETWEEN tickle.contact_at AND tickle.contact_at + 3600000) AS stored_at
    FROM tickle
    """

  init(_ row: Row) {
    self.init(
      number: row["number"], device: row["device"], at: row["at"], channel: row["channel"], why: row["why"],
      isHeld: row["held"], isNudge: row["nudge"])
    (delivery, contactAt, isEchoed, isOver) = (row["delivery"], row["contact_at"], row["echoed"], row["over"])
    storedAt = row["stored_at"]
  }
}

/// What the scheduler has learned of a device.
package struct TickleMemory: Sendable, Equatable {
  package var sent: Int64 = 0
  package var sentContacts: Int64 = 0
  package var held: Int64 = 0
  package var heldContacts: Int64 = 0
  package var cadence: Int64 = 1
  package var unjudged: Int64 = 0
  package var rung: Int64 = 0
  package var unanswered: Int64 = 0
  package var shortRuns: Int64 = 0
  package var isNudged = false
  package var lastTickle: Instant?
  package var notBefore: Instant?
  /// Of the floor above.
  package var rhythm: [UInt8]?
  package var diagnosis: String?

  package init() {}

  init(_ row: Row) {
    (sent, sentContacts, held, heldContacts) = (
      row["sent"], row["sent_contacts"], row["held"], row["held_contacts"]
    )
    (cadence, unjudged, rung, unanswered) = (row["cadence"], row["unjudged"], row["rung"], row["unanswered"])
    (shortRuns, isNudged, lastTickle) = (row["short_runs"], row["nudged"], row["last_tickle"])
    (notBefore, rhythm, diagnosis) = (row["not_before"], (row["rhythm"] as Data?).map { Array($0) }, row["diagnosis"])
  }

  func write(_ db: Database, device: Int64) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO tickle_device (device, sent, sent_contacts, held, held_contacts, cadence, unjudged, rung, unanswered,
          short_runs, nudged, last_tickle, not_before, rhythm, diagnosis)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15
        WHERE EXISTS (SELECT 1 FROM device WHERE number = ?1)
        ON CONFLICT DO UPDATE SET sent = excluded.sent, sent_contacts = excluded.sent_contacts, held = excluded.held,
          held_contacts = excluded.held_contacts, cadence = excluded.cadence, unjudged = excluded.unjudged,
          rung = excluded.rung, unanswered = excluded.unanswered, short_runs = excluded.short_runs,
          nudged = excluded.nudged, last_tickle = excluded.last_tickle, not_before = excluded.not_before,
          rhythm = excluded.rhythm, diagnosis = excluded.diagnosis
        """
    ).execute(arguments: [
      device, sent, sentContacts, held, heldContacts, cadence, unjudged, rung, unanswered, shortRuns, isNudged,
      lastTickle, notBefore, rhythm?.databaseBytes, diagnosis,
    ])
  }
}

/// A device that may be tickled, as the scheduler needs it at a start.
package struct TickleCandidate: Sendable {
  /// `device.number`.
  package let number: Int64
  package let id: Identifier
  package let kind: String
  package let os: String?
  package let lastContact: Instant
  package let lastUpload: Instant?
  package let hasUploaded: Bool
  package let hasBacklog: Bool
  /// Hours since 1970 in which it was in contact, ascending; read only where no habits are kept.
  package let contacts: [Int64]
  package let memory: TickleMemory?
  /// Of the last day, for the budget.
  package let sends: [Instant]
}

/// What a device's line says: its last tickle and what was learned.
package struct TickleSummary: Sendable, Equatable {
  package let memory: TickleMemory
  package let last: TickleRow?
  /// Where its push registration stands; nil where it has none.
  package let push: String?
  /// Whether the registration's first message was never confirmed in time.
  package let isUnconfirmed: Bool
}

/// Trials and contacts of many devices.
package struct TickleTotals: Sendable, Equatable {
  package let memory: TickleMemory
  /// Within the last day.
  package let sentLately: Int64
  package let answeredLately: Int64
}
