import GRDB
import Ground

extension Catalog {
  // MARK: What is to be told

  /// In the transaction that notes a device's new state.
  static func alert(_ db: Database, device: Int64, level: String, reason: String, now: Instant) throws {
    try db.cachedStatement(sql: "INSERT INTO alert (device, at, level, reason) VALUES (?, ?, ?, ?)")
      .execute(arguments: [device, now, level, reason])
  }

  /// In the transaction that notes that somebody put a device off, or ended it: what was heard before is over, and the next
  /// trouble is news.
  static func forgetHeard(_ db: Database, device: Int64) throws {
    try db.cachedStatement(sql: "DELETE FROM alert_heard WHERE device = ?").execute(arguments: [device])
  }

  private static let overtaken = """
    EXISTS (SELECT 1 FROM alert AS later WHERE later.device = alert.device AND later.number > alert.number)
    """

  /// Everything that waits is looked at now: people's settings, or the server's, have changed.
  package func lookAtAlertsAgain() async throws { try await write { db in try Catalog.lookAtAlertsAgain(db) } }

  static func lookAtAlertsAgain(_ db: Database) throws {
    try db.execute(sql: "UPDATE alert SET look_at = 0 WHERE (owner_done = 0 OR admin_done = 0) AND look_at > 0")
  }

  /// Changes that are to be looked at now, the oldest first. `decide` takes each of them out, or moves it on.
  package func openAlerts(at now: Instant, limit: Int) async throws -> [AlertRow] {
    try await read { db in
      let asked = try db.cachedStatement(sql: "SELECT user FROM alert_asked WHERE alert = ?")
      return try Row.fetchAll(
        db,
        sql: """
          SELECT alert.*, device.user AS owner, \(Catalog.overtaken) AS overtaken,
            (SELECT min(at) FROM alert AS bad WHERE bad.device = alert.device AND bad.number <= alert.number
              AND bad.level IN ('amber', 'red') AND bad.number > coalesce((
                SELECT max(number) FROM alert AS well WHERE well.device = alert.device AND well.number < alert.number
                  AND well.level NOT IN ('amber', 'red')), 0)) AS since
          FROM alert JOIN device ON device.number = alert.device
          WHERE (owner_done = 0 OR admin_done = 0) AND look_at <= ? ORDER BY alert.number LIMIT ?
          """, arguments: [now, limit]
      ).map { try AlertRow($0, asked: Set(Int64.fetchAll(asked, arguments: [$0["number"] as Int64]))) }
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

  /// What is decided of one change: messages for the channels of some people, who is done with it, and when to look again.
  package struct AlertDecision: Sendable {
    package let alert: Int64
    /// `user.number`, from when on, and whether as an admin.
    package var messages: [(user: Int64, from: Instant, visibleFrom: Instant, isForAdmin: Bool)] = []
    /// All is well: for those channels alone that heard of the trouble.
    package var isFine = false
    package var isOwnerDone = false
    package var isAdminDone = false
    /// Where somebody is not done.
    package var lookAt: Instant?

    package init(alert: Int64) { self.alert = alert }
  }

  /// Hands out messages: to each channel that does not know it yet, by what it was really told.
  package func decide(_ decisions: [AlertDecision]) async throws {
    try await write { db in
      for decision in decisions {
        for message in decision.messages {
          // A webhook wakes nobody.
          try db.cachedStatement(
            sql: """
              INSERT INTO alert_delivery (alert, channel, for_admin, next_at, put_off)
                SELECT ?1, alert_channel.number, ?3, CASE WHEN kind = 'webhook' THEN ?4 ELSE ?5 END, 1
                FROM alert_channel JOIN user ON user.number = alert_channel.user JOIN alert ON alert.number = ?1
                  LEFT JOIN alert_heard ON alert_heard.channel = alert_channel.number
                    AND alert_heard.device = alert.device
                WHERE alert_channel.user = ?2 AND disabled_at IS NULL AND \(AlertChannelRow.isConfirmed)
                  AND CASE WHEN ?6 THEN alert_heard.level IN ('amber', 'red')
                    ELSE alert_heard.level IS NOT alert.level END
              ON CONFLICT DO NOTHING
              """
          ).execute(arguments: [
            decision.alert, message.user, message.isForAdmin, message.from, message.visibleFrom, decision.isFine,
          ])
          guard message.isForAdmin else { continue }
          try db.cachedStatement(sql: "INSERT OR IGNORE INTO alert_asked (alert, user) VALUES (?, ?)")
            .execute(arguments: [decision.alert, message.user])
        }
        try db.cachedStatement(
          sql: """
            UPDATE alert SET owner_done = max(owner_done, ?2), admin_done = max(admin_done, ?3), look_at = ?4
            WHERE number = ?1
            """
        ).execute(arguments: [
          decision.alert, decision.isOwnerDone, decision.isAdminDone, decision.lookAt ?? Instant(milliseconds: 0),
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
    try await read { db in
      try Instant?.fetchOne(
        db,
        sql: """
          SELECT min(at) FROM (SELECT min(next_at) AS at FROM alert_delivery
            UNION ALL SELECT min(look_at) FROM alert WHERE owner_done = 0 OR admin_done = 0)
          """) ?? nil
    }
  }

  /// What became of a message.
  package enum AlertEnd: Sendable, Equatable {
    case delivered
    /// Nobody needs it any more.
    case dropped
    /// It is not sent now: of a night, a holiday, or because this server could not. No try.
    case putOff(Instant)
    /// The other side asks for patience, which is no failure.
    case throttled(Instant)
    case later(Instant, word: String)
    case givenUp(word: String)
    /// The other side says that there is nobody any more.
    case gone(word: String)
  }

  /// A webhook that did nothing but fail for so long, and so often, is not called any more.
  package static let alertPatience: Int64 = 7 * 86_400
  package static let alertFailures: Int64 = 16

  package func end(alert: Int64, channel: Int64, _ end: AlertEnd, now: Instant) async throws {
    try await write { db in
      switch end {
      case .putOff(let next):
        try db.execute(
          sql: "UPDATE alert_delivery SET next_at = ?, put_off = 1 WHERE alert = ? AND channel = ?",
          arguments: [next, alert, channel])
      case .throttled(let next):
        try db.execute(
          sql: "UPDATE alert_delivery SET next_at = ?, put_off = 0 WHERE alert = ? AND channel = ?",
          arguments: [next, alert, channel])
      case .later(let next, _):
        try db.execute(
          sql: "UPDATE alert_delivery SET tries = tries + 1, next_at = ?, put_off = 0 WHERE alert = ? AND channel = ?",
          arguments: [next, alert, channel])
      case .delivered, .dropped, .givenUp, .gone:
        try db.execute(
          sql: "DELETE FROM alert_delivery WHERE alert = ? AND channel = ?", arguments: [alert, channel])
      }
      switch end {
      case .dropped, .putOff: break
      case .delivered: try Catalog.heard(db, alert, channel, now: now)
      case .throttled:
        try db.execute(sql: "UPDATE alert_channel SET word = 'throttled' WHERE number = ?", arguments: [channel])
      case .later(_, let word): try Catalog.failed(db, channel, word, now: now)
      case .givenUp(let word):
        try Catalog.failed(db, channel, word, now: now)
        // Who was not reached with the good news is told of the next trouble, whatever they heard before it.
        try db.execute(
          sql: """
            DELETE FROM alert_heard WHERE channel = ?2 AND device = (
              SELECT device FROM alert WHERE number = ?1 AND level NOT IN ('amber', 'red'))
            """, arguments: [alert, channel])
      case .gone(let word): try Catalog.gone(db, channel, word, now: now)
      }
    }
  }

  static func gone(_ db: Database, _ channel: Int64, _ word: String, now: Instant) throws {
    try db.execute(
      sql: "UPDATE alert_channel SET failures = failures + 1, word = ?, disabled_at = ? WHERE number = ?",
      arguments: [word, now, channel])
    try db.execute(sql: "DELETE FROM alert_delivery WHERE channel = ?", arguments: [channel])
  }

  /// Nothing where the device was put off meanwhile: the next trouble is news.
  private static func heard(_ db: Database, _ alert: Int64, _ channel: Int64, now: Instant) throws {
    try db.execute(
      sql: """
        INSERT INTO alert_heard (channel, device, level)
          SELECT ?1, alert.device, alert.level FROM alert JOIN device ON device.number = alert.device
          WHERE alert.number = ?2 AND coalesce(device.level, '') NOT IN ('snoozed', 'none', 'revoked')
        ON CONFLICT DO UPDATE SET level = excluded.level
        """, arguments: [channel, alert])
    try db.execute(
      sql: """
        UPDATE alert_channel SET failures = 0, word = NULL, first_failed_at = NULL, delivered_at = ? WHERE number = ?
        """, arguments: [now, channel])
  }

  static func failed(_ db: Database, _ channel: Int64, _ word: String, now: Instant) throws {
    try db.execute(
      sql: """
        UPDATE alert_channel SET failures = failures + 1, word = ?2, first_failed_at = coalesce(first_failed_at, ?3)
        WHERE number = ?1
        """, arguments: [channel, word, now])
    try db.execute(
      sql: """
        UPDATE alert_channel SET disabled_at = ?2
        WHERE number = ?1 AND kind = 'webhook' AND failures >= ?3 AND first_failed_at <= ?4
        """, arguments: [channel, now, Catalog.alertFailures, now.adding(seconds: -Catalog.alertPatience)])
    try db.execute(
      sql: """
        DELETE FROM alert_delivery WHERE channel = ?1
          AND (SELECT disabled_at FROM alert_channel WHERE number = ?1) IS NOT NULL
        """, arguments: [channel])
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
