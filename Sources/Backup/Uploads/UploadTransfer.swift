import Ground
import Store
import Synchronization

/// What an `UploadWriter` does: a part on its way into its upload's file. Runs on `lane`; it alone holds the seat.
final class UploadTransfer: Sendable {
  enum Phase {
    case receiving
    /// `end` left a whole multipart body to its door.
    case wholeBody
    case over
  }

  struct State {
    var phase = Phase.receiving
    /// Of what came, where the part has a claim.
    var claim: RunningDigest?
    /// Offset and time of the last checkpoint.
    var marked: (offset: Int64, at: MonotonicTime)
    var pace: Pace
    /// What `write` refused for good: decides how `cut` ends.
    var refusal: BackupError?
    /// The file's beginning, where this transfer brought it.
    var head: [UInt8]?
    /// What the owner's quota left for the whole when it stood at `seenAt`; nil without a quota.
    var quota: (room: Int64, seenAt: Int64)?
  }

  /// Bytes of the current window.
  struct Pace {
    var since: MonotonicTime
    var bytes = 0
    /// The door says what it reads: `write` need not count.
    var isHeard = false
  }

  let lane: Lane
  let uploads: Uploads
  /// Nil where an outcome is replayed.
  let held: Uploads.Held?
  let part: UploadPart?
  /// Of the whole, where known.
  let length: Int64?
  private let replayed: UploadStatus?
  private let flight: Flight?
  let state: Mutex<State>

  init(uploads: Uploads, held: Uploads.Held, part: UploadPart, length: Int64?, quota: Int64?) {
    (self.uploads, self.held, self.part, self.length) = (uploads, held, part, length)
    replayed = nil
    lane = uploads.desk.lane()
    let isPart = held.row.kind == UploadKind.partial.rawValue
    flight = isPart ? nil : uploads.desk.flights.join(held.row.ownerID, held.row.claimedSHA1)
    let now = uploads.clock.monotonic()
    var state = State(marked: (held.file.durable, now), pace: Pace(since: now))
    state.quota = quota.map { ($0, held.file.length) }
    self.state = Mutex(state)
    if let claim = part.claim {
      self.state.withLock { $0.claim = RunningDigest(claim.algorithm.running) }
    }
  }

  init(uploads: Uploads, replaying status: UploadStatus) {
    self.uploads = uploads
    (held, part, length, replayed, flight) = (nil, nil, status.length, status, nil)
    lane = uploads.desk.lane()
    let now = uploads.clock.monotonic()
    state = Mutex(State(marked: (0, now), pace: Pace(since: now)))
  }

  var isOver: Bool { state.withLock { $0.phase == .over } || held == nil }
  var holdsWholeBody: Bool { state.withLock { $0.phase == .wholeBody } }
  /// What `write` refused for good.
  var refused: BackupError? { state.withLock { $0.refusal } }
  var durable: Int64 { held?.file.durable ?? replayed?.offset ?? 0 }
  var room: Int64? { held.map { held in length.map { $0 - held.file.length } } ?? 0 }

  func wanted(_ block: Block) -> Int {
    guard let held else { return 1 }
    let wanted = Int64(held.file.wanted(block))
    return Int(max(1, min(wanted, room ?? wanted)))
  }

  // MARK: Receiving

  func heard(_ count: Int) throws(BackupError) {
    guard let held else { return }
    uploads.registry.noteMovement(held.seat)
    try keepPace(count, isHeard: true)
  }

  private func keepPace(_ count: Int, isHeard: Bool) throws(BackupError) {
    let now = uploads.clock.monotonic()
    let limits = uploads.limits
    let isTooSlow = state.withLock { state -> Bool in
      if isHeard { state.pace.isHeard = true } else if state.pace.isHeard { return false }
      state.pace.bytes += count
      let seconds = now.seconds(since: state.pace.since)
      guard seconds >= limits.slowWindow else { return false }
      let speed = Double(state.pace.bytes) / seconds
      (state.pace.since, state.pace.bytes) = (now, 0)
      return speed < limits.slowest
    }
    if isTooSlow { throw .tooSlow }
  }

  func write(_ block: Block, _ count: Int) async throws -> Block {
    guard count > 0 else { return block }
    guard let held else {
      throw replayed?.rule == .flag ? BackupError.inconsistentLength : BackupError.lengthExceeded
    }
    lane.assertIsolated()
    guard state.withLock({ $0.phase == .receiving }) else { throw BackupError.overtaken }
    do {
      try flight?.check()
      try await renewQuota(held)
      try check(count, held)
    } catch let error as BackupError {
      state.withLock { $0.refusal = error }
      throw error
    }
    try keepPace(count, isHeard: false)
    guard uploads.registry.mayWrite(held.seat) else { throw BackupError.overtaken }
    let isFirst = held.file.length == part?.offset
    if isFirst, part?.claim != nil { try await speaking { try held.file.beginClaimed() } }
    state.withLock { state in
      state.claim?.update(block, count)
      if held.file.length == 0, count >= UploadFacts.headLength { state.head = block.head(UploadFacts.headLength) }
    }
    let next = try await speaking { try await held.file.write(block, count) }
    if part?.claim == nil { checkpointIfDue(held.file) }
    return next
  }

  private func check(_ count: Int, _ held: Uploads.Held) throws(BackupError) {
    let end = held.file.length + Int64(count)
    if let length, end > length { throw .lengthExceeded }
    if end > uploads.limits.size { throw .uploadTooLarge(limit: uploads.limits.size) }
    if let quota = state.withLock({ $0.quota }), end > quota.room { throw .quotaExceeded }
  }

  /// The owner's other uploads grow too. A known length was held against the quota once and for all.
  private func renewQuota(_ held: Uploads.Held) async throws {
    guard length == nil, let quota = state.withLock({ $0.quota }) else { return }
    let here = held.file.length
    guard here - quota.seenAt >= uploads.limits.checkpointBytes,
      let room = try await uploads.room(held.row)
    else { return }
    state.withLock { $0.quota = (room, here) }
  }

  /// Within a transfer, beside it.
  private func checkpointIfDue(_ file: PartialFile) {
    // At the part's end one is made anyway, and would wait for this one.
    if let part, let count = part.count, file.length >= part.offset + count { return }
    let now = uploads.clock.monotonic()
    let limits = uploads.limits
    let isDue = state.withLock { state in
      file.length - state.marked.offset >= limits.checkpointBytes
        || now.seconds(since: state.marked.at) >= limits.checkpointSeconds
    }
    guard isDue, file.checkpointBehind(length: length, expiresAt: uploads.expiry) else { return }
    state.withLock { $0.marked = (file.length, now) }
  }

  // MARK: Multipart bodies

  func read(into block: Block, at offset: Int64) async throws -> Int {
    guard let held, holdsWholeBody else { throw StoreError.broken("no whole body is held") }
    return try await speaking { try held.file.read(into: block, at: offset) }
  }

  func record(_ outcome: UploadOutcome) async throws -> UploadStatus {
    guard let held, take(.wholeBody) else { throw StoreError.broken("no whole body is held") }
    do {
      try await uploads.end(
        held.row, .complete(isNew: outcome.result.isNew, asset: outcome.result.id, sha1: outcome.sha1),
        size: held.file.length)
    } catch {
      // Whoever asks again has the body read again, and finds the photo there.
      uploads.registry.leave(held.seat, .letGo)
      throw error
    }
    await uploads.removeFile(held.row, held.file)
    uploads.registry.leave(held.seat, .store)
    return try await uploads.find(held.seat.token)
  }

  func fail(_ failure: UploadFailure) async {
    guard let held, take(.wholeBody) else { return }
    await uploads.fail(held, failure, size: held.file.length)
  }

  /// Whether the transfer was in that phase; it is over now.
  private func take(_ phase: Phase) -> Bool {
    state.withLock { state in
      guard state.phase == phase else { return false }
      state.phase = .over
      return true
    }
  }

  // MARK: Ends

  func cut() async -> UploadStatus? {
    guard let held else { return replayed }
    lane.assertIsolated()
    if take(.wholeBody) {
      // It is sealed: opened again by whoever ends it.
      uploads.registry.leave(held.seat, .letGo)
    } else if take(.receiving) {
      switch state.withLock({ $0.refusal }) {
      case .storedMeanwhile(let asset):
        // It throws what the door knows already.
        do { try await uploads.yield(held, to: asset) } catch { uploads.registry.leave(held.seat, .letGo) }
      case .lengthExceeded where held.row.rule == CompletionRule.flag.rawValue:
        // What the draft asks for: nothing may be made of it any more.
        await uploads.quiet(held)
        await uploads.fail(held, .lengthExceeded)
      default:
        do { try await letGo(held, isWhole: false) } catch {
          uploads.logger.warning("what came of an upload could not be put on disk: \(error)")
        }
      }
    }
    return try? await uploads.find(held.seat.token)
  }

  func end(authorize: () async throws -> Void) async throws -> UploadStatus {
    guard let held, let part else {
      guard let replayed else { throw StoreError.broken("an upload without anything to do") }
      return replayed
    }
    lane.assertIsolated()
    guard take(.receiving) else { throw BackupError.overtaken }
    do { try flight?.check() } catch .storedMeanwhile(let asset) {
      do { try await uploads.yield(held, to: asset) } catch {
        uploads.registry.leave(held.seat, .letGo)
        throw error
      }
    } catch {
      try await letGo(held, isWhole: false)
      throw error
    }
    if let claim = part.claim, state.withLock({ $0.claim?.finish() }) != claim.digest {
      try await letGo(held, isWhole: false)
      throw BackupError.partMismatch
    }
    let size = held.file.length
    let endsAtLength = part.endsAtLength || held.row.rule == CompletionRule.length.rawValue
    let isWhole = endsAtLength ? length == size : part.isLast
    let kind = held.row.kind
    guard isWhole, kind != UploadKind.partial.rawValue, length == nil || length == size else {
      try await letGo(held, isWhole: true)
      if isWhole, length != nil, length != size { throw BackupError.inconsistentLength }
      return try await uploads.find(held.seat.token)
    }
    guard uploads.registry.finish(held.seat) else {
      try await letGo(held, isWhole: true)
      throw BackupError.overtaken
    }
    do { try await authorize() } catch {
      try await letGo(held, isWhole: true)
      throw error
    }
    guard kind == UploadKind.multipart.rawValue else {
      return try await uploads.store(held, length: size, head: state.withLock { $0.head })
    }
    do {
      _ = try await speaking { try await held.file.seal(modified: nil) }
      state.withLock { $0.phase = .wholeBody }
      var row = held.row
      (row.offset, row.length) = (size, size)
      return try uploads.status(row, held.details)
    } catch {
      await uploads.keep(held, length: size)
      throw error
    }
  }

  /// Puts what came on disk and lets go. - Parameter isWhole: the part's body came to its end, and its claim was right.
  private func letGo(_ held: Uploads.Held, isWhole: Bool) async throws {
    do {
      if !isWhole, let part, part.claim != nil {
        try await speaking { try await held.file.rollBack(to: part.offset) }
      } else if !isWhole || held.file.length > held.file.durable || length != held.row.length {
        try await held.file.checkpoint(length: length, expiresAt: uploads.expiry)
      }
      uploads.registry.leave(held.seat, .letGo, parking: held.file)
    } catch {
      try await uploads.recover(held, from: error)
    }
  }
}

extension PartClaim.Algorithm {
  var running: RunningDigest.Algorithm {
    switch self {
    case .sha1: .sha1
    case .sha256: .sha256
    case .crc32: .crc32
    }
  }
}
