import Backup
import HTTPServer
import HTTPTypes

/// The IETF draft "Resumable Uploads for HTTP", interop versions 3 to 8.
struct DraftDoor: Sendable {
  let uploads: Uploads
  let pump: UploadPump

  /// - Parameter kind: `raw` at the upload resource and the raw door, `multipart` at `POST /api/assets`.
  func create(_ request: Request, _ principal: Principal, kind: UploadKind) async throws -> Response {
    fatalError("to be written")
  }
  func head(_ request: Request, _ upload: UploadStatus) async throws -> Response { fatalError("to be written") }
  func append(_ request: Request, _ upload: UploadStatus, _ principal: Principal?) async throws -> Response {
    fatalError("to be written")
  }
  func cancel(_ request: Request, _ upload: UploadStatus) async throws -> Response { fatalError("to be written") }
  /// Puts an error into the answer that the draft describes.
  func answer(to error: any Error) -> Response? { fatalError("to be written") }
}
