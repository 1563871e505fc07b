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
    let staging = try receivingStaging()
    try check(creation)
    if creation.kind != .partial, let outcome = try await known(creation, principal.user.id) {
      guard creation.rule == .length else { return .stored(outcome) }
      return .opened(try await completed(creation, outcome, by: principal))
    }
    guard let account = try await speaking({ try await catalog.owner(principal.user.id) }) else {
      throw BackupError.authenticationRequired
    }
    if let length = creation.length, let room = try await room(creation.kind, account), length > room {
      throw BackupError.quotaExceeded
    }
    if let id = creation.facts.livePhotoVideo, creation.kind != .partial {
      try await speaking { try await catalog.checkLiveVideo(id, owner: account.owner) }
    }
    try await speaking { try await desk.lane().run { try staging.checkRoom(creation.length ?? 0) } }
    return .opened(try await status(insert(creation, account.owner, by: principal)))
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

  func insert(
    _ creation: UploadCreation, _ owner: Owner, by principal: Principal, ending: UploadRow.State? = nil
  ) async throws -> UploadRow {
    // What is over at once takes no place among the open ones.
    let limit = ending == nil ? limits.open : .max
    let forgetAt = clock.wall().adding(seconds: limits.memory)
    let details = try UploadDetails(creation, by: principal).json
    return try await speaking {
      var upload = NewUpload(
        token: UploadToken().bytes, asset: Identifier(), owner: owner, kind: creation.kind.rawValue,
        rule: creation.rule.rawValue, details: details, expiresAt: expiry)
      (upload.length, upload.hasFile) = (creation.length, ending == nil)
      (upload.claimedSHA1, upload.claimedSHA256) = (creation.facts.claimedChecksum, creation.claimedSHA256)
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
    guard let account = try await speaking({ try await catalog.owner(principal.user.id) }),
      let asset = try await speaking({ try await catalog.asset(outcome.result.id, owner: principal.user.id) })
    else { throw BackupError.authenticationRequired }
    var creation = creation
    creation.length = creation.length ?? asset.size
    let ending = UploadRow.State.complete(isNew: false, asset: outcome.result.id, sha1: outcome.sha1)
    return try await status(insert(creation, account.owner, by: principal, ending: ending))
  }

  /// Ends an open upload in the catalog.
  /// - Parameter size: its offset and its length from now on, where all of it had come.
  func end(_ row: UploadRow, _ state: UploadRow.State, size: Int64? = nil) async throws {
    let kept = state == .gone ? limits.tombstone : limits.memory
    try await speaking {
      _ = try await catalog.end(
        upload: row.number, state, size: size, forgetAt: clock.wall().adding(seconds: kept))
    }
  }
}
