import GRDB
import Glibc
import Ground
import Logging

/// What a start does after a crash: every intent is carried out or undone, staging is swept, and the last promises are
/// checked. Runs before the first request, alone on the data directory.
package struct Recovery: Sendable {
  package struct Report: Sendable, Equatable {
    /// Intents that became assets.
    package var completed = 0
    /// Intents whose file was not whole.
    package var undone = 0
    /// Files that belong to no open upload and were removed from staging.
    package var swept = 0
    /// Open uploads whose acknowledged bytes are not there any more.
    package var lostUploads = 0
    /// Ids of assets recorded lately whose file is missing or of another size.
    package var missing: [Identifier] = []
  }

  /// Rows recorded this long before the last one are looked at.
  static let window: Int64 = 10 * 60 * 1000
  static let windowLimit = 10_000

  private let steps: FinishSteps

  package init(catalog: Catalog, staging: Staging, originals: Originals, logger: Logger) {
    steps = FinishSteps(catalog: catalog, staging: staging, originals: originals, logger: logger)
  }

  /// - Throws: `StoreError` where the disk or the catalog refuses; a server must not start then.
  package func run() throws -> Report {
    do {
      var report = Report()
      let intents = try steps.catalog.pool.read { db in try Intent.all(db) }
      // In groups, like the batches they came from.
      for start in stride(from: 0, to: intents.count, by: Finisher.batchLimit) {
        try settle(Array(intents[start..<min(start + Finisher.batchLimit, intents.count)]), &report)
      }
      try settleUploads(&report)
      report.missing = try missing()
      if report.lostUploads > 0 {
        steps.logger.error(
          "\(report.lostUploads) unfinished uploads lost bytes that were on disk: their clients begin anew; check the disk"
        )
      }
      for id in report.missing { steps.originals.lost.insert(id) }
      log(report)
      return report
    } catch { throw StoreError.wrap(error) }
  }

  private func settle(_ intents: [Intent], _ report: inout Report) throws {
    var members: [FinishMember] = []
    for var intent in intents {
      guard try place(&intent) else {
        steps.logger.error(
          "a file that was being stored is not whole; it was never acknowledged, its traces are removed")
        try giveUp(intent)
        report.undone += 1
        continue
      }
      var member = FinishMember(
        request: FinishRequest(
          asset: intent.asset, staged: intent.staged, sidecarStaged: intent.sidecarStaged, upload: intent.upload))
      member.phase = .intended(intent, isMoved: true)
      members.append(member)
    }
    // The list may end in a torn line.
    steps.syncFolders(&members) { list, lines in try list.repair(adding: lines) }
    if let breakdown = steps.record(&members) { throw breakdown }
    // What failed was undone; its client was never told that it is stored, and sends it again.
    for case .done(let result) in members.map(\.phase) {
      if case .success = result { report.completed += 1 } else { report.undone += 1 }
    }
  }

  /// The bytes of an upload were whole and on disk before there was an intent: where they are not now, nobody can vouch
  /// for the rest of them, and the upload is gone.
  private func giveUp(_ intent: Intent) throws {
    var moved = Moved.nothing
    try steps.undo(intent, &moved)
    guard let number = intent.upload else { return }
    try steps.catalog.pool.write { db in try endLost(number, db) }
    steps.removeStaged(intent.staged)
  }

  /// Sees to it that each open upload has its file, and that no other file is in staging.
  private func settleUploads(_ report: inout Report) throws {
    let open = try steps.catalog.pool.read { db in
      try Row.fetchAll(
        db,
        sql: "SELECT number, staged, offset FROM upload WHERE state = 'open' AND kind <> 'final' AND staged NOT NULL"
      )
      .map { (number: $0["number"] as Int64, staged: $0["staged"] as String, offset: $0["offset"] as Int64) }
    }
    var kept: Set<String> = []
    var lost: [Int64] = []
    for upload in open {
      let size = try FileSystem.status(steps.staging.path(upload.staged))?.size ?? 0
      // Nothing was promised of a file without a byte; it is made again when one comes.
      if size < upload.offset {
        lost.append(upload.number)
      } else {
        kept.formUnion([upload.staged, PartialFile.claim(upload.staged)])
      }
    }
    try endFinals()
    if !lost.isEmpty { try steps.catalog.pool.write { db in for number in lost { try endLost(number, db) } } }
    report.lostUploads = lost.count
    report.swept = try steps.staging.sweep(keeping: kept)
  }

  /// A concatenation that was under way: nobody can go on with it, for nothing says what of its parts is in it. They are
  /// whole still, and can be put together again.
  private func endFinals() throws {
    try steps.catalog.pool.write { db in
      for number in try Int64.fetchAll(db, sql: "SELECT number FROM upload WHERE state = 'open' AND kind = 'final'") {
        try endLost(number, db)
      }
    }
  }

  private func endLost(_ number: Int64, _ db: Database) throws {
    try UploadRow.end(db, number, .gone, forgetAt: .now().adding(seconds: UploadRow.goneKept))
  }

  /// Brings an intent's files to their place, wherever the crash left them; false where the original is not whole.
  private func place(_ intent: inout Intent) throws -> Bool {
    // The target comes first: after a power cut a renamed file may still have its old name as well.
    let target =
      try steps.originals.size(intent.key) == intent.asset.size
      && steps.originals.digest(intent.key) == intent.asset.sha1
    let staged = try stagedDigest(intent.staged)
    guard target || staged == intent.asset.sha1 else { return false }
    try placeSidecar(&intent, isMoved: target)
    if target {
      intent.inode = try steps.originals.inode(intent.key)
      steps.removeStaged(intent.staged)
    } else {
      var moved = Moved.nothing
      try steps.moveIn(&intent, &moved)
    }
    return true
  }

  /// Sees to it that `moveIn` finds the sidecar in staging, or that it is in its place already; a lost one is given up.
  private func placeSidecar(_ intent: inout Intent, isMoved: Bool) throws {
    guard let key = intent.sidecarKey, let sha1 = intent.asset.sidecarSHA1, let name = intent.sidecarStaged else {
      return
    }
    if isMoved, try steps.originals.digest(key) == sha1 {
      steps.removeStaged(name)
      return
    }
    if try stagedDigest(name) == sha1 {
      // A stranger's file under the sidecar's name: the sidecar cannot follow its original, which has moved.
      if try !isMoved || steps.originals.moveIn(steps.staging.path(name), key) { return }
    }
    steps.logger.error("a sidecar that was being stored is not whole; its original is kept without it")
    (intent.asset.sidecarSHA1, intent.asset.sidecarSize) = (nil, 0)
    let changed = intent
    try steps.catalog.pool.write { db in try changed.update(db) }
  }

  private func stagedDigest(_ name: String) throws -> SHA1Digest? {
    guard try FileSystem.status(steps.staging.path(name))?.isRegular == true else { return nil }
    return try SHA1Digest(reading: Descriptor(open: steps.staging.path(name), O_RDONLY))
  }

  private func missing() throws -> [Identifier] {
    let rows = try steps.catalog.pool.read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT id, original_key, size FROM asset
          WHERE created_at >= (SELECT max(created_at) FROM asset) - ? ORDER BY created_at DESC LIMIT ?
          """, arguments: [Recovery.window, Recovery.windowLimit])
    }
    return try rows.compactMap { row in
      try steps.originals.size(row["original_key"]) == row["size"] as Int64 ? nil : row["id"]
    }
  }

  private func log(_ report: Report) {
    if report.completed + report.undone + report.swept > 0 {
      steps.logger.notice(
        "after an unclean stop: \(report.completed) uploads completed, \(report.undone) undone, \(report.swept) swept")
    }
    for id in report.missing {
      steps.logger.critical(
        "the file of asset \(id) is missing or not whole: restore it from a backup, or let its owner's clients send it again"
      )
    }
  }
}
