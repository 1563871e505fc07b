import Backup
import HTTPServer

/// The class of a failure in one word, for `X-Asset-Error`: an app on iOS sees fields and nothing else.
struct UploadSlug: Equatable, Sendable {
  let text: String

  init(_ error: any Error) {
    switch error {
    case BackupError.emptyFile: text = "empty_file"
    case BackupError.unsupportedType: text = UploadFailure.unsupportedType
    case BackupError.quotaExceeded: text = "quota_exceeded"
    case BackupError.authenticationRequired, BackupError.invalidAPIKey, BackupError.invalidSessionToken:
      text = "unauthorized"
    case BackupError.missingPermission, BackupError.forbidden: text = "forbidden"
    case let refusal as Refusal where refusal.status == .unsupportedMediaType: text = "unsupported_media_type"
    case is ValidationFailure, BackupError.invalid, is Refusal, BodyError.malformed: text = "invalid"
    case BodyError.stalled: text = "stalled"
    case BodyError.disconnected: text = "disconnected"
    case BodyError.tooLarge: text = "too_large"
    case is WrongMethod: text = "wrong_method"
    case is UnknownRoute: text = "unknown_address"
    default: text = ErrorAnswer(error, nil)?.code ?? "internal"
    }
  }

  /// Whether the same bytes, sent in the same way again, would be refused again: what can pass (no room, no right, too
  /// busy, cut off) rejects no photo.
  /// - Parameter isBegun: there is an upload, which a wrong request leaves as it was.
  static func isFinal(_ error: any Error, isBegun: Bool = false) -> Bool {
    switch error {
    case BackupError.emptyFile, BackupError.unsupportedType, BackupError.checksumMismatch, BackupError.uploadFailed,
      BackupError.invalid:
      true
    case BackupError.inconsistentLength, BackupError.lengthExceeded, BackupError.uploadTooLarge, is ValidationFailure,
      BodyError.malformed, BodyError.tooLarge:
      !isBegun
    case let refusal as Refusal: !isBegun && refusal.status == .unsupportedMediaType
    default: false
    }
  }
}
