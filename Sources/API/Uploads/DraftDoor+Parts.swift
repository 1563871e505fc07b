import Backup
import Ground
import HTTPServer
import HTTPTypes

/// An upload's own address: where it stands, what more there is, its end.
extension DraftDoor {
  /// HEAD. A connection that is writing is cut first: the next part may begin at the offset that is told.
  func head(_ request: Request, _ upload: UploadStatus, at address: DraftAddress = .upload) async throws -> Response {
    let call = call(request, upload, nil, address)
    do {
      try refuseStrayFields(call)
      let settled = try await uploads.settle(upload.token)
      // As PATCH answers it. Said with 2xx, its end would be taken for success.
      if case .failed(let failure) = settled.state { throw BackupError.uploadFailed(failure) }
      var response = Response(status: .noContent)
      response.fields = fields(of: settled, call)
      response.fields[.cacheControl] = "no-store"
      return response
    } catch {
      return await answer(to: error, call, upload)
    }
  }

  /// GET says the same, in fields beside whatever else it answers, without disturbing who writes.
  func describe(_ upload: UploadStatus, _ request: Request, in response: inout Response) {
    for field in fields(of: upload, call(request, upload, nil, .upload)) { response.fields[field.name] = field.value }
  }

  /// DELETE. What a finished upload became stays.
  func cancel(_ request: Request, _ upload: UploadStatus, at address: DraftAddress = .upload) async throws -> Response {
    let call = call(request, upload, nil, address)
    do {
      try refuseStrayFields(call)
      try await uploads.cancel(upload.token)
      return .noContent
    } catch {
      return await answer(to: error, call, upload)
    }
  }

  /// PATCH.
  func append(
    _ request: Request, _ upload: UploadStatus, _ principal: Principal?, at address: DraftAddress = .upload
  ) async throws -> Response {
    let call = call(request, upload, principal, address)
    do {
      let part = try part(call)
      switch upload.state {
      case .open:
        let received = try await receive(
          upload, call, by: { try await uploads.append(part, to: upload.token) }, announce: { mayTell(call) })
        return answer(received, call, isCreation: false)
      case .failed(let failure): throw BackupError.uploadFailed(failure)
      // The answer was lost, perhaps: it is given again to whoever brings nothing new.
      case .complete(let outcome):
        guard try await request.isEmpty() else { throw BackupError.inconsistentLength }
        guard part.offset == upload.offset else {
          throw BackupError.offsetMismatch(expected: upload.offset, provided: part.offset)
        }
        return finished(outcome, at: upload.offset, call)
      }
    } catch {
      return await answer(to: error, call, upload)
    }
  }

  private func call(
    _ request: Request, _ upload: UploadStatus, _ principal: Principal?, _ address: DraftAddress
  ) -> DraftCall {
    interim.touched(upload.token.text)
    return DraftCall(
      request: request, principal: principal, spoken: DraftFields(request).version, address: address,
      kind: upload.kind)
  }

  private func mayTell(_ call: DraftCall) -> Bool {
    call.mayHear && interim.allows(call.request)
  }

  private func refuseStrayFields(_ call: DraftCall) throws(BackupError) {
    guard call.version.refusesStrayFields else { return }
    for name in ["Upload-Offset", call.version.completenessField] where call.request.field(name) != nil {
      throw .invalid("\(call.request.method.rawValue) must come without \(name)")
    }
  }

  private func part(_ call: DraftCall) throws -> UploadPart {
    let request = call.request
    let fields = DraftFields(request)
    if call.version.namesMediaType, request.mediaType != DraftDoor.mediaType {
      throw Refusal(.unsupportedMediaType, "An append must be \(DraftDoor.mediaType)")
    }
    try request.refuseContentCoding()
    guard let offset = fields.offset else { throw BackupError.invalid("Upload-Offset is required") }
    guard let isLast = fields.isComplete ?? (call.version.missingMeansComplete ? true : nil) else {
      throw BackupError.invalid("\(call.version.completenessField) is required")
    }
    var part = UploadPart(offset: offset, hangUp: request.hangUp)
    (part.count, part.isLast) = (request.body.declaredLength, isLast)
    part.length = try fields.wholeLength(from: offset, body: part.count, isLast: isLast)
    part.claim = try DigestField("Content-Digest", request).claim
    return part
  }

  // MARK: Taking the bytes

  /// Brings the body into the upload, and where that makes it whole, stores it.
  /// - Parameters:
  ///   - open: the hold on the upload.
  ///   - announce: tells the client the address, if need be, and says whether 104s with progress may follow.
  ///     Called when this request holds the upload: who hears the address and asks there must find it held, or bytes
  ///     that are still on their way would come in behind the answer.
  func receive(
    _ upload: UploadStatus, _ call: DraftCall, by open: () async throws -> UploadWriter,
    announce: @Sendable () async throws -> Bool
  ) async throws -> UploadStatus {
    var isReading = false
    do {
      let writer = try await open()
      isReading = true
      return try await writer.lane.run {
        let mayTell: Bool
        do { mayTell = try await announce() } catch {
          await writer.cut()
          throw error
        }
        var progress = DraftProgress()
        return try await pump.receive(
          call.request.body, into: writer,
          progress: { durable in
            guard mayTell, call.version.takesProgress, progress.isDue(durable, MonotonicTime.now()) else { return }
            var fields: HTTPFields = [:]
            fields.set("Upload-Offset", String(durable))
            fields.set(DraftVersion.fieldName, String(call.version.rawValue))
            // A peer that is gone may have sent more than was read: what lies in the socket is taken all the same.
            do { try await call.tell(fields) } catch { progress.stop() }
          }, authorize: { try await authorization.check(call.request, call.principal, upload.token) })
      }
    } catch BackupError.storedMeanwhile {
      // Another connection brought the same bytes, and was first: this upload is complete with theirs.
      return try await uploads.find(upload.token)
    } catch BackupError.lengthExceeded where isReading {
      // Who sends more than there is has another file than was announced: nothing of it can be trusted.
      do { try await uploads.cancel(upload.token) } catch {
        failures.logger.warning("an upload that is too long could not be removed: \(error)")
      }
      throw BackupError.lengthExceeded
    }
  }
}

/// When a 104 with the offset is due.
struct DraftProgress: Sendable {
  static let seconds = 1.0
  static let bytes: Int64 = 16 << 20
  /// A client that reads nothing before it has sent everything must not fill the buffers between us: some 50 KiB.
  static let most = 500

  private var told: Int64 = 0
  private var at = MonotonicTime.now()
  private var count = 0

  /// Nobody hears it any more.
  mutating func stop() { count = DraftProgress.most }

  mutating func isDue(_ durable: Int64, _ now: MonotonicTime) -> Bool {
    guard durable > told, count < DraftProgress.most,
      durable - told >= DraftProgress.bytes || now.seconds(since: at) >= DraftProgress.seconds
    else { return false }
    (told, at, count) = (durable, now, count + 1)
    return true
  }
}
