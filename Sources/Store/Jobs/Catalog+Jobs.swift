import FoundationEssentials
import GRDB
import Ground

extension Catalog {
  /// Longest reason that is kept, in characters.
  private static let reasonLimit = 300
  /// Jobs that are changed in one transaction: some 50 milliseconds of the writer's time.
  private static let jobChunk = 10_000

  /// Takes the newest photo's job that is ready, of the first kind that has one; nil where there is none. The try is
  /// counted, on disk, before it begins.
  package func claimJob(kinds: [String], now: Instant = .now()) async throws -> ClaimedJob? {
    try await writeTogether { db in
      try db.execute(
        sql: "UPDATE job SET state = 'waiting', not_before = NULL WHERE state = 'later' AND not_before <= ?",
        arguments: [now])
      for kind in kinds {
        let row = try Row.fetchOne(
          db.cachedStatement(
            sql: """
              SELECT job.asset, job.attempts, asset.id, asset.original_key, asset.mime_type, asset.kind AS media_kind,
                asset.size
              FROM job JOIN asset ON asset.number = job.asset
              WHERE job.kind = ? AND job.state = 'waiting' ORDER BY job.asset DESC LIMIT 1
              """), arguments: [kind])
        guard let row else { continue }
        let job = ClaimedJob(
          asset: row["asset"], kind: kind, id: row["id"], originalKey: row["original_key"],
          mimeType: row["mime_type"], mediaKind: row["media_kind"], size: row["size"],
          attempts: (row["attempts"] as Int) + 1)
        try db.cachedStatement(sql: "UPDATE job SET state = 'running', attempts = ? WHERE asset = ? AND kind = ?")
          .execute(arguments: [job.attempts, job.asset, kind])
        return job
      }
      return nil
    }
  }

  /// Records how a try ended. Nothing happens where the asset is gone.
  package func endJob(_ job: ClaimedJob, _ ending: JobEnding) async throws {
    try await writeTogether { db in
      guard try job.isOfItsAsset(db) else { return }
      func set(_ state: String, _ reason: String?, at time: Instant? = nil, uncounted: Bool = false) throws {
        try db.cachedStatement(
          sql:
            "UPDATE job SET state = ?, reason = ?, not_before = ?, attempts = attempts - ? WHERE asset = ? AND kind = ?"
        ).execute(
          arguments: [
            state, reason.map { String($0.prefix(Catalog.reasonLimit)) }, time, uncounted ? 1 : 0, job.asset, job.kind,
          ])
      }
      switch ending {
      case .done:
        try db.cachedStatement(sql: "DELETE FROM job WHERE asset = ? AND kind = ?")
          .execute(arguments: [job.asset, job.kind])
      case .later(let time, let reason): try set("later", reason, at: time)
      case .blocked(let reason): try set("blocked", reason, uncounted: true)
      case .failed(let reason): try set("failed", reason)
      case .interrupted: try set("waiting", nil, uncounted: true)
      }
    }
  }

  /// At start: what was running when the process before this one ended is tried again, unless it was tried `limit` times.
  /// - Returns: how many were given up.
  @discardableResult
  package func resumeJobs(limit: Int) async throws -> Int {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE job SET state = 'failed', reason = 'the server ended each time while it worked on this file'
          WHERE state = 'running' AND attempts >= ?
          """, arguments: [limit])
      let givenUp = db.changesCount
      try db.execute(sql: "UPDATE job SET state = 'waiting' WHERE state = 'running'")
      return givenUp
    }
  }

  /// The tools of a kind are there (again).
  /// - Returns: how many jobs had waited for them.
  @discardableResult
  package func unblockJobs(kind: String) async throws -> Int {
    // Asked every few minutes: an empty answer writes nothing.
    guard try await jobStates(kind: kind).blocked > 0 else { return 0 }
    return try await changeJobs(kind, "UPDATE job SET state = 'waiting', reason = NULL", in: "blocked")
  }

  /// Adds a job where the asset has none of this kind, for pictures that vanished from the disk.
  /// - Returns: whether one was added.
  @discardableResult
  package func addJob(_ id: Identifier, kind: String) async throws -> Bool {
    let isThere = try await read { db in
      try Bool.fetchOne(
        db.cachedStatement(
          sql:
            "SELECT EXISTS (SELECT 1 FROM job JOIN asset ON asset.number = job.asset WHERE asset.id = ? AND job.kind = ?)"
        ),
        arguments: [id, kind]) == true
    }
    if isThere { return false }
    return try await writeTogether { db in
      try db.cachedStatement(
        sql: "INSERT INTO job (asset, kind) SELECT number, ?2 FROM asset WHERE id = ?1 ON CONFLICT DO NOTHING"
      ).execute(arguments: [id, kind])
      return db.changesCount > 0
    }
  }

  package func jobStates(kind: String) async throws -> JobStates {
    try await read { db in
      var states = JobStates()
      let rows = try Row.fetchCursor(
        db.cachedStatement(sql: "SELECT state, count(*) AS count FROM job WHERE kind = ? GROUP BY state"),
        arguments: [kind])
      while let row = try rows.next() {
        let count: Int = row["count"]
        switch row["state"] as String {
        case "waiting": states.waiting = count
        case "running": states.running = count
        case "later": states.later = count
        case "blocked": states.blocked = count
        case "failed": states.failed = count
        case let state: throw StoreError.broken("a job has the unknown state \(state)")
        }
      }
      return states
    }
  }

  /// When the next job that waits out a pause is due; nil where none does.
  package func nextJobTime() async throws -> Instant? {
    try await read { db in try Instant.fetchOne(db, sql: "SELECT min(not_before) FROM job WHERE state = 'later'") }
  }

  /// Jobs that were given up, the newest assets first.
  package func failedJobs(kind: String, limit: Int) async throws -> [JobFailure] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT asset.id, owner.id AS owner, asset.original_name, job.attempts, job.reason
          FROM job JOIN asset ON asset.number = job.asset JOIN user AS owner ON owner.number = asset.owner
          WHERE job.kind = ? AND job.state = 'failed' ORDER BY job.asset DESC LIMIT ?
          """, arguments: [kind, limit]
      ).map { row in
        JobFailure(
          asset: row["id"], owner: row["owner"], kind: kind, originalName: [UInt8](row["original_name"] as Data),
          attempts: row["attempts"], reason: row["reason"] ?? "")
      }
    }
  }

  /// Tries everything of a kind once more that was given up.
  /// - Returns: how many.
  package func retryFailedJobs(kind: String) async throws -> Int {
    try await changeJobs(kind, "UPDATE job SET state = 'waiting', attempts = 0, reason = NULL", in: "failed")
  }

  /// Everything of a kind once more, but for what is running.
  /// - Returns: how many.
  package func addAllJobs(kind: String) async throws -> Int {
    var (count, last): (Int, Int64) = (0, 0)
    while true {
      let from = last
      let (changed, end) = try await write { db in
        let end = try Int64.fetchOne(
          db, sql: "SELECT max(number) FROM (SELECT number FROM asset WHERE number > ? ORDER BY number LIMIT ?)",
          arguments: [from, Catalog.jobChunk])
        try db.execute(
          sql: """
            INSERT INTO job (asset, kind) SELECT number, ?1 FROM asset WHERE number > ?2 AND number <= ?3
            ON CONFLICT DO UPDATE SET state = 'waiting', attempts = 0, reason = NULL, not_before = NULL
            WHERE state <> 'running'
            """, arguments: [kind, from, end])
        return (db.changesCount, end)
      }
      guard let end else { return count }
      (count, last) = (count + changed, end)
    }
  }

  /// Removes what was given up.
  /// - Returns: how many.
  package func forgetFailedJobs(kind: String) async throws -> Int {
    try await changeJobs(kind, "DELETE FROM job", in: "failed")
  }

  /// Does something with every job of a kind and state, which must leave that state; piece by piece, so that uploads are
  /// recorded in between.
  private func changeJobs(_ kind: String, _ change: String, in state: String) async throws -> Int {
    var count = 0
    while true {
      let changed = try await write { db in
        try db.execute(
          sql: """
            \(change) WHERE kind = ?1 AND asset IN (SELECT asset FROM job WHERE kind = ?1 AND state = ?2 LIMIT ?3)
            """, arguments: [kind, state, Catalog.jobChunk])
        return db.changesCount
      }
      if changed == 0 { return count }
      count += changed
    }
  }

  package func pausedQueues() async throws -> Set<String> {
    try await read { db in try Set(String.fetchAll(db, sql: "SELECT kind FROM paused_queue")) }
  }

  package func setQueue(_ kind: String, paused: Bool) async throws {
    try await write { db in
      if paused {
        try db.execute(sql: "INSERT INTO paused_queue (kind) VALUES (?) ON CONFLICT DO NOTHING", arguments: [kind])
      } else {
        try db.execute(sql: "DELETE FROM paused_queue WHERE kind = ?", arguments: [kind])
      }
    }
  }
}
