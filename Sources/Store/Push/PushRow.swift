import FoundationEssentials
import GRDB
import Ground

/// Where a registration stands.
package enum PushState: String, Sendable, CaseIterable {
  /// Announced; nothing is sent there but the one message that asks for a confirmation.
  case pending
  case active
  /// The last messages did not get through; the next try is at `retryAt`.
  case backoff
  /// The push service said that there is nobody any more.
  case gone
}

/// A place where a device can be reached, as the catalog keeps it.
package struct PushPlace: Sendable, Equatable {
  /// `webpush`, `apns` or `fcm`.
  package var kind: String
  /// An address, or a token.
  package var endpoint: String
  /// Of Web Push.
  package var key: [UInt8]?
  package var secret: [UInt8]?
  /// Of APNs.
  package var isSandbox: Bool

  package init(kind: String, endpoint: String, key: [UInt8]? = nil, secret: [UInt8]? = nil, isSandbox: Bool = false) {
    (self.kind, self.endpoint, self.key, self.secret) = (kind, endpoint, key, secret)
    self.isSandbox = isSandbox
  }
}

/// When a device's person wants to see nothing, and whether its app can show anything.
package struct PushQuiet: Sendable, Equatable {
  /// A name of the time zone database.
  package var timeZone: String?
  /// Minutes of the day; both or neither.
  package var from: Int64?
  package var to: Int64?
  /// Whether the app can show something at all.
  package var canShow = true

  package init(timeZone: String? = nil, from: Int64? = nil, to: Int64? = nil) {
    (self.timeZone, self.from, self.to) = (timeZone, from, to)
  }
}

package struct PushRow: Sendable, Equatable {
  /// `device.number`.
  package let device: Int64
  package var place: PushPlace
  package var state: PushState
  /// SHA-256.
  package var token: [UInt8]?
  package var tokenExpiresAt: Instant?
  package var registeredAt: Instant
  package var refreshedAt: Instant
  package var confirmedAt: Instant?
  /// In a row.
  package var failures: Int64
  package var retryAt: Instant?
  package var word: String?
  package var quiet: PushQuiet
  /// Of Web Push: the server's key that it was made with.
  package var serverKey: String?

  package init(device: Int64, place: PushPlace, now: Instant) {
    (self.device, self.place, state, quiet) = (device, place, .pending, PushQuiet())
    (registeredAt, refreshedAt, failures) = (now, now, 0)
  }

  init(_ row: Row) throws {
    guard let state = PushState(rawValue: row["state"]) else { throw StoreError.broken("a push state is none") }
    (device, self.state) = (row["device"], state)
    place = PushPlace(
      kind: row["kind"], endpoint: row["endpoint"], key: (row["key"] as Data?).map { Array($0) },
      secret: (row["secret"] as Data?).map { Array($0) }, isSandbox: row["is_sandbox"])
    (token, tokenExpiresAt) = ((row["token"] as Data?).map { Array($0) }, row["token_expires_at"])
    (registeredAt, refreshedAt, confirmedAt) = (row["registered_at"], row["refreshed_at"], row["confirmed_at"])
    (failures, retryAt, word) = (row["failures"], row["retry_at"], row["word"])
    serverKey = row["server_key"]
    quiet = PushQuiet(timeZone: row["time_zone"], from: row["quiet_from"], to: row["quiet_to"])
    quiet.canShow = row["shows"]
  }

  func save(_ db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT OR REPLACE INTO push (device, kind, endpoint, key, secret, is_sandbox, state, token, token_expires_at,
          registered_at, refreshed_at, confirmed_at, failures, retry_at, word, time_zone, quiet_from, quiet_to,
          server_key, shows)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      device, place.kind, place.endpoint, place.key?.databaseBytes, place.secret?.databaseBytes, place.isSandbox,
      state.rawValue, token?.databaseBytes, tokenExpiresAt, registeredAt, refreshedAt, confirmedAt, failures, retryAt,
      word, quiet.timeZone, quiet.from, quiet.to, serverKey, quiet.canShow,
    ])
  }
}
