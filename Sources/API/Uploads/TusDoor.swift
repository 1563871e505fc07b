import Backup
import Ground
import HTTPServer
import HTTPTypes

/// tus 1.0.0: creation, creation-with-upload, creation-defer-length, termination, expiration, checksum, concatenation.
/// Errors leave as answers, never thrown: every answer says `Tus-Resumable`, also to who did not.
struct TusDoor: Sendable {
  static let version = "1.0.0"
  static let extensions =
    "creation,creation-with-upload,creation-defer-length,termination,expiration,checksum,concatenation"
  static let contentType = "application/offset+octet-stream"

  let uploads: Uploads
  let pump: UploadPump
  let address: UploadAddress
  let authorization: UploadAuthorization
  let failures: Failures

  // MARK: Creation

  /// - Parameter principal: who creates.
  func create(_ request: Request, _ principal: Principal) async -> Response {
    await answering(request) { fields in
      try requireVersion(request)
      try request.refuseContentCoding()
      let (creation, parts) = try plan(request)
      if let parts {
        guard try await request.isEmpty() else { throw Refusal(.forbidden, "A final upload takes no body") }
        return created(try await uploads.concatenate(parts, creation, by: principal))
      }
      let bringsBytes = request.mediaType == TusDoor.contentType && request.body.declaredLength != 0
      var part = UploadPart(offset: 0, hangUp: request.hangUp)
      if bringsBytes {
        (part.count, part.claim) = (request.body.declaredLength, try request.partClaim())
        // Before anything is made.
        if let length = creation.length, let count = part.count, count > length { throw BackupError.lengthExceeded }
      }
      if let sha1 = creation.facts.claimedChecksum, creation.kind == .raw,
        let other = try await uploads.partlyHere(sha1, owner: principal.user.id)
      {
        // A hint only: a client that does not know this field begins anew, at the offset that it was told.
        fields.set("X-Upload-Resume", "\(address.location(other.token)); offset=\(other.offset)")
      }
      guard bringsBytes else { return created(try await uploads.create(creation, by: principal), creation) }
      part.endsAtLength = true
      switch try await uploads.begin(creation, part, by: principal) {
      case .stored(let opening): return created(opening, creation)
      case .begun(let upload, let writer):
        // Should the body break, the client may still learn where to go on.
        fields[.location] = address.location(upload.token)
        return created(try await receive(request, upload.token, principal, request.body) { writer })
      }
    }
  }

  private func created(_ opening: Uploads.Opening, _ creation: UploadCreation) -> Response {
    switch opening {
    case .opened(let upload): return created(upload)
    case .stored(let outcome):
      // There is no upload to point to: what it would have become answers instead.
      var response = Response(status: .created)
      response.fields.setResult(outcome)
      response.fields[.location] = "\(address.publicURL ?? "")/api/assets/\(outcome.result.id)"
      if let length = creation.length { response.fields.set("Upload-Offset", String(length)) }
      return response
    }
  }

  /// What a creation asks for, and of which parts it consists where it is put together.
  private func plan(_ request: Request) throws -> (UploadCreation, parts: [UploadToken]?) {
    let concatenation = try TusConcatenation(request)
    let length = try request.byteCount("Upload-Length")
    let deferred = request.field("Upload-Defer-Length")
    if let deferred, deferred != "1" { throw ValidationFailure("Upload-Defer-Length", "must be 1") }
    let kind: UploadKind =
      switch concatenation {
      case nil: .raw
      case .partial: .partial
      case .final: .final
      }
    if kind == .final {
      guard length == nil, deferred == nil else {
        throw ValidationFailure("Upload-Length", "a final upload has the length of its parts")
      }
    } else if (length == nil) == (deferred == nil) {
      throw ValidationFailure("Upload-Length", "either Upload-Length or Upload-Defer-Length is required")
    }
    var creation = UploadCreation(kind: kind, rule: .length)
    (creation.length, creation.concat) = (length, request.field("Upload-Concat"))
    creation.agent = request[.userAgent]
    creation.facts.typeByContent = true
    if let text = request.field("Upload-Metadata") {
      let metadata = try TusMetadata(text)
      creation.metadata = text
      // Metadata of a part describes nothing that will be stored.
      if kind != .partial {
        (creation.facts, creation.claimedSHA256) = (try metadata.facts(), try metadata.claimedSHA256())
      }
    }
    guard case .final(let parts) = concatenation else { return (creation, nil) }
    return (creation, parts)
  }

  private func created(_ upload: UploadStatus) -> Response {
    var response = Response(status: .created)
    response.fields[.location] = address.location(upload.token)
    setProgress(upload, &response.fields)
    return response
  }

  // MARK: An upload

  func head(_ request: Request, _ upload: UploadStatus, _ principal: Principal?) async -> Response {
    await answering(request) { fields in
      try requireVersion(request)
      var status = try await uploads.settle(upload.token)
      if status.isFull, status.state == .open, status.kind != .partial {
        // A crash, or a connection that broke at the very end: "all is here" would be the last that the client asks.
        var part = UploadPart(offset: status.offset, hangUp: request.hangUp)
        part.count = 0
        status = try await append(part, to: status.token, request, principal, RequestBody.none)
      }
      describe(status, &fields)
      // As PATCH answers it: a client that hears 2xx, and an offset that is the length, believes its photo safe.
      if case .failed(let failure) = status.state { throw BackupError.uploadFailed(failure) }
      var response = Response(status: .ok)
      response.fields[.cacheControl] = "no-store"
      return response
    }
  }

  private func describe(_ status: UploadStatus, _ fields: inout HTTPFields) {
    setProgress(status, &fields)
    if let length = status.length {
      fields.set("Upload-Length", String(length))
    } else {
      fields.set("Upload-Defer-Length", "1")
    }
    if let metadata = status.metadata { fields.set("Upload-Metadata", metadata) }
    if let concat = status.concat { fields.set("Upload-Concat", concat) }
  }

  func append(_ request: Request, _ upload: UploadStatus, _ principal: Principal?) async -> Response {
    await answering(request) { _ in
      try requireVersion(request)
      guard request.mediaType == TusDoor.contentType else {
        throw Refusal(.unsupportedMediaType, "The Content-Type must be \(TusDoor.contentType)")
      }
      try request.refuseContentCoding()
      guard upload.kind != .final else { throw Refusal(.forbidden, "A final upload takes no bytes of its own") }
      guard let offset = try request.byteCount("Upload-Offset") else {
        throw ValidationFailure("Upload-Offset", "is required")
      }
      var part = UploadPart(offset: offset, hangUp: request.hangUp)
      (part.count, part.length) = (request.body.declaredLength, try request.byteCount("Upload-Length"))
      part.claim = try request.partClaim()
      if let length = part.length, length > uploads.limits.size {
        throw BackupError.uploadTooLarge(limit: uploads.limits.size)
      }
      var response = Response.noContent
      setProgress(try await append(part, to: upload.token, request, principal, request.body), &response.fields)
      return response
    }
  }

  func terminate(_ request: Request, _ upload: UploadStatus) async -> Response {
    await answering(request) { _ in
      try requireVersion(request)
      try await uploads.cancel(upload.token)
      return .noContent
    }
  }

  private func append(
    _ part: UploadPart, to token: UploadToken, _ request: Request, _ principal: Principal?, _ body: RequestBody
  ) async throws -> UploadStatus {
    var part = part
    part.endsAtLength = true
    return try await receive(request, token, principal, body) { try await uploads.append(part, to: token) }
  }

  private func receive(
    _ request: Request, _ token: UploadToken, _ principal: Principal?, _ body: RequestBody,
    by open: () async throws -> UploadWriter
  ) async throws -> UploadStatus {
    do {
      let writer = try await open()
      // No capture list: such a closure would leave the lane.
      return try await writer.lane.run {
        try await pump.receive(body, into: writer) {
          try await authorization.check(request, principal, token)
        }
      }
    } catch BackupError.storedMeanwhile {
      // Complete, as the duplicate of what another connection brought.
      return try await uploads.find(token)
    }
  }

  // MARK: Answers

  private func requireVersion(_ request: Request) throws(UnsupportedVersion) {
    guard request.field("Tus-Resumable") == TusDoor.version else { throw UnsupportedVersion() }
  }

  private struct UnsupportedVersion: Error {}

  /// Where the upload stands, until when it is kept, and what became of it.
  private func setProgress(_ upload: UploadStatus, _ fields: inout HTTPFields) {
    fields.set("Upload-Offset", String(upload.offset))
    switch upload.state {
    case .open: fields.set("Upload-Expires", HTTPDate.format(upload.expiresAt))
    case .complete(let outcome): fields.setResult(outcome)
    case .failed(let failure): fields.setRejected(failure.code)
    }
  }

  /// - Parameter work: its fields are for whatever answer comes of it, an error too.
  private func answering(
    _ request: Request, _ work: (inout HTTPFields) async throws -> Response
  ) async -> Response {
    var fields: HTTPFields = [:]
    var response: Response
    do { response = try await work(&fields) } catch {
      response = answer(to: error, request, isBegun: request.parameters["id"] != nil || fields[.location] != nil)
    }
    for field in fields where response.fields[field.name] == nil { response.fields.append(field) }
    response.fields.set("Tus-Resumable", TusDoor.version)
    return response
  }

  private func answer(to error: any Error, _ request: Request, isBegun: Bool) -> Response {
    if error is UnsupportedVersion {
      var response = failures.answer(
        to: Refusal(.preconditionFailed, "Tus-Resumable must be \(TusDoor.version)"), request)
      response.fields.set("Tus-Version", TusDoor.version)
      return response
    }
    var response = failures.answer(to: error, request, status: status(of: error, request))
    switch error as? BackupError {
    case .offsetMismatch(let expected, _): response.fields.set("Upload-Offset", String(expected))
    case .uploadTooLarge(let limit): response.fields.set("Tus-Max-Size", String(limit))
    default: break
    }
    response.fields.setError(error, isBegun: isBegun)
    return response
  }

  /// Where tus clients know another status than usual; nil where they do not.
  private func status(of error: any Error, _ request: Request) -> HTTPResponse.Status? {
    // Who sends checksums in tus's own field knows tus's own status.
    let isChecking = request.field("Upload-Checksum") != nil
    switch error as? BackupError {
    // What they try again after; 503 would say that the whole server is busy.
    case .uploadBusy: return HTTPResponse.Status(code: 423, reasonPhrase: "Locked")
    case .checksumMismatch where isChecking: return .checksumMismatch
    case .uploadFailed(let failure) where isChecking && failure.code == UploadFailure.checksumMismatch:
      return .checksumMismatch
    default: return nil
    }
  }
}

extension UploadStatus {
  fileprivate var isFull: Bool { length == offset }
}
