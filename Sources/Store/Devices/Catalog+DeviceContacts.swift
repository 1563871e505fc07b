import GRDB
import Ground

// What devices' requests say of them.
extension Catalog {
  /// What a device's requests said since it was last written.
  package struct DeviceContact: Sendable, Equatable {
    package let device: Int64
    package var at: Instant
    /// Hours in which it was in contact, by day.
    package var hours: [Int64: UInt32]
    /// What is not nil replaces what stands there.
    package var facts: DeviceFacts?
    /// When somebody had its app open.
    package var openedAt: Instant?
    /// How often it came with a login that had ended: no contact, then.
    package var refused: Int64 = 0
    package var refusedAt: Instant?

    package init(device: Int64, at: Instant, hours: [Int64: UInt32], facts: DeviceFacts?) {
      (self.device, self.at, self.hours, self.facts) = (device, at, hours, facts)
    }
  }

  /// Milliseconds after the last sign of an open app from which an upload comes by itself.
  private static let closedAfter = 600_000
  /// Only of what shows when somebody has it open.
  private static let noteBackground = """
    UPDATE device SET background_at = last_upload
    WHERE number = ? AND background_at IS NULL AND kind = 'phone' AND last_upload > opened_at + \(closedAfter)
    """

  /// Whose login or key it was that has this hash and has ended.
  package func endedLogin(hash: [UInt8]) async throws -> Int64? {
    try await read { db in
      try Int64.fetchOne(
        db.cachedStatement(
          sql: """
            SELECT coalesce(merged_into, device.number) FROM ended_login
              JOIN device ON device.number = ended_login.device WHERE hash = ?
            """), arguments: [hash.databaseBytes])
    }
  }

  /// A photo that somebody took to see whether it arrives has arrived.
  package func noteCanary(_ arrival: ActivityRow, seconds: Int64) async throws {
    guard let device = arrival.device else { return }
    try await write { db in
      guard
        let row = try Row.fetchOne(
          db, sql: "SELECT number, user, canary_at FROM device WHERE id = ?", arguments: [device]),
        row["canary_at"] as Instant? != arrival.at
      else { return }
      try db.execute(
        sql: "UPDATE device SET canary_at = ?, canary_seconds = ? WHERE number = ?",
        arguments: [arrival.at, seconds, row["number"]])
      try ActivityEntry(
        at: arrival.at, kind: .canary, user: row["user"], device: row["number"], asset: arrival.asset,
        seconds: seconds
      ).insert(db)
    }
  }

  /// Writes contacts of many devices in one transaction, and what they say is new: another OS or client version.
  /// - Returns: whether there was news.
  package func note(_ contacts: [DeviceContact]) async throws -> Bool {
    try await write { db in
      var isNews = false
      for contact in contacts {
        if let refusedAt = contact.refusedAt {
          try db.cachedStatement(
            sql:
              "UPDATE device SET refused = refused + ?, refused_at = max(coalesce(refused_at, 0), ?) WHERE number = ?"
          ).execute(arguments: [contact.refused, refusedAt, contact.device])
          isNews = true
        }
        guard !contact.hours.isEmpty else { continue }
        try db.cachedStatement(sql: "UPDATE device SET last_contact = max(last_contact, ?) WHERE number = ?")
          .execute(arguments: [contact.at, contact.device])
        guard db.changesCount == 1 else { continue }
        for (day, hours) in contact.hours {
          try db.cachedStatement(
            sql: """
              INSERT INTO device_day (device, day, hours) VALUES (?, ?, ?)
              ON CONFLICT DO UPDATE SET hours = hours | excluded.hours
              """
          ).execute(arguments: [contact.device, day, Int64(hours)])
        }
        if let opened = contact.openedAt {
          try db.cachedStatement(sql: "UPDATE device SET opened_at = max(coalesce(opened_at, 0), ?) WHERE number = ?")
            .execute(arguments: [opened, contact.device])
        }
        try db.cachedStatement(sql: Catalog.noteBackground).execute(arguments: [contact.device])
        if let facts = contact.facts, try Catalog.learn(facts, of: contact.device, db, now: contact.at) {
          isNews = true
        }
      }
      return isNews
    }
  }

  /// Takes over what a device says of itself. Another version of the OS or the client reopens its checklist: updates are
  /// known to reset permissions. - Returns: whether one changed.
  static func learn(_ facts: DeviceFacts, of device: Int64, _ db: Database, now: Instant) throws -> Bool {
    guard
      let row = try Row.fetchOne(
        db.cachedStatement(
          sql: "SELECT user, kind, os, os_version, client, client_version FROM device WHERE number = ?"),
        arguments: [device])
    else { return false }
    // An app's other library, or a script with a phone's token, says less than what is known.
    if facts.kind == "program", row["kind"] != "program" { return false }
    try db.cachedStatement(
      sql: """
        UPDATE device SET maker = coalesce(?2, maker), model = coalesce(?3, model), os = coalesce(?4, os),
          os_version = coalesce(?5, os_version), client = coalesce(?6, client),
          client_version = coalesce(?7, client_version),
          kind = CASE WHEN kind = 'program' AND ?8 <> 'program' THEN ?8 ELSE kind END
        WHERE number = ?1
        """
    ).execute(arguments: [
      device, facts.maker, facts.model, facts.os, facts.osVersion, facts.client, facts.clientVersion, facts.kind,
    ])
    var isNews = false
    func changed(_ kind: ActivityKind, _ old: String?, _ new: String?, _ same: Bool) throws {
      guard same, let old, let new, old != new else { return }
      isNews = true
      try db.cachedStatement(sql: "UPDATE device SET reopened_at = ?, reopen_reason = ? WHERE number = ?")
        .execute(arguments: [now, kind.rawValue, device])
      try ActivityEntry(at: now, kind: kind, user: row["user"], device: device, detail: "\(old) → \(new)").insert(db)
    }
    // A browser and a script that share a key are two programs, not an update.
    let isSameClient = facts.client == nil || facts.client == row["client"] as String?
    let isSameSystem = facts.os == nil || facts.os == row["os"] as String?
    try changed(.clientChanged, row["client_version"], facts.clientVersion, isSameClient)
    try changed(.osChanged, row["os_version"], facts.osVersion, isSameSystem)
    return isNews
  }
}
