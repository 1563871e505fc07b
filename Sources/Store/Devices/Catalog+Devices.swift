import FoundationEssentials
import GRDB
import Ground

extension Catalog {
  /// Days of a device that are kept: a year and what a habit needs.
  package static let deviceDaysKept: Int64 = 400
  /// Days that a record brings along: a strip of 30, and a habit of eight weeks.
  package static let deviceDaysRead: Int64 = 64
  /// Of a device's last photos that its latency is looked for in, and of those that count.
  private static let latencyLook = 200
  private static let latencyCount = 50
  private static let transferCount = 20
  private static let endedLoginsKept = 10_000
  /// Devices in one answer, of everybody.
  static let deviceLimit = 3000

  /// Devices with what is known of them, the last one in contact first. Those that are watched come before all others:
  /// the limit, which keeps an answer within bounds, must not hide the one that has been silent for longest.
  /// - Parameters:
  ///   - user: whose; nil for everybody's.
  ///   - only: one device.
  package func devices(
    of user: Identifier?, only: Identifier? = nil, withRevoked: Bool, now: Instant
  ) async throws -> [DeviceRecord] {
    try await read { db in
      var condition = "device.merged_into IS NULL AND user.deleted_at IS NULL"
      var arguments: [any DatabaseValueConvertible] = []
      if !withRevoked { condition += " AND device.revoked_at IS NULL" }
      if let user {
        condition += " AND user.id = ?"
        arguments.append(user)
      }
      if let only {
        // The name of a device that was merged leads to the one it is part of.
        condition += """
           AND device.number = (SELECT coalesce(merged_into, number) FROM device AS named WHERE named.id = ?)
          """
        arguments.append(only)
      }
      return try Row.fetchAll(
        db,
        sql: """
          \(DeviceRow.selection) WHERE \(condition)
          ORDER BY device.stored + device.duplicates = 0, device.last_contact DESC, device.number LIMIT \(Catalog.deviceLimit)
          """,
        arguments: StatementArguments(arguments)
      ).map { try Catalog.record(of: DeviceRow($0), db, now: now) }
    }
  }

  /// The number that requests of a device count for; nil where this person has no such device. `user` nil takes anybody's.
  package func deviceNumber(_ id: Identifier, of user: Identifier?) async throws -> Int64? {
    try await read { db in try Catalog.deviceNumber(id, of: user, db) }
  }

  /// Of a device's number.
  package func deviceID(_ number: Int64) async throws -> Identifier? {
    try await read { db in
      try Identifier.fetchOne(db, sql: "SELECT id FROM device WHERE number = ?", arguments: [number])
    }
  }

  private static func deviceNumber(_ id: Identifier, of user: Identifier?, _ db: Database) throws -> Int64? {
    try Int64.fetchOne(
      db,
      sql: """
        SELECT coalesce(device.merged_into, device.number) FROM device JOIN user ON user.number = device.user
        WHERE device.id = ?1 AND (?2 IS NULL OR user.id = ?2)
        """, arguments: [id, user])
  }

  static func record(of device: DeviceRow, _ db: Database, now: Instant) throws -> DeviceRecord {
    let number = device.number
    let days = try Row.fetchAll(
      db.cachedStatement(sql: "SELECT * FROM device_day WHERE device = ? AND day > ? ORDER BY day"),
      arguments: [number, min(now.day, device.lastContact.day) - deviceDaysRead]
    ).map { DeviceDay($0) }
    let sessions = try Row.fetchAll(
      db.cachedStatement(sql: "SELECT id, device_type, created_at FROM session WHERE device = ? ORDER BY number"),
      arguments: [number]
    ).map { row in
      DeviceCredential(
        id: row["id"], isKey: false, name: row["device_type"], permissions: nil, createdAt: row["created_at"])
    }
    let keys = try Row.fetchAll(
      db.cachedStatement(sql: "SELECT id, name, permissions, created_at FROM api_key WHERE device = ? ORDER BY number"),
      arguments: [number]
    ).map { row in
      DeviceCredential(
        id: row["id"], isKey: true, name: row["name"],
        permissions: try JSONDecoder().decode([String].self, from: Data((row["permissions"] as String).utf8)),
        createdAt: row["created_at"])
    }
    return DeviceRecord(
      device: device, days: days, credentials: sessions + keys, transfers: try transfers(number, db),
      latencies: try latencies(device, db), tickles: try tickles(number, db, now: now))
  }

  /// Itself and what was merged into it.
  private static let parts = "(SELECT number FROM device WHERE number = ?1 OR merged_into = ?1)"

  private static func transfers(_ number: Int64, _ db: Database) throws -> [DeviceRecord.Transfer] {
    try Row.fetchAll(
      db.cachedStatement(
        sql: """
          SELECT kind, at, reason, seconds FROM activity
          WHERE device IN \(parts) AND kind IN ('stored', 'duplicate', 'rejected', 'broken')
          ORDER BY number DESC LIMIT \(transferCount)
          """), arguments: [number]
    ).map { row in
      DeviceRecord.Transfer(kind: row["kind"], at: row["at"], reason: row["reason"], seconds: row["seconds"])
    }
  }

  /// A photo that is older than the device's first contact waited for a server, not for the phone.
  private static func latencies(_ device: DeviceRow, _ db: Database) throws -> [Int64] {
    guard device.stored > 0 else { return [] }
    return try Int64.fetchAll(
      db.cachedStatement(
        sql: """
          SELECT waited FROM (
            SELECT created_at - file_created_at AS waited, file_created_at FROM asset WHERE device IN \(parts)
            ORDER BY number DESC LIMIT \(latencyLook))
          WHERE file_created_at >= ?2 AND waited >= 0 LIMIT \(latencyCount)
          """), arguments: [device.number, device.firstContact])
  }

  /// Bytes that devices brought on each of some days; and the first day on which one was in contact at all.
  package func storedBytes(in days: ClosedRange<Int64>) async throws -> (byDay: [Int64: Int64], first: Int64?) {
    try await read { db in
      let sums = try Row.fetchAll(
        db, sql: "SELECT day, sum(bytes) AS bytes FROM device_day WHERE day BETWEEN ? AND ? GROUP BY day",
        arguments: [days.lowerBound, days.upperBound])
      return (
        Dictionary(sums.map { ($0["day"], $0["bytes"]) }, uniquingKeysWith: { first, _ in first }),
        try Int64.fetchOne(db, sql: "SELECT min(day) FROM device_day")
      )
    }
  }

  // MARK: What its owner does with it

  /// Changes what is not nil.
  package struct DeviceChange: Sendable {
    /// The inner nil takes the name away.
    package var name: String??
    package var snoozedUntil: Instant??
    package var facts: DeviceFacts?
    package var ticks: String?
    package var policy: String?

    package init() {}
  }

  /// - Returns: whether this person has such a device; `user` nil takes anybody's.
  package func change(
    device id: Identifier, of user: Identifier?, _ change: DeviceChange, now: Instant
  ) async throws -> Bool {
    try await write { db in
      guard let device = try Catalog.deviceNumber(id, of: user, db),
        let owner = try Int64.fetchOne(db, sql: "SELECT user FROM device WHERE number = ?", arguments: [device])
      else { return false }
      func note(_ kind: ActivityKind, _ detail: String?) throws {
        try ActivityEntry(at: now, kind: kind, user: owner, device: device, detail: detail).insert(db)
      }
      if let name = change.name {
        try db.execute(sql: "UPDATE device SET name = ? WHERE number = ?", arguments: [name, device])
        try note(.deviceRenamed, name)
      }
      if let until = change.snoozedUntil {
        try db.execute(sql: "UPDATE device SET snoozed_until = ? WHERE number = ?", arguments: [until, device])
        try note(.deviceSnoozed, until?.iso8601)
      }
      if let ticks = change.ticks {
        try db.execute(sql: "UPDATE device SET ticks = ? WHERE number = ?", arguments: [ticks, device])
      }
      if let policy = change.policy {
        try db.execute(sql: "UPDATE device SET policy = ? WHERE number = ?", arguments: [policy, device])
      }
      if let facts = change.facts { _ = try Catalog.learn(facts, of: device, db, now: now) }
      return true
    }
  }

  /// What a device reports of itself.
  /// - Parameters:
  ///   - hasBacklog: whether something is left; nil where it does not say.
  ///   - isNews: whether somebody who looks at it would want to know.
  package func checkIn(
    device: Int64, _ report: String, facts: DeviceFacts, hasBacklog: Bool?, isNews: Bool, detail: String?, now: Instant
  ) async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE device SET check_in = ?1, checked_in_at = ?2, checked_in_count = stored + duplicates,
            last_contact = max(last_contact, ?2),
            backlog_since = CASE ?4 WHEN 1 THEN coalesce(backlog_since, ?2) WHEN 0 THEN NULL ELSE backlog_since END
          WHERE number = ?3
          """, arguments: [report, now, device, hasBacklog])
      guard db.changesCount == 1 else { return }
      _ = try Catalog.learn(facts, of: device, db, now: now)
      guard isNews else { return }
      let owner = try Int64.fetchOne(db, sql: "SELECT user FROM device WHERE number = ?", arguments: [device])
      try ActivityEntry(at: now, kind: .deviceCheckedIn, user: owner, device: device, detail: detail).insert(db)
    }
  }

  /// What became of a merge.
  package enum MergeOutcome: Sendable, Equatable {
    case done, unknown, same
    /// They belong to two people.
    case foreign
  }

  /// Makes `other` a part of `id`: its logins, keys, counts and days move; its row stays for the assets that name it.
  package func merge(
    device id: Identifier, with other: Identifier, of user: Identifier?, now: Instant
  ) async throws -> MergeOutcome {
    try await write { db in
      guard let whole = try Catalog.deviceNumber(id, of: user, db),
        let part = try Catalog.deviceNumber(other, of: user, db)
      else { return .unknown }
      guard whole != part else { return .same }
      let both = try Row.fetchAll(
        db, sql: "SELECT number, user, kind FROM device WHERE number IN (?, ?)", arguments: [whole, part])
      let people: Set<Int64> = Set(both.map { $0["user"] })
      guard people.count == 1 else { return .foreign }
      let kinds = Dictionary(both.map { ($0["number"] as Int64, $0["kind"] as String) }, uniquingKeysWith: { $1 })
      // A phone stays a phone, whichever of the two is kept: as a browser nobody would watch it any more.
      let isPartMore = Catalog.rank(ofKind: kinds[part]) < Catalog.rank(ofKind: kinds[whole])
      try db.execute(sql: "UPDATE session SET device = ? WHERE device = ?", arguments: [whole, part])
      try db.execute(sql: "UPDATE api_key SET device = ? WHERE device = ?", arguments: [whole, part])
      try Catalog.mergePush(db, whole, with: part)
      try Catalog.mergeTickles(db, whole, with: part)
      try db.execute(
        sql: """
          INSERT INTO device_day (device, day, hours, stored, bytes, duplicates, rejected, broken)
            SELECT ?1, day, hours, stored, bytes, duplicates, rejected, broken FROM device_day WHERE device = ?2
          ON CONFLICT DO UPDATE SET hours = hours | excluded.hours, stored = stored + excluded.stored,
            bytes = bytes + excluded.bytes, duplicates = duplicates + excluded.duplicates,
            rejected = rejected + excluded.rejected, broken = broken + excluded.broken
          """, arguments: [whole, part])
      try db.execute(sql: "DELETE FROM device_day WHERE device = ?", arguments: [part])
      try db.execute(
        sql: """
          UPDATE device SET stored = device.stored + part.stored, stored_bytes = device.stored_bytes + part.stored_bytes,
            duplicates = device.duplicates + part.duplicates, rejected = device.rejected + part.rejected,
            broken = device.broken + part.broken, first_contact = min(device.first_contact, part.first_contact),
            last_contact = max(device.last_contact, part.last_contact),
            last_upload = CASE WHEN device.last_upload IS NULL THEN part.last_upload
              ELSE max(device.last_upload, coalesce(part.last_upload, 0)) END,
            revoked_at = NULL, name = coalesce(device.name, part.name),
            kind = iif(?3, part.kind, device.kind), maker = iif(?3, part.maker, device.maker),
            model = iif(?3, part.model, device.model), os = iif(?3, part.os, device.os),
            os_version = iif(?3, part.os_version, device.os_version), client = iif(?3, part.client, device.client),
            client_version = iif(?3, part.client_version, device.client_version),
            opened_at = nullif(max(coalesce(device.opened_at, 0), coalesce(part.opened_at, 0)), 0),
            background_at = coalesce(device.background_at, part.background_at),
            refused = device.refused + part.refused,
            refused_at = nullif(max(coalesce(device.refused_at, 0), coalesce(part.refused_at, 0)), 0),
            check_in = CASE WHEN coalesce(part.checked_in_at, 0) > coalesce(device.checked_in_at, 0) THEN part.check_in
              ELSE device.check_in END,
            backlog_since = CASE WHEN coalesce(part.checked_in_at, 0) > coalesce(device.checked_in_at, 0)
              THEN part.backlog_since ELSE device.backlog_since END,
            checked_in_count = device.stored + device.duplicates + part.stored + part.duplicates
              - CASE WHEN coalesce(part.checked_in_at, 0) > coalesce(device.checked_in_at, 0)
                THEN part.stored + part.duplicates - part.checked_in_count
                ELSE device.stored + device.duplicates - device.checked_in_count END,
            checked_in_at = nullif(max(coalesce(device.checked_in_at, 0), coalesce(part.checked_in_at, 0)), 0),
            snoozed_until = nullif(max(coalesce(device.snoozed_until, 0), coalesce(part.snoozed_until, 0)), 0)
          FROM device AS part WHERE device.number = ?1 AND part.number = ?2
          """, arguments: [whole, part, isPartMore])
      try db.execute(
        sql: "UPDATE device SET merged_into = ?1 WHERE number = ?2 OR merged_into = ?2", arguments: [whole, part])
      try ActivityEntry(at: now, kind: .deviceMerged, user: people.first, device: whole).insert(db)
      return .done
    }
  }

  /// By how much there is to watch.
  private static func rank(ofKind kind: String?) -> Int {
    ["phone", "desktop", "program", "browser"].firstIndex(of: kind ?? "browser") ?? 3
  }

  /// Ends every login and key of a device.
  /// - Returns: whether this person has such a device.
  package func revoke(device id: Identifier, of user: Identifier?, now: Instant) async throws -> Bool {
    try await write { db in
      guard let device = try Catalog.deviceNumber(id, of: user, db) else { return false }
      let owner = try Int64.fetchOne(db, sql: "SELECT user FROM device WHERE number = ?", arguments: [device])
      try db.execute(sql: "DELETE FROM session WHERE device = ?", arguments: [device])
      try db.execute(sql: "DELETE FROM api_key WHERE device = ?", arguments: [device])
      try db.execute(sql: "UPDATE device SET revoked_at = ? WHERE number = ?", arguments: [now, device])
      try ActivityEntry(at: now, kind: .deviceRevoked, user: owner, device: device).insert(db)
      return true
    }
  }

  // MARK: Alarms

  /// What the alarm says of a device from now on.
  package struct DeviceVerdict: Sendable, Equatable {
    package let device: Int64
    package let level: String
    package let reason: String
    /// Whether somebody is to be told.
    package let isAlarm: Bool
    /// Somebody put it off, or ended it: what people heard of it before is over.
    package let isSilent: Bool

    package init(device: Int64, level: String, reason: String, isAlarm: Bool, isSilent: Bool) {
      (self.device, self.level, self.reason) = (device, level, reason)
      (self.isAlarm, self.isSilent) = (isAlarm, isSilent)
    }
  }

  package func judge(_ verdicts: [DeviceVerdict], now: Instant) async throws {
    try await write { db in
      for verdict in verdicts {
        guard
          let owner = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT user FROM device WHERE number = ?"), arguments: [verdict.device])
        else { continue }
        try db.cachedStatement(sql: "UPDATE device SET level = ?, reason = ?, state_since = ? WHERE number = ?")
          .execute(arguments: [verdict.level, verdict.reason, now, verdict.device])
        if verdict.isSilent { try Catalog.forgetHeard(db, device: verdict.device) }
        guard verdict.isAlarm else { continue }
        try Catalog.alert(db, device: verdict.device, level: verdict.level, reason: verdict.reason, now: now)
        try ActivityEntry(
          at: now, kind: .alarm, user: owner, device: verdict.device, reason: verdict.reason, detail: verdict.level
        ).insert(db)
      }
    }
  }

  /// Forgets days that no strip and no habit needs, and devices without a login that never uploaded and were last heard
  /// from before `limit`: browsers, mostly.
  package func pruneDevices(before limit: Instant, now: Instant) async throws {
    try await write { db in
      try db.execute(sql: "DELETE FROM device_day WHERE day < ?", arguments: [now.day - Catalog.deviceDaysKept])
      try db.execute(
        sql:
          "DELETE FROM ended_login WHERE number <= (SELECT max(number) FROM ended_login) - \(Catalog.endedLoginsKept)")
      try db.execute(sql: "DELETE FROM server_day WHERE day < ?", arguments: [now.day - Catalog.deviceDaysKept])
      try db.execute(
        sql: """
          DELETE FROM device WHERE stored = 0 AND duplicates = 0 AND last_contact < ? AND merged_into IS NULL
            AND NOT EXISTS (SELECT 1 FROM session WHERE session.device = device.number)
            AND NOT EXISTS (SELECT 1 FROM api_key WHERE api_key.device = device.number)
          """, arguments: [limit])
    }
  }

  /// Those of the digests whose photos this person deleted here lately.
  package func deletedLately(_ digests: [SHA1Digest], owner: Identifier) async throws -> Set<SHA1Digest> {
    try await read { db in
      guard let folder = try String.fetchOne(db, sql: "SELECT folder FROM user WHERE id = ?", arguments: [owner]) else {
        return []
      }
      let find = try db.cachedStatement(
        sql: "SELECT EXISTS (SELECT 1 FROM removal WHERE sha1 = ? AND substr(original_key, 1, ?) = ?)")
      var found: Set<SHA1Digest> = []
      let prefix = folder + "/"
      for digest in digests {
        if try Bool.fetchOne(find, arguments: [digest, prefix.unicodeScalars.count, prefix]) == true {
          found.insert(digest)
        }
      }
      return found
    }
  }
}
