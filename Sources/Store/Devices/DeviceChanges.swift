import GRDB
import Ground

/// What moves in a device's row, inside somebody else's transaction.
enum DeviceChanges {
  /// The device of a new login or key. A phone that was signed out and signs in again is the same phone: where exactly one
  /// device of this person has the same model and client and no login any more, it is that one.
  static func admit(_ db: Database, user: Int64, _ facts: DeviceFacts, label: String?, now: Instant) throws -> Int64 {
    if let known = try signedOut(db, user: user, facts, label: label) {
      try db.execute(
        sql: "UPDATE device SET revoked_at = NULL, last_contact = max(last_contact, ?) WHERE number = ?",
        arguments: [now, known])
      return known
    }
    try makeRoom(db, user: user)
    try db.execute(
      sql: """
        INSERT INTO device (id, user, kind, label, maker, model, os, os_version, client, client_version, first_contact,
          last_contact)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        Identifier(), user, facts.kind, label, facts.maker, facts.model, facts.os, facts.osVersion, facts.client,
        facts.clientVersion, now, now,
      ])
    let device = db.lastInsertedRowID
    try ActivityEntry(at: now, kind: .deviceNew, user: user, device: device).insert(db)
    return device
  }

  /// A browser says too little of itself to be known again by more than its kind, and a key is a key.
  private static func signedOut(
    _ db: Database, user: Int64, _ facts: DeviceFacts, label: String?
  ) throws -> Int64? {
    guard label == nil, facts.kind != "program", facts.client != nil else { return nil }
    let found = try Int64.fetchAll(
      db,
      sql: """
        SELECT number FROM device
        WHERE user = ? AND kind = ? AND model IS ? AND os IS ? AND client IS ? AND merged_into IS NULL AND label IS NULL
          AND NOT EXISTS (SELECT 1 FROM session WHERE session.device = device.number)
          AND NOT EXISTS (SELECT 1 FROM api_key WHERE api_key.device = device.number)
        LIMIT 2
        """, arguments: [user, facts.kind, facts.model, facts.os, facts.client])
    // Two phones of one model that are both signed out: nobody can tell which one this is; its owner can merge them.
    return found.count == 1 || facts.kind == "browser" ? found.first : nil
  }

  /// Devices of one person that are remembered; sessions and keys are bounded to 1,000 each.
  static let limit = 3000

  private static func makeRoom(_ db: Database, user: Int64) throws {
    let count =
      try Int.fetchOne(db.cachedStatement(sql: "SELECT count(*) FROM device WHERE user = ?"), arguments: [user]) ?? 0
    guard count >= limit else { return }
    try db.execute(
      sql: """
        DELETE FROM device WHERE number IN (
          SELECT number FROM device WHERE user = ?
            AND NOT EXISTS (SELECT 1 FROM session WHERE session.device = device.number)
            AND NOT EXISTS (SELECT 1 FROM api_key WHERE api_key.device = device.number)
          ORDER BY stored > 0, last_contact LIMIT ?)
        """, arguments: [user, count - limit + 1])
  }

  /// What one transfer adds.
  struct Tally: Sendable, Equatable {
    var stored: Int64 = 0
    var bytes: Int64 = 0
    var duplicates: Int64 = 0
    var rejected: Int64 = 0
    var broken: Int64 = 0
  }

  /// Adds to a device's counts and to its day. A device that was merged meanwhile counts for the one it is part of.
  static func count(_ db: Database, device: Int64, _ tally: Tally, now: Instant) throws {
    let target =
      try Int64.fetchOne(
        db.cachedStatement(sql: "SELECT coalesce(merged_into, number) FROM device WHERE number = ?"),
        arguments: [device])
    guard let target else { return }
    try db.cachedStatement(
      sql: """
        UPDATE device SET stored = stored + ?2, stored_bytes = stored_bytes + ?3, duplicates = duplicates + ?4,
          rejected = rejected + ?5, broken = broken + ?6, last_contact = max(last_contact, ?7),
          last_upload = CASE WHEN ?2 + ?4 > 0 THEN max(coalesce(last_upload, 0), ?7) ELSE last_upload END
        WHERE number = ?1
        """
    ).execute(arguments: [
      target, tally.stored, tally.bytes, tally.duplicates, tally.rejected, tally.broken, now,
    ])
    try db.cachedStatement(
      sql: """
        INSERT INTO device_day (device, day, hours, stored, bytes, duplicates, rejected, broken)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET hours = hours | excluded.hours, stored = stored + excluded.stored,
          bytes = bytes + excluded.bytes, duplicates = duplicates + excluded.duplicates,
          rejected = rejected + excluded.rejected, broken = broken + excluded.broken
        """
    ).execute(arguments: [
      target, now.day, Int64(now.hourBit), tally.stored, tally.bytes, tally.duplicates, tally.rejected, tally.broken,
    ])
  }

  /// In the transaction that makes the asset.
  static func stored(_ db: Database, _ asset: NewAsset, now: Instant) throws {
    try ActivityEntry(
      at: now, kind: .stored, user: asset.owner.number, device: asset.origin?.device, asset: asset.id,
      name: String(decoding: asset.originalName, as: UTF8.self), bytes: asset.bytes, capturedAt: asset.fileCreatedAt
    ).insert(db)
    guard let origin = asset.origin else { return }
    try count(db, device: origin.device, Tally(stored: 1, bytes: asset.bytes), now: now)
  }
}
