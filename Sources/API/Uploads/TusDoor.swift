import Backup
import HTTPServer
import HTTPTypes

/// tus 1.0.0: creation, creation-with-upload, creation-defer-length, termination, expiration, checksum, concatenation.
struct TusDoor: Sendable {
  let uploads: Uploads
  let pump: UploadPump

  /// - Parameter principal: who creates.
  func create(_ request: Request, _ principal: Principal) async throws -> Response { fatalError("to be written") }
  func head(_ request: Request, _ upload: UploadStatus) async throws -> Response { fatalError("to be written") }
  func append(_ request: Request, _ upload: UploadStatus, _ principal: Principal?) async throws -> Response {
    fatalError("to be written")
  }
  func terminate(_ request: Request, _ upload: UploadStatus) async throws -> Response { fatalError("to be written") }
  /// Puts an error into the answer that tus clients know.
  func answer(to error: any Error) -> Response? { fatalError("to be written") }
}
