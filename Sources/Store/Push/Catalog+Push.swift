import GRDB
import Ground

extension Catalog {
  /// A device that may be registered: its number, kind and owner; nil where this person has no such device.
  package func pushOwner(
    _ id: Identifier, of user: Identifier?
  ) async throws -> (device: Int64, kind: String, user: Identifier)? {
    try await read { db in
      try Row.fetchOne(
        db,
        sql: """
          SELECT whole.number, whole.kind, user.id FROM device
            JOIN device AS whole ON whole.number = coalesce(device.merged_into, device.number)
            JOIN user ON user.number = whole.user
          WHERE device.id = ?1 AND (?2 IS NULL OR user.id = ?2) AND whole.revoked_at IS NULL
          """, arguments: [id, user]
      ).map { (device: $0[0], kind: $0[1], user: $0[2]) }
    }
  }

  /// Kind of a device, such as `phone`; nil where there is none.
  package func deviceKind(_ device: Int64) async throws -> String? {
    try await read { db in
      try String.fetchOne(db, sql: "SELECT kind FROM device WHERE number = ?", arguments: [device])
    }
  }

  package func push(of device: Int64) async throws -> PushRow? {
    try await read { db in try Catalog.push(of: device, db) }
  }

  /// A registration that messages may be sent to, and whose it is: of a device with a login, of somebody who is here.
  package func pushToSend(to device: Int64) async throws -> (PushRow, person: Identifier)? {
    try await read { db in
      try Row.fetchOne(
        db.cachedStatement(
          sql: """
            SELECT push.*, user.id AS person FROM push JOIN device ON device.number = push.device
              JOIN user ON user.number = device.user
            WHERE push.device = ? AND user.deleted_at IS NULL AND device.revoked_at IS NULL
              AND device.merged_into IS NULL
            """), arguments: [device]
      ).map { (try PushRow($0), person: $0["person"]) }
    }
  }

  private static func push(of device: Int64, _ db: Database) throws -> PushRow? {
    try Row.fetchOne(db.cachedStatement(sql: "SELECT * FROM push WHERE device = ?"), arguments: [device])
      .map { try PushRow($0) }
  }

  /// Registrations that messages may be sent to: of devices with a login, of people who are here, refreshed since. The first
  /// so many behind a device's number: a hundred thousand at once took a hundred megabytes.
  package func pushes(refreshedSince limit: Instant, after device: Int64, limit count: Int) async throws -> [PushRow] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT push.* FROM push JOIN device ON device.number = push.device JOIN user ON user.number = device.user
          WHERE push.device > ? AND push.state IN ('active', 'backoff') AND push.refreshed_at >= ?
            AND user.deleted_at IS NULL AND device.revoked_at IS NULL AND device.merged_into IS NULL
            AND device.kind <> 'browser'
          ORDER BY push.device LIMIT ?
          """, arguments: [device, limit, count]
      ).map { try PushRow($0) }
    }
  }

  package enum PushRegistration: Sendable, Equatable {
    /// Known already, and still so.
    case refreshed(PushRow)
    /// It is to be confirmed.
    case announced(PushRow)
    /// This person has as many as the server takes.
    case tooMany
    case unknownDevice
  }

  /// Notes where a device can be reached. What is known and confirmed is refreshed; what is new, or changed, waits for its
  /// token.
  /// - Parameters:
  ///   - token: SHA-256 of a fresh one; nil refreshes at the most.
  ///   - serverKey: the server's key that a subscription is bound to.
  ///   - limit: registrations of one person.
  package func register(
    push place: PushPlace, quiet: PushQuiet, serverKey: String? = nil, of device: Int64, token: [UInt8]?,
    expiresAt: Instant, limit: Int, now: Instant
  ) async throws -> PushRegistration {
    try await write { db in
      guard let user = try Int64.fetchOne(db, sql: "SELECT user FROM device WHERE number = ?", arguments: [device])
      else { return .unknownDevice }
      let known = try Catalog.push(of: device, db)
      if var row = known, row.place == place, row.state == .active || row.state == .backoff || token == nil {
        (row.refreshedAt, row.quiet) = (now, quiet)
        try row.save(db)
        return .refreshed(row)
      }
      guard let token else { return .unknownDevice }
      let others = try Int.fetchOne(
        db,
        sql: """
          SELECT count(*) FROM push JOIN device ON device.number = push.device
          WHERE device.user = ? AND push.device <> ? AND push.state <> 'gone'
          """, arguments: [user, device])
      guard (others ?? 0) < limit else { return .tooMany }
      var row = PushRow(device: device, place: place, now: now)
      (row.token, row.tokenExpiresAt, row.quiet, row.serverKey) = (token, expiresAt, quiet, serverKey)
      try row.save(db)
      return .announced(row)
    }
  }

  package enum PushConfirmation: Sendable, Equatable {
    /// Who had the place before: `device.number`s.
    case confirmed(PushRow, moved: [Int64])
    case wrong
    case expired
  }

  /// Takes the token that a device echoes: from now on the place is this device's, and nobody else's.
  package func confirmPush(of device: Int64, token: [UInt8], now: Instant) async throws -> PushConfirmation {
    try await write { db in
      guard var row = try Catalog.push(of: device, db), row.state == .pending, let wanted = row.token,
        constantTimeEqual(wanted, token)
      else { return .wrong }
      guard let expiry = row.tokenExpiresAt, now <= expiry else { return .expired }
      let before = try Row.fetchAll(
        db,
        sql: """
          SELECT push.device, push.state, device.user FROM push JOIN device ON device.number = push.device
          WHERE push.kind = ? AND push.endpoint = ? AND push.device <> ?
          """, arguments: [row.place.kind, row.place.endpoint, device])
      for old in before {
        try db.execute(sql: "DELETE FROM push WHERE device = ?", arguments: [old[0] as Int64])
        try ActivityEntry(at: now, kind: .pushMoved, user: old[2], device: old[0]).insert(db)
      }
      (row.state, row.token, row.tokenExpiresAt, row.confirmedAt) = (.active, nil, nil, now)
      (row.failures, row.retryAt, row.word) = (0, nil, nil)
      try row.save(db)
      try Catalog.note(.pushConfirmed, device: device, detail: row.place.kind, db, now: now)
      return .confirmed(row, moved: before.map { $0[0] })
    }
  }

  /// What became of a message; nothing where the device has registered another place meanwhile.
  package func settle(push row: PushRow, now: Instant) async throws {
    try await write { db in
      guard var current = try Catalog.push(of: row.device, db), current.place == row.place,
        current.registeredAt == row.registeredAt,
        // Confirmed while the push service still thought about its answer: the message has arrived.
        !(row.state == .pending && current.state == .active)
      else { return }
      let ended = row.state == .gone && current.state != .gone
      (current.state, current.failures, current.retryAt, current.word) = (
        row.state, row.failures, row.retryAt, row.word
      )
      try current.save(db)
      if ended { try Catalog.note(.pushGone, device: row.device, detail: row.word, db, now: now) }
    }
  }

  /// Takes back an announcement, unless the device has announced something else, or confirmed it.
  package func remove(announced row: PushRow) async throws {
    try await write { db in
      try db.execute(
        sql: "DELETE FROM push WHERE device = ? AND state = 'pending' AND registered_at = ? AND endpoint = ?",
        arguments: [row.device, row.registeredAt, row.place.endpoint])
    }
  }

  /// At a start: registrations that were made with another key of the server's are worth nothing, and wait for their apps to
  /// register anew.
  /// - Parameter isNew: whether the key has just been made: then it is nobody's yet.
  /// - Returns: how many there are.
  package func adopt(serverKey: String, isNew: Bool) async throws -> Int {
    try await write { db in
      if !isNew {
        // Back again: what it was made with holds once more.
        try db.execute(
          sql: "UPDATE OR IGNORE push SET state = 'active', word = NULL WHERE word = 'key_changed' AND server_key = ?",
          arguments: [serverKey])
        try db.execute(
          sql: "UPDATE push SET server_key = ? WHERE kind = 'webpush' AND server_key IS NULL", arguments: [serverKey])
      }
      try db.execute(
        sql: """
          UPDATE push SET state = 'pending', word = 'key_changed', token = NULL, token_expires_at = NULL, retry_at = NULL
          WHERE kind = 'webpush' AND server_key IS NOT ? AND state IN ('active', 'backoff')
          """, arguments: [serverKey])
      return try Int.fetchOne(db, sql: "SELECT count(*) FROM push WHERE word = 'key_changed'") ?? 0
    }
  }

  /// - Returns: whether there was one.
  package func removePush(of device: Int64, now: Instant) async throws -> Bool {
    try await write { db in
      try db.execute(sql: "DELETE FROM push WHERE device = ?", arguments: [device])
      guard db.changesCount == 1 else { return false }
      try Catalog.note(.pushRemoved, device: device, detail: nil, db, now: now)
      return true
    }
  }

  /// Forgets what no client has refreshed since `limit`, and says so.
  /// - Returns: whose: `device.number`s.
  package func expirePushes(before limit: Instant, now: Instant) async throws -> [Int64] {
    try await write { db in
      let old = try Int64.fetchAll(db, sql: "SELECT device FROM push WHERE refreshed_at < ?", arguments: [limit])
      for device in old {
        try Catalog.note(.pushExpired, device: device, detail: nil, db, now: now)
        try db.execute(sql: "DELETE FROM push WHERE device = ?", arguments: [device])
      }
      return old
    }
  }

  /// In the transaction that makes one device a part of another. Where both can be reached, the one that stays knows better;
  /// a registration that works knows better than one that does not.
  static func mergePush(_ db: Database, _ whole: Int64, with part: Int64) throws {
    try db.execute(
      sql: """
        DELETE FROM push WHERE device = ?1 AND state NOT IN ('active', 'backoff')
          AND EXISTS (SELECT 1 FROM push WHERE device = ?2 AND state IN ('active', 'backoff'))
        """, arguments: [whole, part])
    try db.execute(sql: "UPDATE OR IGNORE push SET device = ? WHERE device = ?", arguments: [whole, part])
    try db.execute(sql: "DELETE FROM push WHERE device = ?", arguments: [part])
  }

  /// `device.number`s, also of devices that are part of others.
  package func deviceNumbers(_ ids: [Identifier]) async throws -> [Int64] {
    try await read { db in
      let find = try db.cachedStatement(sql: "SELECT number FROM device WHERE id = ?")
      return try ids.compactMap { try Int64.fetchOne(find, arguments: [$0]) }
    }
  }

  private static func note(
    _ kind: ActivityKind, device: Int64, detail: String?, _ db: Database, now: Instant
  ) throws {
    let user = try Int64.fetchOne(db, sql: "SELECT user FROM device WHERE number = ?", arguments: [device])
    try ActivityEntry(at: now, kind: kind, user: user, device: device, detail: detail).insert(db)
  }

  /// Where devices are registered, dead ones aside.
  package func pushPlaces(of user: Identifier?) async throws -> [PushPlace] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT push.* FROM push JOIN device ON device.number = push.device JOIN user ON user.number = device.user
          WHERE push.state <> 'gone' AND (?1 IS NULL OR user.id = ?1)
          """, arguments: [user]
      ).map { try PushRow($0).place }
    }
  }

  // MARK: Hosts

  package func outboundHosts() async throws -> [String] {
    try await read { db in try String.fetchAll(db, sql: "SELECT host FROM outbound_host ORDER BY host") }
  }

  /// Takes another list in the place of the one before.
  package func setOutboundHosts(_ hosts: [String], by user: Identifier, now: Instant) async throws {
    try await write { db in
      let known = try Set(String.fetchAll(db, sql: "SELECT host FROM outbound_host"))
      for host in known.subtracting(hosts) {
        try db.execute(sql: "DELETE FROM outbound_host WHERE host = ?", arguments: [host])
      }
      let number = try Int64.fetchOne(db, sql: "SELECT number FROM user WHERE id = ?", arguments: [user])
      for host in Set(hosts).subtracting(known) {
        try db.execute(
          sql: "INSERT INTO outbound_host (host, added_by, added_at) VALUES (?, ?, ?)", arguments: [host, number, now])
      }
      let changed = known != Set(hosts)
      if changed {
        try ActivityEntry(
          at: now, kind: .outboundHostsChanged, user: number, detail: hosts.sorted().joined(separator: ", ")
        ).insert(db)
      }
    }
  }
}
