import Ground
import Store

extension Uploads {
  /// Ends a connection that is writing (what it brought is kept), and says where the upload stands: the next part may
  /// begin there. Waits for an upload that is being stored.
  /// - Throws: `.unknownUpload`, `.uploadGone`, `.uploadBusy`. A failed upload is a status, not an error.
  package func settle(_ token: UploadToken) async throws -> UploadStatus {
    let seat = try await registry.visit(token, .atOnce)
    if let row = try await recorded(seat) {
      registry.leave(seat, .letGo)
      return try status(row)
    }
    switch try await hold(seat) {
    case .over(let row): return try status(row)
    case .open(let held):
      registry.leave(held.seat, .letGo, parking: held.file)
      return try status(held.row, held.details)
    }
  }

  /// The row of an upload whose file is not open, where it tells everything.
  private func recorded(_ seat: UploadRegistry.Seat) async throws -> UploadRow? {
    guard seat.file == nil, let staging else { return nil }
    do {
      let row = try await row(seat.token)
      guard row.state == .open else { return nil }
      return try await speaking { try await desk.lane().run { try staging.isAsRecorded(row) } } ? row : nil
    } catch {
      registry.leave(seat, .letGo)
      throw error
    }
  }

  /// Takes the upload for one connection; a connection that is writing is cut first, what it brought is kept.
  /// - Throws: `.unknownUpload`, `.uploadGone`, `.uploadFailed`, `.uploadBusy`, `.offsetMismatch`, `.inconsistentLength`, `.lengthExceeded`
  ///   (`count` is known and too much), `.uploadTooLarge`, `.tooManyUploads`, `.diskFull`, `.quotaExceeded`; nothing has changed then.
  ///   `.storedMeanwhile` where the owner has the announced bytes by now: the upload is complete then.
  ///   A complete upload with a part at its end and `count` 0 or nil gives a writer whose `end` replays the outcome.
  package func append(_ part: UploadPart, to token: UploadToken) async throws -> UploadWriter {
    _ = try receivingStaging()
    let held: Held
    do {
      switch try await hold(token, .courteous) {
      case .over(let row): return try replay(part, row)
      case .open(let it): held = it
      }
    } catch BackupError.uploadBusy(let seconds) {
      // Whoever writes has passed this part's beginning, and goes on.
      let row = try await row(token)
      guard row.offset == part.offset else {
        throw BackupError.offsetMismatch(expected: row.offset, provided: part.offset)
      }
      throw BackupError.uploadBusy(retryAfter: seconds)
    }
    do {
      let (length, room) = try await admit(part, held.row)
      if let claim = held.row.claimedSHA1, held.row.kind != UploadKind.partial.rawValue,
        let asset = try await speaking({ try await desk.existing(claim, owner: held.row.ownerID) })
      {
        try await yield(held, to: asset)
      }
      // Room on the disk is set aside for who writes, not for who asks.
      let rest = (length ?? part.offset + (part.count ?? 0)) - part.offset
      let (lane, file) = (desk.lane(), held.file)
      try await speaking { try await lane.run { try file.reserve(rest) } }
      try registry.receive(held.seat, owner: held.row.ownerID, hangUp: part.hangUp)
      return UploadWriter(uploads: self, held: held, part: part, length: length, quota: room)
    } catch BackupError.storedMeanwhile(let asset) {
      throw BackupError.storedMeanwhile(asset)
    } catch {
      registry.leave(held.seat, .letGo, parking: held.file)
      throw error
    }
  }

  /// Cancels: a writer is cut, the bytes are removed. The asset of a finished upload stays.
  /// - Throws: `.unknownUpload`, `.uploadGone`, `.uploadBusy`.
  package func cancel(_ token: UploadToken) async throws {
    let seat = try await registry.visit(token, .atOnce)
    do {
      let row = try await row(token)
      guard row.state == .open else {
        registry.leave(seat, .letGo)
        return try await bury(row)
      }
      try await discard(row, seat)
    } catch {
      registry.leave(seat, .letGo, parking: seat.file)
      throw error
    }
  }

  /// As `cancel`, by the future asset's id. - Parameter owner: whose it must be; nil takes anybody's.
  /// - Throws: `.unknownUpload`; `.uploadBusy` where it is being received just now.
  package func discard(asset: Identifier, of owner: Identifier?) async throws {
    guard let row = try await speaking({ try await catalog.upload(asset: asset) }), row.state == .open,
      owner == nil || row.ownerID == owner
    else { throw BackupError.unknownUpload }
    let token = UploadToken(bytes: row.token)
    guard !registry.isReceiving(token) else { throw BackupError.uploadBusy(retryAfter: 10) }
    try await cancel(token)
  }

  /// Forgets the answer of one that ended.
  private func bury(_ row: UploadRow) async throws {
    let forgetAt = clock.wall().adding(seconds: UploadRow.goneKept)
    try await speaking { try await catalog.bury(upload: row.number, forgetAt: forgetAt) }
  }

  /// The held upload is over, and its bytes are removed.
  func discard(_ row: UploadRow, _ seat: UploadRegistry.Seat) async throws {
    try await end(row, .gone)
    await removeFile(row, seat.file)
    registry.leave(seat, .remove)
  }

  /// Removes the file of an upload whose row has ended. What stays behind goes with the sweep, an hour later.
  func removeFile(_ row: UploadRow, _ file: PartialFile?) async {
    guard let staging, let name = row.staged else { return }
    let lane = desk.lane()
    if let file { return await lane.run { file.remove() } }
    do { try await lane.run { try staging.removeIdle(name) } } catch {
      logger.warning("the file of an upload that is over could not be removed: \(error)")
    }
  }

  // MARK: Holding

  /// An open upload in one pair of hands. What is told of it is on disk.
  struct Held: Sendable {
    let seat: UploadRegistry.Seat
    var row: UploadRow
    /// `row.details`, read once.
    let details: UploadDetails
    let file: PartialFile
  }

  enum Holding {
    case open(Held)
    /// Complete or failed, and not held.
    case over(UploadRow)
  }

  /// Holds an upload and opens its file.
  func hold(_ token: UploadToken, _ manner: UploadRegistry.Manner) async throws -> Holding {
    try await hold(registry.visit(token, manner))
  }

  func hold(_ seat: UploadRegistry.Seat) async throws -> Holding {
    do {
      let row = try await row(seat.token)
      guard row.state == .open else {
        registry.leave(seat, .letGo)
        return .over(row)
      }
      do { return .open(try await opened(row, seat)) } catch BackupError.uploadFailed {
        return .over(try await self.row(seat.token))
      }
    } catch {
      registry.leave(seat, .letGo, parking: seat.file)
      throw error
    }
  }

  private func opened(_ row: UploadRow, _ seat: UploadRegistry.Seat) async throws -> Held {
    let staging = try receivingStaging()
    let lane = desk.lane()
    let expiry = expiry
    do {
      let file = try await lane.run {
        lane.assertIsolated()
        let file: PartialFile
        if let parked = seat.file { file = parked } else { file = try await staging.open(row, in: catalog) }
        guard file.length > file.durable else { return file }
        do { try await file.checkpoint(length: row.length, expiresAt: expiry) } catch {
          throw file.isLost ? StoreError.syncFailed : error
        }
        return file
      }
      var row = row
      row.offset = file.durable
      return Held(seat: seat, row: row, details: try UploadDetails(json: row.details), file: file)
    } catch StoreError.syncFailed {
      logger.critical("the disk could not take an upload's bytes; the upload is over")
      try await end(row, .failed(code: UploadFailure.storageFailed.code, message: UploadFailure.storageFailed.message))
      await removeFile(row, seat.file)
      registry.leave(seat, .fail)
      throw BackupError.uploadFailed(.storageFailed)
    } catch StoreError.uploadLost {
      logger.error("bytes of an upload that were acknowledged are missing in staging; the upload is over")
      try await discard(row, seat)
      throw BackupError.uploadGone
    } catch StoreError.uploadUnsettled {
      throw BackupError.unavailable("An earlier attempt to store this upload could not be undone yet")
    } catch StoreError.uploadEnded { throw BackupError.uploadGone } catch StoreError.diskFull {
      throw BackupError.diskFull
    }
  }

  /// The owner has the announced bytes by now: the held upload is complete.
  /// - Throws: `.storedMeanwhile`, always, where it succeeds.
  func yield(_ held: Held, to asset: Identifier) async throws {
    guard let claim = held.row.claimedSHA1 else { return }
    await quiet(held)
    // A client that never said a length must see the upload end too.
    let stored = try await speaking { try await catalog.asset(asset, owner: held.row.ownerID) }
    let size = max(held.row.length ?? stored?.size ?? 0, held.file.durable)
    try await end(held.row, .complete(isNew: false, asset: asset, sha1: claim), size: size)
    await removeFile(held.row, held.file)
    registry.leave(held.seat, .store)
    throw BackupError.storedMeanwhile(asset)
  }

  /// Nothing is on its way to the file any more: it can be dropped.
  func quiet(_ held: Held) async { try? await held.file.rollBack(to: held.file.durable) }

  // MARK: Rules

  /// The part fits where the upload stands. - Returns: the length of the whole, where it is known now, and the room that the owner's quota leaves
  /// for the whole.
  private func admit(_ part: UploadPart, _ row: UploadRow) async throws -> (length: Int64?, room: Int64?) {
    guard row.kind != UploadKind.final.rawValue else {
      throw BackupError.invalid("An upload that was put together takes no bytes")
    }
    guard part.offset == row.offset else {
      throw BackupError.offsetMismatch(expected: row.offset, provided: part.offset)
    }
    let length = try extent(
      part, from: row.offset, rule: CompletionRule(rawValue: row.rule) ?? .length, known: row.length)
    let account = try await desk.account(of: row.ownerID)
    let room = try await room(UploadKind(rawValue: row.kind) ?? .raw, account, beside: row)
    let end = length ?? part.offset + (part.count ?? 0)
    // What is here already needs no more room in staging; whether it may be stored is looked at then.
    if let room, end > row.offset, end > room { throw BackupError.quotaExceeded }
    return (length, room)
  }

  /// The length of the whole by all that was said of it; the part lies within.
  func extent(
    _ part: UploadPart, from offset: Int64, rule: CompletionRule, known: Int64?
  ) throws(BackupError) -> Int64? {
    let length = try length(part, from: offset, rule: rule, known: known)
    if let count = part.count {
      let (end, overflows) = part.offset.addingReportingOverflow(count)
      if count < 0 || overflows { throw .lengthExceeded }
      if let length, end > length { throw .lengthExceeded }
      if end > limits.size { throw .uploadTooLarge(limit: limits.size) }
    }
    return length
  }

  private func length(
    _ part: UploadPart, from offset: Int64, rule: CompletionRule, known: Int64?
  ) throws(BackupError) -> Int64? {
    var stated = part.length
    if rule == .flag, part.isLast, let count = part.count {
      let (end, overflows) = part.offset.addingReportingOverflow(count)
      guard !overflows, stated == nil || stated == end else { throw .inconsistentLength }
      stated = end
    }
    guard let stated else { return known }
    guard stated >= offset, known == nil || known == stated else { throw .inconsistentLength }
    guard stated <= limits.size else { throw .uploadTooLarge(limit: limits.size) }
    return stated
  }

  /// For a client that lost the answer.
  private func replay(_ part: UploadPart, _ row: UploadRow) throws -> UploadWriter {
    let status = try status(row)
    if case .failed(let failure) = status.state { throw BackupError.uploadFailed(failure) }
    guard part.offset == status.offset else {
      throw BackupError.offsetMismatch(expected: status.offset, provided: part.offset)
    }
    if let length = part.length, length != status.offset { throw BackupError.inconsistentLength }
    if (part.count ?? 0) > 0 {
      throw status.rule == .flag ? BackupError.inconsistentLength : BackupError.lengthExceeded
    }
    return UploadWriter(uploads: self, replaying: status)
  }
}
