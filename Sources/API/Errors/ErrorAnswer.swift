import Backup
import HTTPServer
import HTTPTypes

/// What a client hears when something went wrong: a status, and a text that says nothing of what is stored.
struct ErrorAnswer: Equatable, Sendable {
  var status: HTTPResponse.Status
  /// Clients show it, and some compare it: the texts that Immich has are Immich's.
  var message: String
  /// For programs, where the status alone does not say it.
  var code: String?
  /// Where a registry knows the problem: its URI (RFC 9457 section 3.1.1), for answers below `/api/backup`.
  var problem: String?
  /// Where the upload stands, and where the request took it to stand, in bytes.
  var offsets: Offsets?
  var issues: [ValidationFailure.Issue] = []
  var fields: HTTPFields = [:]

  struct Offsets: Equatable, Sendable {
    let expected: Int64
    let provided: Int64
  }

  private static let problemTypes = "https://iana.org/assignments/http-problem-types#"

  init(_ status: HTTPResponse.Status, _ message: String, code: String? = nil) {
    (self.status, self.message, self.code) = (status, message, code)
  }

  /// Every error that the floors below throw; nil for one that nobody foresaw.
  init?(_ error: any Error, _ request: Request?) {
    switch error {
    case let error as BackupError: self.init(error)
    case let error as BodyError: self.init(error)
    case let error as Refusal:
      self.init(error.status, error.message)
      // RFC 9110 section 15.5.22, RFC 6455 section 4.4.
      if error.status.code == 426 {
        fields[.upgrade] = "websocket"
        if let name = HTTPField.Name("Sec-WebSocket-Version") { fields[name] = "13" }
      }
    case let error as ValidationFailure:
      self.init(.badRequest, "Validation failed")
      issues = error.issues
    case let error as WrongMethod:
      self.init(.methodNotAllowed, "This address does not take \(request?.method.rawValue ?? "that method")")
      fields[.allow] = error.fieldValue
    case is UnknownRoute:
      // The path is the client's own; it is cut so that an answer stays small.
      let path = request.map { String($0.target.rawPath.prefix(200)) } ?? ""
      self.init(.notFound, "\(request?.method.rawValue ?? "") \(path) is not supported by Nightstand")
    case is OtherUser: self.init(.conflict, "Somebody else is logged in now", code: "other_user")
    case is NotReady: self.init(.serviceUnavailable, "The catalog cannot be read", code: "not_ready")
    default: return nil
    }
  }

  init(_ error: BackupError) {
    switch error {
    case .invalid(let message): self.init(.badRequest, message)
    case .authenticationRequired: self.init(.unauthorized, "Authentication required")
    case .invalidAPIKey: self.init(.unauthorized, "Invalid API key")
    case .invalidSessionToken: self.init(.unauthorized, "Invalid user token")
    case .incorrectLogin: self.init(.unauthorized, "Incorrect email or password")
    case .tooManyAttempts(let seconds):
      self.init(.tooManyRequests, "Too many attempts, try again in \(seconds) seconds", code: "too_many_attempts")
      fields[.retryAfter] = String(seconds)
    case .lockedToKeys: self.init(.forbidden, "Elevated permission is required: API keys never see what is locked")
    case .missingPermission(let name): self.init(.forbidden, "Missing required permission: \(name)")
    case .forbidden: self.init(.forbidden, "Forbidden")
    // Immich answers 400, not 404, and clients know it so.
    case .noAccess(let permission): self.init(.badRequest, "Not found or no \(permission) access")
    // The app stops its whole run at exactly this text.
    case .quotaExceeded: self.init(.badRequest, "Quota has been exceeded!")
    case .emptyFile: self.init(.badRequest, "File is empty")
    case .unsupportedType(let name): self.init(.badRequest, "Unsupported file type \(name)")
    case .checksumMismatch(let claimed, let received):
      self.init(
        .badRequest,
        "The checksum does not match: the received bytes have the SHA-1 \(received.hex), but \(claimed.hex) was "
          + "announced; nothing was stored",
        code: "checksum_mismatch")
    case .diskFull:
      self.init(
        HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"),
        "The server's disk is full; nothing was stored", code: "disk_full")
    case .unavailable(let message): self.init(.serviceUnavailable, message, code: "unavailable")
    case .originalMissing: self.init(.notFound, "The original file is missing on the server", code: "original_missing")
    case .unknownUpload: self.init(.notFound, "There is no such upload", code: "upload_unknown")
    case .uploadGone: self.init(.gone, "The upload was cancelled or has expired", code: "upload_gone")
    case .offsetMismatch(let expected, let provided):
      self.init(
        .conflict, "The upload stands at byte \(expected), but the request begins at \(provided)",
        code: "offset_mismatch")
      problem = ErrorAnswer.problemTypes + "mismatching-upload-offset"
      offsets = Offsets(expected: expected, provided: provided)
    case .inconsistentLength:
      self.init(.badRequest, "The lengths contradict each other", code: "inconsistent_length")
      problem = ErrorAnswer.problemTypes + "inconsistent-upload-length"
    case .lengthExceeded: self.init(.contentTooLarge, "The body is longer than the upload", code: "length_exceeded")
    case .uploadTooLarge(let limit):
      self.init(.contentTooLarge, "An upload may have at most \(limit) bytes", code: "too_large")
    case .partMismatch:
      self.init(
        HTTPResponse.Status(code: 460, reasonPhrase: "Checksum Mismatch"),
        "The part's checksum does not match; it was thrown away", code: "part_mismatch")
    case .uploadBusy(let seconds):
      self.init(.serviceUnavailable, "The upload is busy, try again", code: "upload_busy")
      fields[.retryAfter] = String(seconds)
    case .tooManyUploads(let seconds):
      self.init(.tooManyRequests, "Too many uploads at once", code: "too_many_uploads")
      fields[.retryAfter] = String(seconds)
    case .tooManyPushes(let seconds):
      self.init(.tooManyRequests, "This address was written to already, try again later", code: "too_many_pushes")
      fields[.retryAfter] = String(seconds)
    case .hostNotAllowed(let host):
      self.init(
        .badRequest, "Nothing is sent to \(host) unless an admin of this server allows it", code: "host_not_allowed")
    case .syncBusy(let seconds):
      self.init(.serviceUnavailable, "Other phones are being synced, try again", code: "sync_busy")
      fields[.retryAfter] = String(seconds)
    case .tooSlow: self.init(.requestTimeout, "The body comes too slowly; what came is kept", code: "too_slow")
    case .overtaken: self.init(.conflict, "Another connection goes on with this upload", code: "overtaken")
    // Doors answer it as the duplicate that it is; here for one that does not.
    case .storedMeanwhile:
      self.init(.conflict, "The same bytes were stored by another upload meanwhile", code: "stored_meanwhile")
    case .uploadFailed(let failure): self.init(.badRequest, failure.message, code: failure.code)
    }
  }

  init(_ error: BodyError) {
    switch error {
    case .disconnected: self.init(.badRequest, "The request's body ended early")
    case .stalled: self.init(.requestTimeout, "The request's body stalled")
    case .overloaded:
      self.init(.serviceUnavailable, "The server is busy with other requests, try again", code: "overloaded")
      fields[.retryAfter] = "1"
    case .malformed(let reason): self.init(.badRequest, "The request's body is malformed: \(reason)")
    case .tooLarge(let limit): self.init(.contentTooLarge, "The request, or one of its fields, is over \(limit) bytes")
    }
  }
}

/// The path exists, but not for this method.
struct WrongMethod: Error {
  let allowed: [HTTPRequest.Method]

  /// HEAD is answered wherever GET is.
  var fieldValue: String {
    let names = allowed.map(\.rawValue) + (allowed.contains(.get) && !allowed.contains(.head) ? ["HEAD"] : [])
    return names.joined(separator: ", ")
  }
}

/// The credential is not that of the person whom the request names (`Authentication.userField`).
struct OtherUser: Error {}

/// The process runs, but cannot do its work.
struct NotReady: Error {
  let cause: any Error
}

/// Nothing answers there.
struct UnknownRoute: Error {}
