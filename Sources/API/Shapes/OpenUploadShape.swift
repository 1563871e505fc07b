import Backup

/// An upload that is not finished, as its owner's devices and the page show it.
struct OpenUploadShape: Encodable, Sendable {
  let id: String
  let location: String
  let state: String
  let kind: String
  let offset: Int64
  let length: Int64?
  let name: String?
  /// What the client said its bytes will be, in hexadecimal.
  let sha1: String?
  let device: String
  let createdAt: String
  let activeAt: String
  let expiresAt: String
  let isReceiving: Bool
  /// Why it failed: `UploadFailure.code`.
  let error: String?

  init(_ upload: UploadStatus, _ address: UploadAddress) {
    (id, location) = (upload.token.text, address.location(upload.token))
    switch upload.state {
    case .open: (state, error) = ("open", nil)
    case .complete: (state, error) = ("complete", nil)
    case .failed(let failure): (state, error) = ("failed", failure.code)
    }
    (kind, offset, length) = (upload.kind.rawValue, upload.offset, upload.length)
    (name, device) = (upload.name.map { String(decoding: $0, as: UTF8.self) }, upload.device)
    sha1 = upload.claimedSHA1?.hex
    (createdAt, activeAt) = (upload.createdAt.iso8601, upload.activeAt.iso8601)
    (expiresAt, isReceiving) = (upload.expiresAt.iso8601, upload.isReceiving)
  }
}
