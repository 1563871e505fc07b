import Backup
import HTTPServer

/// The class of a failure in one word, for `X-Asset-Error`: an app on iOS sees fields and nothing else.
struct UploadSlug: Equatable, Sendable {
  let text: String

  init(_ error: any Error) {
    switch error {
    case BackupError.emptyFile: text = "empty_file"
    case BackupError.unsupportedType: text = "unsupported_type"
    case BackupError.quotaExceeded: text = "quota_exceeded"
    case BackupError.authenticationRequired, BackupError.invalidAPIKey, BackupError.invalidSessionToken:
      text = "unauthorized"
    case BackupError.missingPermission, BackupError.forbidden: text = "forbidden"
    case let refusal as Refusal where refusal.status == .unsupportedMediaType: text = "unsupported_media_type"
    case is ValidationFailure, BackupError.invalid, is Refusal, BodyError.malformed: text = "invalid"
    case BodyError.stalled: text = "stalled"
    case BodyError.disconnected: text = "disconnected"
    case BodyError.tooLarge: text = "too_large"
    default: text = ErrorAnswer(error, nil)?.code ?? "internal"
    }
  }
}
