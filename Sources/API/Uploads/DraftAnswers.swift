import Backup
import Ground
import HTTPServer
import HTTPTypes

/// What the draft's clients hear. One superset serves all versions: the offset always, the completeness in the field of
/// the version.
extension DraftDoor {
  /// The answer behind a body: the end of the upload, or how far it came.
  func answer(_ upload: UploadStatus, _ call: DraftCall, isCreation: Bool) -> Response {
    if case .complete(let outcome) = upload.state { return finished(outcome, at: upload.offset, call) }
    let isCreated = isCreation || (call.version.appendedIsCreated && call.address == .upload)
    var response = Response(status: isCreated ? .created : .noContent)
    response.fields = fields(of: upload, call)
    response.fields[.cacheControl] = "no-store"
    if isCreation { response.fields[.location] = location(of: upload, call.address) }
    return response
  }

  /// The final answer: what the address says to an ordinary upload, and that it is complete.
  /// - Parameter offset: nil where no byte was needed.
  func finished(_ outcome: UploadOutcome, at offset: Int64?, _ call: DraftCall) -> Response {
    var response: Response
    switch call.address {
    case .upload: response = UploadDoor.answer(outcome)
    case .upstream:
      response = .json(IdentifierShape(id: outcome.result.id))
      response.fields.setResult(outcome)
    }
    if let offset { response.fields.set("Upload-Offset", String(offset)) }
    setCompleteness(true, &response.fields, call)
    return response
  }

  /// What is told of an upload in fields alone.
  func fields(of upload: UploadStatus, _ call: DraftCall) -> HTTPFields {
    var fields: HTTPFields = [:]
    fields.set("Upload-Offset", String(upload.offset))
    if let length = upload.length { fields.set("Upload-Length", String(length)) }
    switch upload.state {
    case .open:
      setCompleteness(false, &fields, call)
      fields.set("Upload-Limit", limits(of: upload, call.version))
    case .complete(let outcome):
      setCompleteness(true, &fields, call)
      fields.setResult(outcome)
    // Everything came, and could not be taken.
    case .failed(let failure):
      setCompleteness(true, &fields, call)
      fields.setRejected(failure.code)
    }
    return fields
  }

  private func setCompleteness(_ isComplete: Bool, _ fields: inout HTTPFields, _ call: DraftCall) {
    fields.set(call.version.completenessField, call.version.completeness(isComplete))
    fields.set(DraftVersion.fieldName, String(call.version.rawValue))
  }

  // MARK: Errors

  /// - Parameter upload: the upload that it was about, as it was before.
  func answer(to error: any Error, _ call: DraftCall, _ upload: UploadStatus?) async -> Response {
    var error = error
    var now: UploadStatus?
    if let upload { now = try? await uploads.find(upload.token) }
    // Somebody else brought it to its end meanwhile: there is nothing that could be added.
    if case .complete = now?.state, case BackupError.offsetMismatch = error, call.request.body.declaredLength != 0 {
      error = BackupError.inconsistentLength
    }
    // Elsewhere this is 413; the draft knows one problem with lengths.
    if case BackupError.lengthExceeded = error { error = BackupError.inconsistentLength }
    var response = failures.answer(to: error, call.request, status: status(of: error, call))
    switch error {
    case let refusal as Refusal where refusal.status == .unsupportedMediaType && upload != nil:
      response.fields.set("Accept-Patch", DraftDoor.mediaType)
    case BackupError.uploadTooLarge: response.fields.set("Upload-Limit", limits)
    default: break
    }
    guard let now else {
      setCompleteness(DraftDoor.isOfTheWhole(error), &response.fields, call)
      response.fields.setError(error)
      return response
    }
    for field in fields(of: now, call) { response.fields[field.name] = field.value }
    // The whole may be here, and the right to have it stored is not.
    if now.state == .open, DraftDoor.isUnauthorized(error) { setCompleteness(true, &response.fields, call) }
    response.fields.set("X-Asset-Error", UploadSlug(error).text)
    return response
  }

  /// Where the draft's address says something else than usual; nil where it does not.
  private func status(of error: any Error, _ call: DraftCall) -> HTTPResponse.Status? {
    switch error {
    case BackupError.partMismatch, BackupError.checksumMismatch:
      call.address == .upstream ? .checksumMismatch : .badRequest
    case BackupError.unsupportedType where call.kind != .multipart: .unsupportedMediaType
    // Told again, it has the status that it had.
    case BackupError.uploadFailed(let failure):
      switch failure.code {
      case UploadFailure.checksumMismatch: call.address == .upstream ? .checksumMismatch : .badRequest
      case UploadFailure.unsupportedType where call.kind != .multipart: .unsupportedMediaType
      default: nil
      }
    default: nil
    }
  }

  /// Without an upload: whether the answer is about the whole file, so that there is nothing to go on with.
  private static func isOfTheWhole(_ error: any Error) -> Bool {
    switch error {
    case BackupError.emptyFile, BackupError.unsupportedType, BackupError.checksumMismatch, BackupError.uploadFailed:
      true
    default: isUnauthorized(error)
    }
  }

  private static func isUnauthorized(_ error: any Error) -> Bool {
    switch error {
    case BackupError.authenticationRequired, BackupError.invalidAPIKey, BackupError.invalidSessionToken,
      BackupError.missingPermission, BackupError.forbidden:
      true
    default: false
    }
  }
}

extension HTTPResponse.Status {
  /// tus's own.
  static let checksumMismatch = HTTPResponse.Status(code: 460, reasonPhrase: "Checksum Mismatch")
}

/// `{"id":"…"}`.
struct IdentifierShape: Encodable, Equatable, Sendable {
  let id: Identifier
}
