import Backup
import HTTPServer

/// Whether the right to upload still stands when the last byte has come: hours may lie between.
struct UploadAuthorization: Sendable {
  static let permission = Uploads.permission

  let authentication: Authentication
  let uploads: Uploads

  /// - Parameter principal: nil where the request only knows the address; whoever created the upload answers for it then.
  func check(_ request: Request, _ principal: Principal?, _ token: UploadToken) async throws {
    guard principal != nil else { return try await uploads.requireCreatorStillMayUpload(token) }
    try await authentication.principal(of: request).require(UploadAuthorization.permission)
  }
}
