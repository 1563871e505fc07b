import GRDB
import Ground

extension Catalog {
  /// What is written at once: rows as they are now, and what was learned.
  package struct TickleChanges: Sendable {
    package var tickles: [Int64: TickleRow] = [:]
    package var memories: [Int64: TickleMemory] = [:]
    /// Tickles that a device names later than the window.
    package var echoes: [(tickle: Int64, device: Int64, at: Instant)] = []

    package init() {}

    package var isEmpty: Bool { tickles.isEmpty && memories.isEmpty && echoes.isEmpty }
  }

  /// Taken, without an answer, or cut by a crash: the device may have it, and it counts for the budget.
  private static let mayHaveArrived =
    "(delivery IS NULL OR delivery IN ('accepted', 'timed_out', 'broken', 'interrupted'))"

  package func record(_ changes: TickleChanges) async throws {
    try await write { db in
      for (number, tickle) in changes.tickles.sorted(by: { $0.key < $1.key }) {
        try db.cachedStatement(
          sql: """
            INSERT INTO tickle (number, device, at, channel, why, held, nudge, delivery, contact_at, echoed, over)
            SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE EXISTS (SELECT 1 FROM device WHERE number = ?2)
            ON CONFLICT DO UPDATE SET delivery = excluded.delivery, contact_at = excluded.contact_at,
              echoed = excluded.echoed, over = excluded.over
            """
        ).execute(arguments: [
          number, tickle.device, tickle.at, tickle.channel, tickle.why, tickle.isHeld, tickle.isNudge, tickle.delivery,
          tickle.contactAt, tickle.isEchoed, tickle.isOver,
        ])
      }
      for echo in changes.echoes {
        try db.cachedStatement(
          sql:
            """
            UPDATE tickle SET contact_at = ?, echoed = 1
            WHERE number = ? AND device = ? AND contact_at IS NULL AND over AND NOT held AND \(Catalog.mayHaveArrived)
            """
        ).execute(arguments: [echo.at, echo.tickle, echo.device])
      }
      for (device, memory) in changes.memories { try memory.write(db, device: device) }
    }
  }

  /// The number of the last tickle that there was, and when the server stopped; what a crash left open is over.
  package func openTickles() async throws -> (last: Int64, stoppedAt: Instant?) {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE tickle SET over = 1, delivery = CASE WHEN held THEN NULL ELSE coalesce(delivery, 'interrupted') END
          WHERE over = 0
          """)
      let last = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'tickle'") ?? 0
      let stopped = try Instant.fetchOne(db, sql: "SELECT stopped_at FROM tickle_pause WHERE stopped_at IS NOT NULL")
      // A crash must not look like the stop before it.
      try db.execute(sql: "UPDATE tickle_pause SET stopped_at = NULL")
      return (last, stopped)
    }
  }

  package func closeTickles(at now: Instant) async throws {
    try await write { db in try db.execute(sql: "UPDATE tickle_pause SET stopped_at = ?", arguments: [now]) }
  }

  /// Those of the devices that are there, belong to somebody and may log in.
  package func tickleCandidates(_ devices: [Int64], now: Instant) async throws -> [TickleCandidate] {
    try await read { db in
      let find = try db.cachedStatement(
        sql: """
          SELECT device.*, json_extract(check_in, '$.remaining') > 0 AS backlog FROM device
            JOIN user ON user.number = device.user
          WHERE device.number = ? AND revoked_at IS NULL AND merged_into IS NULL AND user.deleted_at IS NULL
          """)
      let memories = try db.cachedStatement(sql: "SELECT * FROM tickle_device WHERE device = ?")
      let sends = try db.cachedStatement(
        sql: """
          SELECT at FROM tickle WHERE device = ? AND NOT held AND \(Catalog.mayHaveArrived) AND at > ?
          ORDER BY number DESC LIMIT 16
          """)
      let days = try db.cachedStatement(
        sql: "SELECT day, hours FROM device_day WHERE device = ? AND day > ? ORDER BY day")
      return try devices.compactMap { number in
        guard let row = try Row.fetchOne(find, arguments: [number]) else { return nil }
        let memory = try Row.fetchOne(memories, arguments: [number]).map { TickleMemory($0) }
        var contacts: [Int64] = []
        // Habits that were kept long ago are not what they are now.
        let kept = memory?.rhythm == nil ? nil : memory?.lastTickle
        if kept.map({ $0 < now.adding(seconds: -7 * 86_400) }) ?? true {
          for day in try Row.fetchAll(days, arguments: [number, now.day - Catalog.deviceDaysRead]) {
            let (start, hours) = (day["day"] as Int64 * 24, day["hours"] as Int64)
            contacts += (0..<24).filter { hours & (1 << $0) != 0 }.map { start + Int64($0) }
          }
        }
        return TickleCandidate(
          number: number, id: row["id"], kind: row["kind"], os: row["os"], lastContact: row["last_contact"],
          lastUpload: row["last_upload"], hasUploaded: row["stored"] + row["duplicates"] > (0 as Int64),
          hasBacklog: row["backlog"] as Bool? ?? false, contacts: contacts, memory: memory,
          sends: try Instant.fetchAll(sends, arguments: [number, now.adding(seconds: -86_400)]))
      }
    }
  }

  /// When devices stored something the last time.
  package func lastUploads(_ devices: [Int64]) async throws -> [Int64: Instant] {
    try await read { db in
      let find = try db.cachedStatement(sql: "SELECT last_upload FROM device WHERE number = ?")
      var found: [Int64: Instant] = [:]
      for device in devices { found[device] = try Instant?.fetchOne(find, arguments: [device]) ?? nil }
      return found
    }
  }

  /// In the transaction that makes one device a part of another: trials add up, all else that was learned is the whole's.
  static func mergeTickles(_ db: Database, _ whole: Int64, with part: Int64) throws {
    try db.execute(sql: "UPDATE tickle SET device = ? WHERE device = ?", arguments: [whole, part])
    try db.execute(
      sql: """
        UPDATE tickle_device SET sent = tickle_device.sent + part.sent, held = tickle_device.held + part.held,
          sent_contacts = tickle_device.sent_contacts + part.sent_contacts,
          held_contacts = tickle_device.held_contacts + part.held_contacts
        FROM tickle_device AS part WHERE tickle_device.device = ?1 AND part.device = ?2
        """, arguments: [whole, part])
    try db.execute(sql: "UPDATE OR IGNORE tickle_device SET device = ? WHERE device = ?", arguments: [whole, part])
    try db.execute(sql: "DELETE FROM tickle_device WHERE device = ?", arguments: [part])
  }

  // MARK: Looking

  static func tickles(_ device: Int64, _ db: Database, now: Instant) throws -> TickleSummary? {
    let last = try Row.fetchOne(
      db.cachedStatement(sql: "\(TickleRow.selection) WHERE tickle.device = ? ORDER BY number DESC LIMIT 1"),
      arguments: [device]
    ).map { TickleRow($0) }
    let memory = try Row.fetchOne(
      db.cachedStatement(sql: "SELECT * FROM tickle_device WHERE device = ?"), arguments: [device]
    ).map { TickleMemory($0) }
    let push = try Row.fetchOne(
      db.cachedStatement(
        sql: "SELECT state, coalesce(token_expires_at, registered_at) AS until FROM push WHERE device = ?"),
      arguments: [device])
    guard memory != nil || last != nil || push != nil else { return nil }
    let state = push?["state"] as String?
    return TickleSummary(
      memory: memory ?? TickleMemory(), last: last, push: state,
      isUnconfirmed: state == PushState.pending.rawValue && push.map { $0["until"] < now } ?? false)
  }

  /// The newest first.
  package func tickles(of device: Int64, limit: Int) async throws -> [TickleRow] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "\(TickleRow.selection) WHERE tickle.device = ? ORDER BY number DESC LIMIT ?",
        arguments: [device, limit]
      ).map { TickleRow($0) }
    }
  }

  package func tickle(_ number: Int64) async throws -> TickleRow? {
    try await read { db in
      try Row.fetchOne(db, sql: "\(TickleRow.selection) WHERE tickle.number = ?", arguments: [number])
        .map { TickleRow($0) }
    }
  }

  /// Of one person's devices, or everybody's.
  package func tickleTotals(of user: Identifier?, since: Instant) async throws -> TickleTotals {
    try await read { db in
      let whose =
        "(?1 IS NULL OR device IN (SELECT number FROM device WHERE user = (SELECT number FROM user WHERE id = ?1)))"
      var memory = TickleMemory()
      if let row = try Row.fetchOne(
        db,
        sql: """
          SELECT coalesce(sum(sent), 0), coalesce(sum(sent_contacts), 0), coalesce(sum(held), 0),
            coalesce(sum(held_contacts), 0)
          FROM tickle_device WHERE \(whose)
          """, arguments: [user])
      {
        (memory.sent, memory.sentContacts, memory.held, memory.heldContacts) = (row[0], row[1], row[2], row[3])
      }
      let row = try Row.fetchOne(
        db,
        sql: """
          SELECT count(*), count(contact_at) FROM tickle WHERE at > ?2 AND NOT held AND delivery = 'accepted' AND \(whose)
          """, arguments: [user, since])
      return TickleTotals(memory: memory, sentLately: row?[0] ?? 0, answeredLately: row?[1] ?? 0)
    }
  }

  /// Forgets what is older than `limit`, and the oldest beyond `rows`; some thousand at once.
  /// - Returns: whether there may be more.
  package func pruneTickles(before limit: Instant, rows: Int64) async throws -> Bool {
    try await write { db in
      try db.execute(
        sql: "DELETE FROM tickle WHERE number IN (SELECT number FROM tickle WHERE at < ? ORDER BY at LIMIT 2000)",
        arguments: [limit])
      var removed = db.changesCount
      let excess = min(2000, (try Int64.fetchOne(db, sql: "SELECT count(*) FROM tickle") ?? 0) - rows)
      if excess > 0 {
        try db.execute(
          sql: "DELETE FROM tickle WHERE number IN (SELECT number FROM tickle ORDER BY number LIMIT ?)",
          arguments: [excess])
        removed = max(removed, db.changesCount)
      }
      return removed == 2000
    }
  }
}
