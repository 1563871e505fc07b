import GRDB
import Ground

/// What became of a new or changed user.
package enum UserOutcome: Sendable, Equatable {
  case done(UserRow)
  /// Somebody is there already, and only the first user was wanted.
  case notFirst
  case emailTaken
  /// A password was given without the old one, though the user need not change it.
  case noChangeDue
  /// Without this one nobody could manage the server.
  case lastAdmin
  /// What the person had is being removed.
  case removing
  /// No such user, or (where one was expected) another password hash than the expected one.
  case unknown
}

/// Which logins end together with a change of the password.
package enum EndingSessions: Sendable, Equatable {
  case none
  case all
  case allBut(Identifier)
}

extension Catalog {
  package func hasUser() async throws -> Bool {
    try await read { db in try Catalog.hasUser(db) }
  }

  package func hasAdmin() async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM user WHERE is_admin AND deleted_at IS NULL)") ?? false
    }
  }

  /// Adds a user under the first free folder name: `row.folder`, `row.folder-2`, `row.folder-3` …
  /// - Parameter onlyFirst: nothing happens where there is any user; looked up in the same transaction, so that of two
  ///   that race one wins.
  package func insertUser(_ row: NewUser, passwordHash: String, onlyFirst: Bool) async throws -> UserOutcome {
    try await write { db in
      if onlyFirst, try Catalog.hasUser(db) { return .notFirst }
      if try Catalog.hasEmail(row.email, db) { return .emailTaken }
      try db.execute(
        sql: """
          INSERT INTO user (id, email, name, folder, is_admin, should_change_password, avatar_color, password_hash, quota,
            created_at, updated_at)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          row.id, row.email, row.name, try Catalog.freeFolder(row.folder, db), row.isAdmin, row.shouldChangePassword,
          row.avatarColor, passwordHash, row.quota, row.createdAt, row.createdAt,
        ])
      try ActivityEntry(at: row.createdAt, kind: .userCreated, user: db.lastInsertedRowID, detail: row.name).insert(db)
      return try Catalog.user(row.id, db).map(UserOutcome.done) ?? .unknown
    }
  }

  /// Every user, oldest first.
  package func users(withDeleted: Bool = false) async throws -> [UserRow] {
    try await read { db in
      let condition = withDeleted ? "" : "WHERE deleted_at IS NULL"
      return try Row.fetchAll(db, sql: "SELECT \(UserRow.columns) FROM user \(condition) ORDER BY number").map {
        UserRow($0)
      }
    }
  }

  package func user(_ id: Identifier) async throws -> UserRow? {
    try await read { db in try Catalog.user(id, db) }
  }

  package func user(email: String) async throws -> UserRow? {
    try await credentials(email: email)?.user
  }

  /// A user and the hash of the password.
  package func credentials(email: String) async throws -> (user: UserRow, passwordHash: String)? {
    try await read { db in
      let sql = "SELECT password_hash, \(UserRow.columns) FROM user WHERE email = ? AND deleted_at IS NULL"
      return try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [email]).map { (UserRow($0, at: 1), $0[0]) }
    }
  }

  package func passwordHash(of user: Identifier) async throws -> String? {
    try await read { db in
      try String.fetchOne(db, sql: "SELECT password_hash FROM user WHERE id = ?", arguments: [user])
    }
  }

  /// Stores a new password, which is then no longer one that should be changed.
  /// - Parameter expected: nothing happens where the catalog holds another hash by now; nil takes whatever is there.
  package func setPassword(
    _ hash: String, of user: Identifier, replacing expected: String?, ending: EndingSessions, now: Instant
  ) async throws -> UserOutcome {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE user SET password_hash = ?, should_change_password = 0, updated_at = ?
          WHERE id = ? AND (?4 IS NULL OR password_hash = ?4)
          """, arguments: [hash, now, user, expected])
      guard db.changesCount == 1 else { return .unknown }
      try Catalog.notePassword(of: user, db, now: now)
      try Catalog.end(ending, of: user, db)
      return try Catalog.user(user, db).map(UserOutcome.done) ?? .unknown
    }
  }

  /// The same password under a stronger hash.
  package func strengthenPassword(_ hash: String, of user: Identifier, replacing expected: String) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE user SET password_hash = ? WHERE id = ? AND password_hash = ?", arguments: [hash, user, expected])
    }
  }

  /// Changes what is not nil; a password only where `should_change_password` stands, and that settles it.
  package func updateUser(
    _ id: Identifier, email: String?, name: String?, avatarColor: String?, passwordHash: String?,
    ending: EndingSessions, now: Instant
  ) async throws -> UserOutcome {
    try await write { db in
      if let email {
        let holder = try Identifier.fetchOne(db, sql: "SELECT id FROM user WHERE email = ?", arguments: [email])
        if let holder, holder != id { return .emailTaken }
      }
      if passwordHash != nil {
        guard let user = try Catalog.user(id, db) else { return .unknown }
        guard user.shouldChangePassword else { return .noChangeDue }
      }
      try db.execute(
        sql: """
          UPDATE user SET email = coalesce(?, email), name = coalesce(?, name), avatar_color = coalesce(?, avatar_color),
            should_change_password = CASE WHEN ?4 IS NULL THEN should_change_password ELSE 0 END,
            password_hash = coalesce(?4, password_hash), updated_at = ?
          WHERE id = ?
          """, arguments: [email, name, avatarColor, passwordHash, now, id])
      if passwordHash != nil {
        try Catalog.notePassword(of: id, db, now: now)
        try Catalog.end(ending, of: id, db)
      }
      return try Catalog.user(id, db).map(UserOutcome.done) ?? .unknown
    }
  }

  package func preferences(of user: Identifier) async throws -> String? {
    try await read { db in
      try String?.fetchOne(db, sql: "SELECT preferences FROM user WHERE id = ?", arguments: [user]) ?? nil
    }
  }

  /// Reads, changes and stores in one transaction; the colour too where it is not nil.
  /// - Returns: what is stored now; nil where there is no such user.
  package func updatePreferences(
    of user: Identifier, avatarColor: String?, now: Instant, _ change: @escaping @Sendable (String?) throws -> String
  ) async throws -> String? {
    try await write { db in
      let sql = "SELECT preferences FROM user WHERE id = ?"
      guard let row = try Row.fetchOne(db, sql: sql, arguments: [user]) else { return nil }
      let json = try change(row[0])
      try db.execute(
        sql: "UPDATE user SET preferences = ?, avatar_color = coalesce(?, avatar_color), updated_at = ? WHERE id = ?",
        arguments: [json, avatarColor, now, user])
      return json
    }
  }

  static func notePassword(of user: Identifier, _ db: Database, now: Instant) throws {
    let number = try Int64.fetchOne(db, sql: "SELECT number FROM user WHERE id = ?", arguments: [user])
    try ActivityEntry(at: now, kind: .passwordChanged, user: number).insert(db)
  }

  static func user(_ id: Identifier, _ db: Database) throws -> UserRow? {
    try Row.fetchOne(
      db.cachedStatement(sql: "SELECT \(UserRow.columns) FROM user WHERE id = ?"), arguments: [id]
    ).map { UserRow($0) }
  }

  private static func hasUser(_ db: Database) throws -> Bool {
    try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM user)") ?? false
  }

  static func hasEmail(_ email: String, _ db: Database) throws -> Bool {
    try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM user WHERE email = ?)", arguments: [email]) ?? false
  }

  static func freeFolder(_ wanted: String, _ db: Database) throws -> String {
    let taken = try Set(
      String.fetchAll(
        db, sql: "SELECT lower(folder) FROM user WHERE folder LIKE ? ESCAPE '\\'",
        arguments: [wanted.map { $0 == "_" ? "\\_" : String($0) }.joined() + "%"]))
    if !taken.contains(wanted) { return wanted }
    var number = 2
    while taken.contains("\(wanted)-\(number)") { number += 1 }
    return "\(wanted)-\(number)"
  }

  static func end(_ sessions: EndingSessions, of user: Identifier, _ db: Database) throws {
    let spared: Identifier?
    switch sessions {
    case .none: return
    case .all: spared = nil
    case .allBut(let session): spared = session
    }
    try db.execute(
      sql: "DELETE FROM session WHERE user = (SELECT number FROM user WHERE id = ?) AND id IS NOT ?",
      arguments: [user, spared])
  }
}
