import FoundationEssentials
import GRDB
import Ground

extension Catalog {
  /// Records an upload; on disk when this returns.
  package func insert(_ upload: NewUpload) async throws -> UploadRow {
    guard let row = try await insert(upload, unlessOpen: .max) else {
      throw StoreError.broken("more uploads are open than can be counted")
    }
    return row
  }

  /// As `insert`, unless the owner has that many open ones already: nil then. Counted in the same transaction, so that
  /// creations at the same moment do not pass the limit together.
  /// - Parameter ending: where it is over at once: how, and when that is forgotten. It takes no place among the open ones.
  package func insert(
    _ upload: NewUpload, unlessOpen limit: Int, ending: (state: UploadRow.State, forgetAt: Instant)? = nil
  ) async throws -> UploadRow? {
    let row: UploadRow? = try await writeTogether { [boot, announced] db in
      guard try UploadRow.countOpen(db, owner: upload.owner) < limit else { return nil }
      let owner = try Identifier.fetchOne(
        db, sql: "SELECT id FROM user WHERE number = ?", arguments: [upload.owner.number])
      guard let owner else { throw StoreError.broken("the owner is gone") }
      let row = UploadRow(upload, number: try announced.number(db), ownerID: owner, boot: boot, at: .now())
      try row.insert(db)
      guard let ending else { return row }
      try UploadRow.end(db, row.number, ending.state, forgetAt: ending.forgetAt)
      return try UploadRow.all(db, "upload.number = ?", [row.number]).first
    }
    CrashPoint.uploadInserted.pass()
    return row
  }

  package func upload(token: [UInt8]) async throws -> UploadRow? {
    try await recordAnnounced { $0.token == token }
    return try await read { db in try UploadRow.all(db, "upload.token = ?", [token.databaseBytes]).first }
  }

  /// Whether an attempt to store it is under way, or could not be undone.
  func hasIntent(upload number: Int64) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(
        db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM intent WHERE upload = ?)"), arguments: [number]) ?? false
    }
  }

  /// Names in staging that the catalog speaks of.
  func stagedNames() async throws -> Set<String> {
    let recorded = try await read { db in
      try String.fetchSet(
        db,
        sql: """
          SELECT staged FROM upload WHERE staged NOT NULL UNION SELECT staged FROM intent
          UNION SELECT sidecar_staged FROM intent WHERE sidecar_staged NOT NULL
          """)
    }
    return recorded.union(announced.all { _ in true }.compactMap(\.staged))
  }

  /// By the id that its asset was to get; the newest where a client named one twice.
  package func upload(asset: Identifier) async throws -> UploadRow? {
    try await recordAnnounced { $0.asset == asset }
    return try await read { db in
      try UploadRow.all(db, "upload.asset = ? ORDER BY upload.number DESC LIMIT 1", [asset]).first
    }
  }

  /// Those of one person that are open, newest first.
  package func openUploads(owner: Identifier) async throws -> [UploadRow] {
    try await recordAnnounced { $0.ownerID == owner }
    return try await read { db in
      try UploadRow.all(
        db,
        "upload.owner = (SELECT number FROM user WHERE id = ?) AND upload.state = 'open' ORDER BY upload.number DESC",
        [owner])
    }
  }

  /// The open upload of one person with these announced bytes and the highest offset; one without a recorded byte may be
  /// left out.
  package func openUpload(sha1: SHA1Digest, owner: Identifier) async throws -> UploadRow? {
    try await read { db in
      try UploadRow.all(
        db,
        """
        upload.owner = (SELECT number FROM user WHERE id = ?) AND upload.claimed_sha1 = ? AND upload.state = 'open'
        ORDER BY upload.offset DESC, upload.number DESC LIMIT 1
        """, [owner, sha1]
      ).first
    }
  }

  /// What the open uploads of one person hold, in bytes.
  package func stagedUploads(owner: Owner) async throws
    -> [(number: Int64, token: [UInt8], kind: String, offset: Int64, length: Int64?)]
  {
    let announced = announced.all { $0.owner == owner }
    let recorded = try await read { db in
      try Row.fetchAll(
        db.cachedStatement(
          sql: "SELECT number, token, kind, offset, length FROM upload WHERE owner = ? AND state = 'open'"),
        arguments: [owner.number]
      ).map {
        (
          $0["number"] as Int64, [UInt8]($0["token"] as Data), $0["kind"] as String, $0["offset"] as Int64,
          $0["length"] as Int64?
        )
      }
    }
    let known = Set(recorded.map(\.0))
    return recorded.map { ($0.0, $0.1, $0.2, $0.3, $0.4) }
      + announced.filter { !known.contains($0.number) }.map { ($0.number, $0.token, $0.kind, $0.offset, $0.length) }
  }

  /// Open uploads whose time is over; at most 1000, the oldest first.
  package func expiredUploads(_ now: Instant) async throws -> [UploadRow] {
    try await read { db in
      try UploadRow.all(
        db, "upload.expires_at <= ? AND upload.state = 'open' ORDER BY upload.expires_at LIMIT 1000", [now])
    }
  }

  /// Moves offsets forward. Together with whoever else asks at the moment, in one transaction (as `Finisher` does);
  /// on disk when this returns. The files' bytes must be on disk before.
  /// - Throws: `StoreError.uploadEnded` where the upload is not open any more; `.broken` where its offset would fall.
  package func checkpoint(_ checkpoint: UploadCheckpoint) async throws {
    let now = Instant.now()
    try await writeTogether { [boot, announced] db in
      try announced.record(checkpoint.number, db)
      try db.cachedStatement(
        sql: """
          UPDATE upload SET offset = ?2, sha1_state = ?3, length = coalesce(length, ?4), active_at = ?5,
            expires_at = ?6, boot = ?7
          WHERE number = ?1 AND state = 'open' AND offset <= ?2
          """
      ).execute(arguments: [
        checkpoint.number, checkpoint.offset, checkpoint.sha1State?.databaseBytes, checkpoint.length, now,
        checkpoint.expiresAt, boot,
      ])
      guard db.changesCount == 0 else { return }
      let isOpen = try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM upload WHERE number = ? AND state = 'open')",
        arguments: [checkpoint.number])
      throw isOpen == true ? StoreError.broken("the offset of an upload would fall") : StoreError.uploadEnded
    }
    announced.forget([checkpoint.number])
  }

  /// Ends an open upload; the row stays as a tombstone until `forgetAt`. Its file is the caller's to remove, after this.
  /// - Parameter size: its offset and its length from now on; nil leaves both.
  /// - Returns: whether it was open.
  @discardableResult
  package func end(
    upload number: Int64, _ state: UploadRow.State, size: Int64? = nil, forgetAt: Instant
  ) async throws -> Bool {
    let isEnded = try await writeTogether { [announced] db in
      try announced.record(number, db)
      return try UploadRow.end(db, number, state, size: size, forgetAt: forgetAt)
    }
    announced.forget([number])
    return isEnded
  }

  /// Forgets how an upload ended: its client removed it. The row stays as a tombstone until `forgetAt`.
  package func bury(upload number: Int64, forgetAt: Instant) async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE upload SET state = 'gone', is_new = NULL, result_asset = NULL, result_sha1 = NULL,
            failure_code = NULL, failure_message = NULL, details = '{}', expires_at = ?
          WHERE number = ? AND state <> 'open'
          """, arguments: [forgetAt, number])
    }
  }

  /// Deletes ended uploads whose time is over, and the oldest of a person who has more than `limit` of them; how many.
  package func forgetUploads(_ now: Instant, keeping limit: Int = UploadRow.endedLimit) async throws -> Int {
    try await write { db in
      try db.execute(sql: "DELETE FROM upload WHERE expires_at <= ? AND state <> 'open'", arguments: [now])
      let old = db.changesCount
      try db.execute(
        sql: """
          DELETE FROM upload WHERE number IN (
            SELECT number FROM (
              SELECT number, row_number() OVER (PARTITION BY owner ORDER BY number DESC) AS place
              FROM upload WHERE state <> 'open')
            WHERE place > ?)
          """, arguments: [limit])
      return old + db.changesCount
    }
  }
}

extension UploadRow {
  static func all(_ db: Database, _ condition: String, _ arguments: StatementArguments) throws -> [UploadRow] {
    try Row.fetchAll(db.cachedStatement(sql: "\(selection) WHERE \(condition)"), arguments: arguments)
      .map { try UploadRow($0) }
  }

  static func countOpen(_ db: Database, owner: Owner) throws -> Int {
    try Int.fetchOne(
      db.cachedStatement(sql: "SELECT count(*) FROM upload WHERE owner = ? AND state = 'open'"),
      arguments: [owner.number]) ?? 0
  }

  /// Records a new upload; nothing happens where its number is recorded already, or its person is gone: their row must
  /// not keep the others of a transaction from being written.
  func insert(_ db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO upload (number, token, asset, owner, kind, rule, length, claimed_sha1, claimed_sha256, staged,
          details, created_at, active_at, expires_at, boot)
        SELECT ?, ?, ?, ?4, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM user WHERE number = ?4)
        ON CONFLICT (number) DO NOTHING
        """
    ).execute(arguments: [
      number, token.databaseBytes, asset, owner.number, kind, rule, length, claimedSHA1, claimedSHA256?.databaseBytes,
      staged, details, createdAt, activeAt, expiresAt, boot,
    ])
  }

  /// Within the transaction that makes the asset, or finds it there; whether the upload was open.
  static func complete(
    _ db: Database, _ number: Int64, isNew: Bool, _ asset: Identifier, _ received: NewAsset
  ) throws -> Bool {
    let forgetAt = Instant.now().adding(seconds: answerKept)
    return try end(
      db, number, .complete(isNew: isNew, asset: asset, sha1: received.sha1), size: received.size, forgetAt: forgetAt)
  }

  /// Ends an open upload within a transaction; whether it was open.
  /// - Parameter size: its offset and its length from now on; nil leaves both.
  @discardableResult
  static func end(
    _ db: Database, _ number: Int64, _ state: State, size: Int64? = nil, forgetAt: Instant
  ) throws -> Bool {
    var values: (isNew: Bool?, asset: Identifier?, sha1: SHA1Digest?) = (nil, nil, nil)
    var failure: (code: String?, message: String?) = (nil, nil)
    switch state {
    case .open: throw StoreError.broken("an upload cannot end open")
    case .complete(let isNew, let asset, let sha1): values = (isNew, asset, sha1)
    case .failed(let code, let message): failure = (code, message)
    case .gone: break
    }
    try db.cachedStatement(
      sql: """
        UPDATE upload SET state = ?2, is_new = ?3, result_asset = ?4, result_sha1 = ?5, failure_code = ?6,
          failure_message = ?7, expires_at = ?8, offset = coalesce(?9, offset), length = coalesce(?9, length),
          staged = NULL, sha1_state = NULL, details = CASE WHEN ?2 = 'gone' THEN '{}' ELSE details END
        WHERE number = ?1 AND state = 'open'
        """
    ).execute(arguments: [
      number, state.name, values.isNew, values.asset, values.sha1, failure.code, failure.message, forgetAt, size,
    ])
    return db.changesCount == 1
  }
}
