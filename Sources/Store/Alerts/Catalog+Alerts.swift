import GRDB
import Ground

extension Catalog {
  // MARK: Where people are told

  package struct NewAlertChannel: Sendable {
    package let id: Identifier
    package let kind: String
    package let target: String
    package let secret: [UInt8]?
    package let key: [UInt8]?

    package init(id: Identifier, kind: String, target: String, secret: [UInt8]?, key: [UInt8]?) {
      (self.id, self.kind, self.target, self.secret, self.key) = (id, kind, target, secret, key)
    }
  }

  package enum AlertChannelOutcome: Sendable {
    case made(AlertChannelRow)
    case tooMany, unknownUser
  }

  /// Adds a channel; the same address again takes over the new secret and begins anew.
  package func add(
    alertChannel new: NewAlertChannel, of user: Identifier, limit: Int, now: Instant
  ) async throws -> AlertChannelOutcome {
    try await write { db in
      guard let owner = try Int64.fetchOne(db, sql: "SELECT number FROM user WHERE id = ?", arguments: [user]) else {
        return .unknownUser
      }
      try db.execute(
        sql: """
          INSERT INTO alert_channel (id, user, kind, target, secret, key, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (user, kind, target) DO UPDATE SET secret = excluded.secret, key = excluded.key, failures = 0,
            word = NULL, disabled_at = NULL
          """,
        arguments: [
          new.id, owner, new.kind, new.target, new.secret?.databaseBytes, new.key?.databaseBytes, now,
        ])
      let count =
        try Int.fetchOne(db, sql: "SELECT count(*) FROM alert_channel WHERE user = ?", arguments: [owner]) ?? 0
      guard count <= limit else {
        try db.execute(sql: "DELETE FROM alert_channel WHERE id = ?", arguments: [new.id])
        return .tooMany
      }
      let row = try Row.fetchOne(
        db, sql: "\(AlertChannelRow.selection) WHERE alert_channel.user = ? AND kind = ? AND target = ?",
        arguments: [owner, new.kind, new.target])
      guard let row else { throw StoreError.broken("a channel without a row") }
      return .made(AlertChannelRow(row))
    }
  }

  package func alertChannels(of user: Identifier) async throws -> [AlertChannelRow] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "\(AlertChannelRow.selection) WHERE user.id = ? ORDER BY alert_channel.number", arguments: [user]
      ).map { AlertChannelRow($0) }
    }
  }

  package func alertTargets(of user: Identifier?) async throws -> [(kind: String, target: String)] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT DISTINCT kind, target FROM alert_channel
          WHERE disabled_at IS NULL AND (?1 IS NULL OR user = (SELECT number FROM user WHERE id = ?1))
          ORDER BY kind, target
          """, arguments: [user]
      ).map { (kind: $0["kind"], target: $0["target"]) }
    }
  }

  /// - Returns: whether there was one.
  package func removeAlertChannel(_ id: Identifier, of user: Identifier) async throws -> Bool {
    try await write { db in
      try db.execute(
        sql: "DELETE FROM alert_channel WHERE id = ? AND user = (SELECT number FROM user WHERE id = ?)",
        arguments: [id, user])
      return db.changesCount == 1
    }
  }

  package func alertSettings(of user: Identifier) async throws -> AlertSettingsRow {
    try await read { db in
      try Row.fetchOne(
        db, sql: "SELECT * FROM alert_settings WHERE user = (SELECT number FROM user WHERE id = ?)", arguments: [user]
      ).map { AlertSettingsRow($0) } ?? AlertSettingsRow()
    }
  }

  package func setAlertSettings(_ settings: AlertSettingsRow, of user: Identifier) async throws {
    try await write { db in
      try db.execute(
        sql: """
          INSERT INTO alert_settings (user, quiet_from, quiet_to, time_zone, snoozed_until)
            SELECT number, ?2, ?3, ?4, ?5 FROM user WHERE id = ?1
          ON CONFLICT DO UPDATE SET quiet_from = excluded.quiet_from, quiet_to = excluded.quiet_to,
            time_zone = excluded.time_zone, snoozed_until = excluded.snoozed_until
          """,
        arguments: [user, settings.quietFrom, settings.quietTo, settings.timeZone, settings.snoozedUntil])
    }
  }

  // MARK: What is to be told

  /// In the transaction that notes a device's new state.
  static func alert(_ db: Database, device: Int64, level: String, reason: String, now: Instant) throws {
    try db.cachedStatement(sql: "INSERT INTO alert (device, at, level, reason) VALUES (?, ?, ?, ?)")
      .execute(arguments: [device, now, level, reason])
  }

  private static let overtaken = """
    EXISTS (SELECT 1 FROM alert AS later WHERE later.device = alert.device AND later.number > alert.number)
    """

  /// Changes that somebody may have to be told of still, the oldest first.
  package func openAlerts() async throws -> [AlertRow] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT alert.*, device.user AS owner, \(Catalog.overtaken) AS overtaken,
            (SELECT level FROM alert AS told WHERE told.device = alert.device AND told.number < alert.number
              AND told.owner_told IS NOT NULL ORDER BY told.number DESC LIMIT 1) AS owner_heard,
            (SELECT level FROM alert AS told WHERE told.device = alert.device AND told.number < alert.number
              AND told.admin_told IS NOT NULL ORDER BY told.number DESC LIMIT 1) AS admin_heard
          FROM alert JOIN device ON device.number = alert.device
          WHERE owner_done = 0 OR admin_done = 0 ORDER BY alert.number LIMIT 1000
          """
      ).map { AlertRow($0) }
    }
  }

  /// Whoever may be told: `user.number`, whether they are an admin, and what they set.
  package func alertPeople() async throws -> [(user: Int64, isAdmin: Bool, settings: AlertSettingsRow)] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT user.number AS person, user.is_admin, alert_settings.* FROM user
            LEFT JOIN alert_settings ON alert_settings.user = user.number
          WHERE user.deleted_at IS NULL AND EXISTS (
            SELECT 1 FROM alert_channel WHERE alert_channel.user = user.number AND disabled_at IS NULL)
          """
      ).map { (user: $0["person"], isAdmin: $0["is_admin"], settings: AlertSettingsRow($0)) }
    }
  }

  /// What is decided of one change: messages for the channels of some people, and who is done with it.
  package struct AlertDecision: Sendable {
    package let alert: Int64
    /// `user.number`, from when on, and whether as an admin.
    package var messages: [(user: Int64, from: Instant, visibleFrom: Instant, isForAdmin: Bool)] = []
    /// All is well: for those channels alone that heard of the trouble.
    package var isFine = false
    package var isOwnerDone = false
    package var isAdminDone = false
    package var isOwnerTold = false
    package var isAdminTold = false

    package init(alert: Int64) { self.alert = alert }
  }

  package func decide(_ decisions: [AlertDecision], now: Instant) async throws {
    try await write { db in
      for decision in decisions {
        for message in decision.messages {
          // A webhook wakes nobody.
          try db.cachedStatement(
            sql: """
              INSERT INTO alert_delivery (alert, channel, for_admin, next_at)
                SELECT ?1, number, ?3, CASE WHEN kind = 'webhook' THEN ?4 ELSE ?5 END FROM alert_channel
                WHERE user = ?2 AND disabled_at IS NULL AND (NOT ?6 OR EXISTS (
                  SELECT 1 FROM alert_heard JOIN alert ON alert.device = alert_heard.device
                  WHERE alert.number = ?1 AND channel = alert_channel.number
                    AND alert_heard.level IN ('amber', 'red')))
              ON CONFLICT DO NOTHING
              """
          ).execute(arguments: [
            decision.alert, message.user, message.isForAdmin, message.from, message.visibleFrom, decision.isFine,
          ])
        }
        try db.cachedStatement(
          sql: """
            UPDATE alert SET owner_done = max(owner_done, ?2), admin_done = max(admin_done, ?3),
              owner_told = CASE WHEN ?4 THEN ?6 ELSE owner_told END, admin_told = CASE WHEN ?5 THEN ?6 ELSE admin_told END
            WHERE number = ?1
            """
        ).execute(arguments: [
          decision.alert, decision.isOwnerDone, decision.isAdminDone, decision.isOwnerTold, decision.isAdminTold, now,
        ])
      }
    }
  }

  // MARK: Messages on their way

  package func dueAlerts(at now: Instant, limit: Int) async throws -> [AlertDeliveryRow] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT alert_delivery.alert, alert_delivery.for_admin, alert_delivery.tries, alert.level, alert.at,
            device.id AS device_id, \(Catalog.overtaken) AS overtaken, alert_delivery.channel
          FROM alert_delivery JOIN alert ON alert.number = alert_delivery.alert
            JOIN device ON device.number = alert.device
          WHERE next_at <= ? ORDER BY next_at LIMIT ?
          """, arguments: [now, limit]
      ).compactMap { row in
        let channel = try Row.fetchOne(
          db.cachedStatement(sql: "\(AlertChannelRow.selection) WHERE alert_channel.number = ?"),
          arguments: [row["channel"] as Int64])
        guard let channel else { return nil }
        return AlertDeliveryRow(
          alert: row["alert"], device: row["device_id"], level: row["level"], at: row["at"],
          isForAdmin: row["for_admin"], tries: row["tries"], isOvertaken: row["overtaken"],
          channel: AlertChannelRow(channel))
      }
    }
  }

  package func nextAlert() async throws -> Instant? {
    try await read { db in try Instant?.fetchOne(db, sql: "SELECT min(next_at) FROM alert_delivery") ?? nil }
  }

  /// What became of a message.
  package enum AlertEnd: Sendable, Equatable {
    case delivered
    /// Nobody needs it any more.
    case dropped
    case later(Instant, word: String)
    case givenUp(word: String)
    /// The other side says that there is nobody any more.
    case gone(word: String)
  }

  package func end(alert: Int64, channel: Int64, _ end: AlertEnd, now: Instant) async throws {
    try await write { db in
      if case .later(let next, _) = end {
        try db.execute(
          sql: "UPDATE alert_delivery SET tries = tries + 1, next_at = ? WHERE alert = ? AND channel = ?",
          arguments: [next, alert, channel])
      } else {
        try db.execute(
          sql: "DELETE FROM alert_delivery WHERE alert = ? AND channel = ?", arguments: [alert, channel])
      }
      switch end {
      case .dropped: break
      case .delivered:
        try db.execute(
          sql: """
            INSERT INTO alert_heard (channel, device, level) SELECT ?1, device, level FROM alert WHERE number = ?2
            ON CONFLICT DO UPDATE SET level = excluded.level
            """, arguments: [channel, alert])
        try db.execute(
          sql: "UPDATE alert_channel SET failures = 0, word = NULL, delivered_at = ? WHERE number = ?",
          arguments: [now, channel])
      case .later(_, let word), .givenUp(let word):
        try db.execute(
          sql: "UPDATE alert_channel SET failures = failures + 1, word = ? WHERE number = ?",
          arguments: [word, channel])
      case .gone(let word):
        try db.execute(
          sql: "UPDATE alert_channel SET failures = failures + 1, word = ?, disabled_at = ? WHERE number = ?",
          arguments: [word, now, channel])
        try db.execute(sql: "DELETE FROM alert_delivery WHERE channel = ?", arguments: [channel])
      }
    }
  }

  /// Forgets changes that are told and overtaken, older than `limit`.
  package func pruneAlerts(before limit: Instant) async throws {
    try await write { db in
      try db.execute(
        sql: """
          DELETE FROM alert WHERE number IN (
            SELECT number FROM alert WHERE at < ? AND owner_done AND admin_done AND \(Catalog.overtaken)
              AND NOT EXISTS (SELECT 1 FROM alert_delivery WHERE alert_delivery.alert = alert.number) LIMIT 2000)
          """, arguments: [limit])
    }
  }
}
