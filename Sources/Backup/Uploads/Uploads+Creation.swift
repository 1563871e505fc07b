import Ground
import Media
import Store

extension Uploads {
  package enum Opening: Sendable {
    case opened(UploadStatus)
    /// The owner has the announced bytes already: no byte is needed.
    case stored(UploadOutcome)
  }

  /// Starts an upload; its row is on disk when this returns. A creation that names a digest which the owner has already
  /// is answered at once: by the rule `flag` with `.stored`, by the rule `length`, whose clients need an address, with an
  /// upload that is complete.
  /// - Throws: `.tooManyUploads`, `.uploadTooLarge`, `.quotaExceeded`, `.diskFull`, `.emptyFile` (length 0 of a photo),
  ///   `.unsupportedType`, `.invalid`, `.unavailable`.
  package func create(_ creation: UploadCreation, by principal: Principal) async throws -> Opening {
    do { return try await open(creation, by: principal) } catch {
      noteRefusal(error, creation, principal)
      throw error
    }
  }

  private func open(_ creation: UploadCreation, by principal: Principal) async throws -> Opening {
    let staging = try receivingStaging()
    switch try await admit(creation, by: principal) {
    case .stored(let opening): return opening
    case .admitted(let owner, _):
      try await speaking { try await desk.lane().run { try staging.checkRoom(creation.length ?? 0) } }
      return .opened(try await status(insert(creation, owner, by: principal)))
    }
  }

  package enum Beginning: Sendable {
    case begun(UploadStatus, UploadWriter)
    /// As `create` answers it: no byte is needed.
    case stored(Opening)
  }

  /// Starts an upload whose first part comes with its creation. Its row is on disk before any byte of it is acknowledged,
  /// half a second later at the latest, and otherwise in the transaction that stores it (`AnnouncedUploads`).
  /// - Throws: as `create`, and as `append`; nothing is made then.
  package func begin(
    _ creation: UploadCreation, _ part: UploadPart, by principal: Principal
  ) async throws -> Beginning {
    do { return try await start(creation, part, by: principal) } catch {
      noteRefusal(error, creation, principal)
      throw error
    }
  }

  private func noteRefusal(_ error: any Error, _ creation: UploadCreation, _ principal: Principal) {
    desk.note(
      .failure(error), owner: principal.user.account.owner, origin: principal.origin, name: creation.facts.name,
      bytes: creation.length)
  }

  private func start(
    _ creation: UploadCreation, _ part: UploadPart, by principal: Principal
  ) async throws -> Beginning {
    let staging = try receivingStaging()
    let (owner, room): (Owner, Int64?)
    switch try await admit(creation, by: principal) {
    case .stored(let opening): return .stored(opening)
    case .admitted(let one, let left): (owner, room) = (one, left)
    }
    let length = try extent(part, from: 0, rule: creation.rule, known: creation.length)
    if let room, (length ?? part.count ?? 0) > room { throw BackupError.quotaExceeded }
    let token = UploadToken()
    let details = UploadDetails(creation, by: principal)
    let new = try new(creation, token, owner, details)
    // Nobody knows the address.
    guard let seat = registry.visitIfIdle(token) else { throw BackupError.unavailable("The server is stopping") }
    do {
      try registry.receive(seat, owner: principal.user.id, hangUp: part.hangUp)
      let row = try await speaking {
        try await catalog.announce(new, ownerID: principal.user.id, unlessOpen: limits.open)
      }
      guard let row else { throw BackupError.tooManyUploads(retryAfter: 60) }
      let file = try await make(row, length ?? part.count ?? 0, in: staging)
      let held = Held(seat: seat, row: row, details: details, file: file)
      let writer = UploadWriter(uploads: self, held: held, part: part, length: length, quota: room)
      return .begun(try status(row, details), writer)
    } catch {
      registry.leave(seat, .remove)
      throw error
    }
  }

  private func make(_ row: UploadRow, _ bytes: Int64, in staging: Staging) async throws -> PartialFile {
    do {
      return try await speaking {
        try await desk.lane().run {
          let file = try staging.create(row, in: catalog)
          do { try file.reserve(bytes) } catch {
            file.remove()
            throw error
          }
          return file
        }
      }
    } catch {
      if !catalog.withdraw(announced: row.number) { try await end(row, .gone) }
      throw error
    }
  }

  private enum Admission {
    /// No byte is needed.
    case stored(Opening)
    /// - Parameter room: what the owner's quota leaves for the whole; nil without a quota.
    case admitted(owner: Owner, room: Int64?)
  }

  /// What may refuse a creation, or answer it at once.
  private func admit(_ creation: UploadCreation, by principal: Principal) async throws -> Admission {
    try check(creation)
    if creation.kind != .partial, let outcome = try await known(creation, principal.user.id) {
      desk.note(
        .success(outcome.result.id), owner: principal.user.account.owner, origin: principal.origin,
        name: creation.facts.name, bytes: creation.length)
      guard creation.rule == .length else { return .stored(.stored(outcome)) }
      return .stored(.opened(try await completed(creation, outcome, by: principal)))
    }
    let account = principal.user.account
    let room = try await room(creation.kind, account)
    if let length = creation.length, let room, length > room { throw BackupError.quotaExceeded }
    if let id = creation.facts.livePhotoVideo, creation.kind != .partial {
      try await speaking { try await catalog.checkLiveVideo(id, owner: account.owner) }
    }
    return .admitted(owner: account.owner, room: room)
  }

  private func new(
    _ creation: UploadCreation, _ token: UploadToken, _ owner: Owner, _ details: UploadDetails, hasFile: Bool = true
  ) throws -> NewUpload {
    var upload = NewUpload(
      token: token.bytes, asset: Identifier(), owner: owner, kind: creation.kind.rawValue,
      rule: creation.rule.rawValue, details: try details.json, expiresAt: expiry)
    (upload.length, upload.hasFile) = (creation.length, hasFile)
    (upload.claimedSHA1, upload.claimedSHA256) = (creation.facts.claimedChecksum, creation.claimedSHA256)
    return upload
  }

  /// The staging folder, where uploads can be received.
  func receivingStaging() throws -> Staging {
    guard let staging, let finisher else { throw StoreError.broken("the command line receives no uploads") }
    if finisher.isBroken { throw BackupError.unavailable("The server's catalog failed; it must be restarted") }
    return staging
  }

  /// What can be refused before anything is looked up.
  private func check(_ creation: UploadCreation) throws(BackupError) {
    if let length = creation.length {
      if length < 0 { throw .invalid("The length must not be negative") }
      if length > limits.size { throw .uploadTooLarge(limit: limits.size) }
      if length == 0, creation.kind != .partial { throw .emptyFile }
    }
    let facts = creation.facts
    if creation.kind == .raw || creation.kind == .final, !facts.needsHead, let name = facts.name,
      MediaType(fileName: name) == nil
    {
      throw .unsupportedType(name: String(decoding: name, as: UTF8.self))
    }
  }

  /// The owner's asset with the announced bytes.
  private func known(_ creation: UploadCreation, _ owner: Identifier) async throws -> UploadOutcome? {
    guard let claim = creation.facts.claimedChecksum,
      let id = try await speaking({ try await desk.existing(claim, owner: owner) })
    else { return nil }
    return UploadOutcome(result: .duplicate(id), sha1: claim)
  }

  private func insert(
    _ creation: UploadCreation, _ owner: Owner, by principal: Principal, ending: UploadRow.State? = nil
  ) async throws -> UploadRow {
    // What is over at once takes no place among the open ones.
    let limit = ending == nil ? limits.open : .max
    let forgetAt = clock.wall().adding(seconds: UploadRow.answerKept)
    let details = UploadDetails(creation, by: principal)
    let upload = try new(creation, UploadToken(), owner, details, hasFile: ending == nil)
    return try await speaking {
      guard let row = try await catalog.insert(upload, unlessOpen: limit, ending: ending.map { ($0, forgetAt) }) else {
        throw BackupError.tooManyUploads(retryAfter: 60)
      }
      return row
    }
  }

  /// An upload of bytes that are here already.
  private func completed(
    _ creation: UploadCreation, _ outcome: UploadOutcome, by principal: Principal
  ) async throws -> UploadStatus {
    guard let asset = try await speaking({ try await catalog.asset(outcome.result.id, owner: principal.user.id) })
    else { throw BackupError.authenticationRequired }
    var creation = creation
    creation.length = creation.length ?? asset.size
    let ending = UploadRow.State.complete(isNew: false, asset: outcome.result.id, sha1: outcome.sha1)
    return try await status(insert(creation, principal.user.account.owner, by: principal, ending: ending))
  }

  /// Ends an open upload in the catalog.
  /// - Parameter size: its offset and its length from now on, where all of it had come.
  func end(_ row: UploadRow, _ state: UploadRow.State, size: Int64? = nil) async throws {
    let kept = state == .gone ? UploadRow.goneKept : UploadRow.answerKept
    let isEnded = try await speaking {
      try await catalog.end(upload: row.number, state, size: size, forgetAt: clock.wall().adding(seconds: kept))
    }
    // Whoever holds it is the only one who may end it.
    if !isEnded { logger.error("upload \(row.number) had ended before it was to end as \(state.name)") }
  }
}
