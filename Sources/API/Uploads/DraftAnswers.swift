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
    if isCreation { response.fields[.location] = call.address.location(of: upload) }
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
    if case .complete = now?.state {
      switch error {
      case BackupError.offsetMismatch, BackupError.lengthExceeded: error = BackupError.inconsistentLength
      default: break
      }
    }
    var response = failures.answer(to: error, call.request)
    let slug = UploadSlug(error)
    switch error {
    case BackupError.offsetMismatch(let expected, let provided):
      response.setProblem(.offset(expected: expected, provided: provided))
    case BackupError.inconsistentLength, BackupError.lengthExceeded:
      response.status = .badRequest
      response.setProblem(.length)
    case BackupError.partMismatch, BackupError.checksumMismatch:
      response.status = call.address == .upstream ? HTTPResponse.Status(code: 460, reasonPhrase: "Checksum Mismatch") : .badRequest
    case BackupError.unsupportedType where call.kind == .raw: response.status = .unsupportedMediaType
    case let refusal as Refusal where refusal.status == .unsupportedMediaType:
      if upload != nil { response.fields.set("Accept-Patch", DraftDoor.mediaType) }
    case BackupError.uploadTooLarge: response.fields.set("Upload-Limit", limits)
    default: break
    }
    if let now { response.fields.append(contentsOf: fields(of: now, call)) }
    setCompleteness(DraftDoor.endsUpload(error), &response.fields, call)
    response.fields.setRejected(slug.text)
    return response
  }

  /// Whether the upload has come as a whole, and the answer is about that: repeating it would not help.
  private static func endsUpload(_ error: any Error) -> Bool {
    switch error {
    case BackupError.emptyFile, BackupError.unsupportedType, BackupError.checksumMismatch, BackupError.uploadFailed,
      BackupError.authenticationRequired, BackupError.invalidAPIKey, BackupError.invalidSessionToken,
      BackupError.missingPermission, BackupError.forbidden, is ValidationFailure:
      true
    default: false
    }
  }
}

/// A kind of failure that clients can tell apart (RFC 9457).
enum DraftProblem: Equatable, Sendable {
  case offset(expected: Int64, provided: Int64)
  case length
}

extension Response {
  private struct Problem: Encodable {
    let type: String
    let title: String
    let status: Int
    let expected: Int64?
    let provided: Int64?

    enum CodingKeys: String, CodingKey {
      case type, title, status
      case expected = "expected-offset"
      case provided = "provided-offset"
    }
  }

  /// Puts the body into the form that the draft describes; status and fields stay.
  mutating func setProblem(_ problem: DraftProblem) {
    let kinds = "https://iana.org/assignments/http-problem-types#"
    let told: Problem =
      switch problem {
      case .offset(let expected, let provided):
        Problem(
          type: kinds + "mismatching-upload-offset", title: "The body does not begin where the upload stands",
          status: status.code, expected: expected, provided: provided)
      case .length:
        Problem(
          type: kinds + "inconsistent-upload-length", title: "The lengths contradict each other", status: status.code,
          expected: nil, provided: nil)
      }
    body = Response.json(told).body
    fields[.contentType] = "application/problem+json"
  }
}

/// `{"id":"…"}`.
struct IdentifierShape: Encodable, Equatable, Sendable {
  let id: Identifier
}
