import FoundationEssentials
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
          INSERT INTO alert_channel (id, user, kind, target, secret, key, created_at, confirmed_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, CASE WHEN ?3 <> 'mail' THEN ?7 END)
          ON CONFLICT (user, kind, target) DO UPDATE SET secret = excluded.secret, key = excluded.key, failures = 0,
            word = NULL, disabled_at = NULL, first_failed_at = NULL
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

  package func setAlertSettings(
    _ settings: AlertSettingsRow, of user: Identifier, now: Instant
  ) async throws {
    try await write { db in
      try db.execute(
        sql: """
          INSERT INTO alert_settings (user, quiet_from, quiet_to, time_zone, snoozed_until)
            SELECT number, ?2, ?3, ?4, ?5 FROM user WHERE id = ?1
          ON CONFLICT DO UPDATE SET quiet_from = excluded.quiet_from, quiet_to = excluded.quiet_to,
            time_zone = excluded.time_zone, snoozed_until = excluded.snoozed_until
          """,
        arguments: [user, settings.quietFrom, settings.quietTo, settings.timeZone, settings.snoozedUntil])
      // What waits for the end of a night or a holiday is looked at again: that end may have moved.
      try Catalog.lookAtAlertsAgain(db)
      try db.execute(
        sql: """
          UPDATE alert_delivery SET next_at = min(next_at, ?2)
          WHERE put_off
            AND channel IN (SELECT number FROM alert_channel WHERE user = (SELECT number FROM user WHERE id = ?1))
          """, arguments: [user, now])
    }
  }

  // MARK: Mail is confirmed

  /// Notes the token (SHA-256) that a mail channel's first mail carries.
  package func announce(alertChannel number: Int64, token: [UInt8], expiresAt: Instant) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE alert_channel SET token = ?, token_expires_at = ? WHERE number = ?",
        arguments: [token.databaseBytes, expiresAt, number])
    }
  }

  package enum AlertConfirmation: Sendable, Equatable {
    case confirmed(AlertChannelRow)
    case unknown, wrong, expired
  }

  /// Whoever shows the token reads the mail of the address that it was made for.
  package func confirmAlertChannel(
    _ id: Identifier, of user: Identifier, address: String, token: [UInt8], now: Instant
  ) async throws -> AlertConfirmation {
    try await write { db in
      let found = "\(AlertChannelRow.selection) WHERE alert_channel.id = ? AND user.id = ?"
      guard let row = try Row.fetchOne(db, sql: found, arguments: [id, user]) else { return .unknown }
      guard let wanted = (row["token"] as Data?).map({ Array($0) }), constantTimeEqual(wanted, token) else {
        return .wrong
      }
      guard let expiry = row["token_expires_at"] as Instant?, now <= expiry else { return .expired }
      try db.execute(
        sql: """
          UPDATE alert_channel SET confirmed_at = ?, address = ?, token = NULL, token_expires_at = NULL, failures = 0,
            word = NULL, first_failed_at = NULL
          WHERE id = ?
          """, arguments: [now, address, id])
      guard let row = try Row.fetchOne(db, sql: found, arguments: [id, user]) else { return .unknown }
      return .confirmed(AlertChannelRow(row))
    }
  }

  /// What became of a first mail.
  package func note(alertChannel number: Int64, problem: String?) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE alert_channel SET word = ? WHERE number = ?", arguments: [problem, number])
    }
  }
}
