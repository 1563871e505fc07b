import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `POST` and `PUT /api/backup/assets`: the body is the file. For whoever can say nothing more: uploads by the system of
/// a phone, Shortcuts, `curl -T`, which appends the file's name to an address that ends with a slash. The whole result
/// stands in the answer's fields too.
struct RawDoor: Sendable {
  let desk: ReceiveDesk
  let draft: DraftDoor

  func receive(_ request: Request, _ principal: Principal) async throws -> Response {
    do {
      try request.refuseContentCoding()
      let isResumable = try draft.isWanted(by: request)
      var raw = try RawFacts(request)
      if !isResumable { try raw.claim(content: DigestField("Content-Digest", request)) }
      // The streaming path compares SHA-1 alone; whoever announces SHA-256 shall not be taken at their word.
      if isResumable || raw.claimedSHA256 != nil {
        return try await draft.create(request, principal, raw.creation, at: .upload)
      }
      return UploadDoor.answer(try await stream(request, raw.facts, principal))
    } catch {
      return rejection(error, request)
    }
  }

  /// PATCH, which is for the draft's clients alone: with its fields any method with a body may begin an upload.
  func patch(_ request: Request, _ principal: Principal) async throws -> Response {
    guard DraftFields(request).isCreation, request.field("Upload-Offset") == nil else {
      throw WrongMethod(allowed: [.post, .put, .options])
    }
    return try await receive(request, principal)
  }

  /// OPTIONS, at every address that takes a file.
  func discover(_ request: Request) async throws -> Response {
    var response = Response.noContent
    response.fields.set("Upload-Limit", draft.limits)
    response.fields.set("Accept-Patch", DraftDoor.mediaType)
    return response
  }

  private func stream(
    _ request: Request, _ facts: UploadFacts, _ principal: Principal
  ) async throws -> UploadOutcome {
    let (account, origin) = (principal.user.account, principal.origin)
    // Known: the body is not asked for.
    if let claimed = facts.claimedChecksum, let id = try await desk.existing(claimed, owner: account.id) {
      desk.note(
        .success(id), owner: account.owner, origin: origin, name: facts.name, bytes: request.body.declaredLength)
      return UploadOutcome(result: .duplicate(id), sha1: claimed)
    }
    guard request.body.declaredLength != 0 else { throw BackupError.emptyFile }
    return try await desk.lane().run { try await receive(request.body, facts, account, origin) }
  }

  /// Runs on the transfer's lane.
  private func receive(
    _ body: RequestBody, _ facts: UploadFacts, _ account: Account, _ origin: Origin?
  ) async throws -> UploadOutcome {
    let reception = try await desk.open(
      account, expectedLength: body.declaredLength, claimed: facts.claimedChecksum, origin: origin,
      name: facts.name)
    var block = desk.blocks.take()
    defer { desk.blocks.give(block) }
    do {
      while try await body.read(into: block) > 0 {
        while block.count >= block.capacity { block = try await reception.write(block) }
      }
      if block.count > 0 { try await reception.writeTail(block, count: block.count) }
      return try await reception.outcome(facts, sidecar: nil)
    } catch {
      reception.abandon(because: error)
      return try UploadOutcome(meanwhile: error, facts.claimedChecksum)
    }
  }

  private func rejection(_ error: any Error, _ request: Request) -> Response {
    var error = error
    var status: HTTPResponse.Status?
    if case BackupError.unsupportedType = error {
      status = .unsupportedMediaType
      // The type alone says nothing: phones leave an app's own fields as they are, and replace the body.
      if request.mediaType?.hasPrefix("multipart/") == true {
        error = Refusal(.unsupportedMediaType, "The body here is the file itself; a form goes to POST /api/assets")
      }
    }
    var response = draft.failures.answer(to: error, request, status: status)
    response.fields.setError(error)
    return response
  }
}

extension RawFacts {
  var creation: UploadCreation {
    var creation = UploadCreation(kind: .raw, rule: .flag)
    (creation.facts, creation.claimedSHA256) = (facts, claimedSHA256)
    return creation
  }
}
