import GRDB
import Glibc
import Ground
import Logging

/// The finish sequence for a batch: intents, renames, syncs, rows. A member that fails is undone by itself.
/// Runs on the finish queue, or at start before there is one.
struct FinishSteps: Sendable {
  let catalog: Catalog
  let staging: Staging
  let originals: Originals
  let logger: Logger
  let leftovers = Leftovers()

  /// Brings every member to `.done` or `.deferred`.
  /// - Parameter next: gives the members to go on with; their intents are written in the transaction that records these.
  /// - Returns: an error after which the catalog must not be written to before a restart; some members stay as they are
  ///   on disk then, and the next start's recovery decides about them.
  func finishIntended(_ members: inout [FinishMember], next: () -> [FinishMember] = { [] }) -> (
    next: [FinishMember], breakdown: StoreError?
  ) {
    restore(&members)
    move(&members)
    syncFolders(&members) { list, lines in try list.append(lines) }
    // Undoing comes before anything else.
    var following = leftovers.isEmpty ? next() : []
    let breakdown = record(&members, intending: &following)
    return (following, breakdown)
  }

  // MARK: Transaction A

  /// Finds duplicates, checks quotas, reserves names and writes the intents, in a transaction of their own.
  func intend(_ members: inout [FinishMember]) {
    settleLeftovers()
    do {
      members = try transaction { [members] db, sharing in try intended(members, db, sharing) }
      forgetAnnounced(members)
    } catch {
      for index in members.indices { members[index].phase = .done(.failure(catalog.wrap(error))) }
    }
    settleIntended(members)
  }

  /// The members as they are once the transaction is on disk.
  /// - Parameter failed: intents whose members are about to be undone: who sends the same bytes waits for that.
  private func intended(
    _ members: [FinishMember], _ db: Database, _ sharing: Sharing, failed: Set<Int64> = []
  ) throws -> [FinishMember] {
    var members = members
    // Looked at once for the batch; a duplicate needs no room.
    var batch = Batch(room: Result { try staging.checkReserve() }, numbers: failed)
    for index in members.indices {
      let request = members[index].request
      // Also where it is refused: its bytes wait in staging then, and its client may know its address.
      if let upload = request.upload {
        try sharing.run(db) {
          try catalog.announced.record(upload, db)
        } failed: {
          members[index].phase = .done(.failure($0))
        }
      }
      guard case .new = members[index].phase else { continue }
      try sharing.run(db) {
        try admit(&members[index], db, batch)
      } failed: {
        members[index].phase = .done(.failure($0))
      }
      if case .intended(let intent, _) = members[index].phase {
        batch.numbers.insert(intent.number)
        batch.reserved[request.asset.owner.number, default: 0] += request.asset.bytes
      }
    }
    return members
  }

  /// Their rows came to disk with the intents. Where that failed they wait on: their clients may know the addresses.
  private func forgetAnnounced(_ members: [FinishMember]) {
    catalog.announced.forget(members.compactMap(\.request.upload))
  }

  /// What may happen only when the transaction with the intents is over.
  private func settleIntended(_ members: [FinishMember]) {
    for member in members {
      if member.hadEnded, let upload = member.request.upload { logEnded(upload) }
      switch member.phase {
      case .done(let result):
        if case .success(.duplicate) = result { CrashPoint.duplicateFound.pass() }
        discard(member.request, result)
      case .intended: CrashPoint.intentsCommitted.pass()
      case .new, .deferred, .lost: break
      }
    }
  }

  // MARK: Lost files

  /// Gives files back to rows that lost theirs. The row is there already, so that a crash at any point costs nothing but
  /// what the client sends again.
  private func restore(_ members: inout [FinishMember]) {
    for index in members.indices {
      guard case .lost(let stored) = members[index].phase else { continue }
      let request = members[index].request
      let result: Result<FinishOutcome, any Error>
      do {
        try restore(stored, request)
        result = .success(.duplicate(stored.id))
      } catch {
        result = .failure(catalog.wrap(error))
      }
      members[index].phase = .done(result)
      discard(request, result)
    }
  }

  private func restore(_ stored: StoredOriginal, _ request: FinishRequest) throws {
    // A twin in this batch may have been faster.
    if try originals.size(stored.key) != stored.size {
      try staging.checkReserve()
      if try originals.exists(stored.key) { try originals.setAside(stored.key) }
      guard try originals.moveIn(staging.path(request.staged), stored.key) else {
        throw StoreError.broken("the name of a lost original was taken while it was restored")
      }
      let (folder, name) = splitKey(stored.key)
      do {
        try originals.list(folder: folder).repair(adding: [ChecksumList.Line(sha1: request.asset.sha1, name: name)])
        try originals.sync(folder: folder)
      } catch {
        // An upload that is not recorded as complete keeps its file.
        if request.upload != nil { try originals.moveOut(stored.key, staging.path(request.staged)) }
        throw error
      }
      logger.notice("the lost file of asset \(stored.id) was received again")
    }
    originals.lost.remove(stored.id)
    // From here on its row alone would tell a lie: the file has gone where it belongs.
    if let upload = request.upload {
      let isEnded = try catalog.pool.write { db in
        try UploadRow.complete(db, upload, isNew: false, stored.id, request.asset)
      }
      if !isEnded { logEnded(upload) }
    }
  }

  /// What the earlier members of a batch mean for the next.
  private struct Batch {
    /// Whether the reserve of free space is untouched.
    let room: Result<Void, any Error>
    /// Of intents whose bytes are on their way in or back.
    var numbers: Set<Int64>
    /// Bytes by owner.
    var reserved: [Int64: Int64] = [:]
  }

  /// The photo is stored all the same: nobody is told less than is true. Called once the transaction is over, which may
  /// run twice.
  private func logEnded(_ upload: Int64) { logger.error("upload \(upload) had ended before its photo was stored") }

  private func admit(_ member: inout FinishMember, _ db: Database, _ batch: Batch) throws {
    let request = member.request
    let asset = request.asset
    if let stored = try StoredOriginal.find(db, asset.sha1, owner: asset.owner.number) {
      // A row whose file is gone must not keep the bytes away that would heal it.
      guard try originals.size(stored.key) == stored.size else {
        member.phase = .lost(stored)
        return
      }
      if let upload = request.upload {
        member.hadEnded = try !UploadRow.complete(db, upload, isNew: false, stored.id, asset)
      }
      member.phase = .done(.success(.duplicate(stored.id)))
      return
    }
    if let twin = try Int64.fetchOne(
      db.cachedStatement(sql: "SELECT number FROM intent WHERE owner = ? AND sha1 = ?"),
      arguments: [asset.owner.number, asset.sha1])
    {
      guard batch.numbers.contains(twin) else {
        throw StoreError.broken("an earlier attempt at these bytes could not be undone yet")
      }
      member.phase = .deferred
      return
    }
    try batch.room.get()
    guard
      let account = try Row.fetchOne(
        db.cachedStatement(sql: "SELECT quota, used FROM user WHERE number = ? AND deleted_at IS NULL"),
        arguments: [asset.owner.number])
    else { throw FinishError.ownerGone }
    if let quota = account["quota"] as Int64?,
      (account["used"] as Int64) + batch.reserved[asset.owner.number, default: 0] + asset.bytes > quota
    {
      throw FinishError.quotaExceeded
    }
    if let id = asset.livePhotoVideo { _ = try FinishError.liveVideo(db, id, owner: asset.owner.number) }
    var intent = Intent(
      staged: request.staged, sidecarStaged: request.sidecarStaged, key: try freeKey(for: asset, db), asset: asset,
      upload: request.upload)
    try intent.insert(db)
    member.phase = .intended(intent, isMoved: false)
  }

  /// The first free key: the name itself, then `+1`, `+2` … Doubles its stride and halves it again, so that the
  /// ten-thousandth `IMG_0001.JPG` of a month costs 27 looks.
  private func freeKey(for asset: NewAsset, _ db: Database) throws -> String {
    let name = SafeName.make(asset.originalName)
    func key(_ number: Int) -> String {
      Originals.key(folder: asset.owner.folder, time: asset.wallClock, name: name, number: number)
    }
    func isFree(_ number: Int) throws -> Bool {
      let key = key(number)
      if try Bool.fetchOne(
        db.cachedStatement(
          sql: """
            SELECT EXISTS (SELECT 1 FROM asset WHERE place = ?1) OR EXISTS (SELECT 1 FROM intent WHERE place = ?1)
              OR EXISTS (SELECT 1 FROM removal WHERE place = ?1 AND state = 'announced')
            """), arguments: [Originals.place(of: key)]) == true
      {
        return false
      }
      // Files that a person put there by hand count too.
      if try originals.exists(key) { return false }
      return try asset.sidecarSHA1 == nil || !originals.exists(key + ".xmp")
    }
    if try isFree(0) { return key(0) }
    var (taken, free) = (0, 1)
    while try !isFree(free) {
      guard free < 1 << 24 else { throw StoreError.broken("no free name in a folder of originals") }
      (taken, free) = (free, free * 2)
    }
    while free - taken > 1 {
      let middle = (taken + free) / 2
      if try isFree(middle) { free = middle } else { taken = middle }
    }
    return key(free)
  }

  // MARK: Renames

  private func move(_ members: inout [FinishMember]) {
    for index in members.indices {
      guard case .intended(var intent, isMoved: false) = members[index].phase else { continue }
      var moved = Moved.nothing
      do {
        try moveIn(&intent, &moved)
        members[index].phase = .intended(intent, isMoved: true)
        CrashPoint.renamed.pass()
      } catch {
        fail(&members[index], intent, moved, error)
      }
    }
  }

  /// Renames the file, and its sidecar after it. Where somebody else's file took the name meanwhile, another is chosen,
  /// recorded, and tried.
  /// - Parameter moved: what is in originals, also where this throws.
  func moveIn(_ intent: inout Intent, _ moved: inout Moved) throws {
    for _ in 0..<8 {
      if try moveInOnce(&intent, &moved) { return }
      var next = intent
      try catalog.pool.write { db in
        next.key = try freeKey(for: intent.asset, db)
        try next.update(db)
      }
      intent = next
    }
    throw StoreError.broken("names in a folder of originals are taken faster than they are found")
  }

  /// False where a name is taken.
  private func moveInOnce(_ intent: inout Intent, _ moved: inout Moved) throws -> Bool {
    intent.inode = try FileSystem.status(staging.path(intent.staged))?.inode
    guard try originals.moveIn(staging.path(intent.staged), intent.key) else { return false }
    moved = .original
    if let sidecar = intent.sidecarStaged, let sidecarKey = intent.sidecarKey {
      let isTaken = Result { try !originals.moveIn(staging.path(sidecar), sidecarKey) }
      guard case .success(false) = isTaken else {
        try originals.moveOut(intent.key, staging.path(intent.staged))
        moved = .nothing
        return try !isTaken.get()
      }
    }
    moved = .all
    return true
  }

  // MARK: Folders

  /// Writes the checksum lists and syncs each folder once.
  func syncFolders(_ members: inout [FinishMember], list: (ChecksumList, [ChecksumList.Line]) throws -> Void) {
    var folders: [String: [Int]] = [:]
    for index in members.indices {
      guard case .intended(let intent, isMoved: true) = members[index].phase else { continue }
      folders[splitKey(intent.key).folder, default: []].append(index)
    }
    for (folder, indices) in folders {
      let intents = indices.compactMap { index -> Intent? in
        guard case .intended(let intent, _) = members[index].phase else { return nil }
        return intent
      }
      do {
        try list(try originals.list(folder: folder), intents.flatMap(\.lines))
        try originals.sync(folder: folder)
        CrashPoint.folderSynced.pass()
      } catch {
        for (index, intent) in zip(indices, intents) { fail(&members[index], intent, .all, error) }
      }
    }
  }

  // MARK: Transaction B

  /// Turns intents into rows.
  func record(_ members: inout [FinishMember]) -> StoreError? {
    var none: [FinishMember] = []
    return record(&members, intending: &none)
  }

  /// The same, and writes the intents of the `following` members in the same transaction: one sync less a batch
  /// while uploads keep coming.
  func record(_ members: inout [FinishMember], intending following: inout [FinishMember]) -> StoreError? {
    let indices = members.indices.filter { if case .intended = members[$0].phase { true } else { false } }
    guard !indices.isEmpty else {
      if !following.isEmpty { intend(&following) }
      return nil
    }
    var failures: [(index: Int, intent: Intent, error: any Error)] = []
    var ended: [Int64] = []
    var isFollowingIntended = true
    let now = Instant.now()
    do {
      following = try transaction { [members, following] db, sharing in
        (failures, ended) = ([], [])
        for index in indices {
          guard case .intended(let intent, _) = members[index].phase else { continue }
          try sharing.run(db) {
            if try !intent.record(db, now: now), let upload = intent.upload { ended.append(upload) }
          } failed: {
            failures.append((index, intent, $0))
          }
        }
        return try intended(following, db, sharing, failed: Set(failures.map(\.intent.number)))
      }
    } catch let error as DatabaseError where error.isWantOfRoom || error.resultCode == .SQLITE_BUSY {
      // Rolled back. (Frames that the log got before its index could not grow are overwritten by the undoing below.)
      failures = indices.compactMap { index in
        guard case .intended(let intent, _) = members[index].phase else { return nil }
        return (index, intent, StoreError.wrap(error))
      }
      (ended, isFollowingIntended) = ([], false)
    } catch {
      // Whether the commit is on disk shows only when SQLite reads its log again. Files and intents stay as they are:
      // recovery finds the rows, or makes them.
      logger.critical("the catalog failed while recording; uploads are refused until a restart: \(error)")
      return error as? StoreError ?? .broken("the catalog failed: \(error)")
    }
    ended.forEach(logEnded)
    for failure in failures { fail(&members[failure.index], failure.intent, .all, failure.error) }
    for index in indices {
      guard case .intended(let intent, _) = members[index].phase else { continue }
      members[index].phase = .done(.success(.created(intent.asset.id)))
      CrashPoint.recorded.pass()
    }
    if following.isEmpty { return nil }
    if isFollowingIntended {
      forgetAnnounced(following)
      settleIntended(following)
    } else {
      intend(&following)
    }
    return nil
  }
}
