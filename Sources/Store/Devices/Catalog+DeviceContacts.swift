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

    package init(device: Int64, at: Instant, hours: [Int64: UInt32], facts: DeviceFacts?) {
      (self.device, self.at, self.hours, self.facts) = (device, at, hours, facts)
    }
  }

  /// Writes contacts of many devices in one transaction, and what they say is new: another OS or client version.
  /// - Returns: whether there was news.
  package func note(_ contacts: [DeviceContact]) async throws -> Bool {
    try await write { db in
      var isNews = false
      for contact in contacts {
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
