import GRDB
import Ground

/// What an admin changes of somebody; nil leaves a thing as it is.
package struct UserChange: Sendable {
  package var email: String?
  package var name: String?
  package var avatarColor: String?
  package var isAdmin: Bool?
  package var shouldChangePassword: Bool?
  package var passwordHash: String?
  /// Bytes; the inner nil is no limit.
  package var quota: Int64??

  package init() {}
}

extension Catalog {
  /// Changes all of it or nothing. A new password ends the logins that `ending` names.
  package func changeUser(
    _ id: Identifier, _ change: UserChange, ending: EndingSessions, now: Instant
  ) async throws -> UserOutcome {
    try await write { db in
      guard let user = try Catalog.user(id, db) else { return .unknown }
      if let email = change.email {
        let holder = try Identifier.fetchOne(db, sql: "SELECT id FROM user WHERE email = ?", arguments: [email])
        if let holder, holder != id { return .emailTaken }
      }
      if change.isAdmin == false, try Catalog.isLastAdmin(user, db) { return .lastAdmin }
      let quota = change.quota ?? user.quota
      try db.execute(
        sql: """
          UPDATE user SET email = coalesce(?, email), name = coalesce(?, name), avatar_color = coalesce(?, avatar_color),
            is_admin = coalesce(?, is_admin), should_change_password = coalesce(?, should_change_password),
            password_hash = coalesce(?, password_hash), quota = ?, updated_at = ?
          WHERE id = ?
          """,
        arguments: [
          change.email, change.name, change.avatarColor, change.isAdmin, change.shouldChangePassword,
          change.passwordHash, quota, now, id,
        ])
      if change.passwordHash != nil {
        try Catalog.notePassword(of: id, db, now: now)
        try Catalog.end(ending, of: id, db)
      }
      return try Catalog.user(id, db).map(UserOutcome.done) ?? .unknown
    }
  }

  /// Keeps somebody out from now on; what they have stays until `removeDeletedUser`. Their logins end.
  /// - Parameter since: the moment from which the time to restore them counts; an earlier one stays.
  package func markUserDeleted(_ id: Identifier, since: Instant, now: Instant) async throws -> UserOutcome {
    try await write { db in
      guard let user = try Catalog.user(id, db) else { return .unknown }
      if try Catalog.isLastAdmin(user, db) { return .lastAdmin }
      try db.execute(
        sql: "UPDATE user SET deleted_at = min(coalesce(deleted_at, ?1), ?1), updated_at = ?2 WHERE id = ?3",
        arguments: [since, now, id])
      try Catalog.end(.all, of: id, db)
      let number = try Int64.fetchOne(db, sql: "SELECT number FROM user WHERE id = ?", arguments: [id])
      try ActivityEntry(at: now, kind: .userDeleted, user: number, detail: user.name).insert(db)
      return try Catalog.user(id, db).map(UserOutcome.done) ?? .unknown
    }
  }

  /// - Returns: `.removing` where some of what they had is gone already.
  package func restoreUser(_ id: Identifier, now: Instant) async throws -> UserOutcome {
    try await write { db in
      if try Bool.fetchOne(db, sql: "SELECT is_removing FROM user WHERE id = ?", arguments: [id]) == true {
        return .removing
      }
      try db.execute(sql: "UPDATE user SET deleted_at = NULL, updated_at = ? WHERE id = ?", arguments: [now, id])
      return try Catalog.user(id, db).map(UserOutcome.done) ?? .unknown
    }
  }

  package func usersDeleted(before limit: Instant) async throws -> [Identifier] {
    try await read { db in
      try Identifier.fetchAll(
        db, sql: "SELECT id FROM user WHERE deleted_at IS NOT NULL AND deleted_at <= ?", arguments: [limit])
    }
  }

  /// Removes somebody who was deleted at `limit` or before, with albums, keys and open uploads, once no asset of theirs is left.
  /// - Returns: false where one is, or an upload is being stored just now, or they were restored.
  package func removeDeletedUser(_ id: Identifier, before limit: Instant) async throws -> Bool {
    try await write { db in
      try db.execute(
        sql: """
          DELETE FROM user WHERE id = ? AND deleted_at IS NOT NULL AND deleted_at <= ?
            AND NOT EXISTS (SELECT 1 FROM asset WHERE asset.owner = user.number)
            AND NOT EXISTS (SELECT 1 FROM intent WHERE intent.owner = user.number)
          """, arguments: [id, limit])
      return db.changesCount == 1
    }
  }

  private static func isLastAdmin(_ user: UserRow, _ db: Database) throws -> Bool {
    guard user.isAdmin, user.deletedAt == nil else { return false }
    return try Int.fetchOne(db, sql: "SELECT count(*) FROM user WHERE is_admin AND deleted_at IS NULL") == 1
  }
}
