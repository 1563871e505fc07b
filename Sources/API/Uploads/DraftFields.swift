import Backup
import Ground
import HTTPServer
import HTTPTypes

/// What a request says in the draft's fields. A malformed field counts as absent (RFC 9651 section 4.2).
struct DraftFields: Equatable, Sendable {
  /// Nil where none was named, or none that is spoken here.
  let version: DraftVersion?
  /// With this request the upload is whole.
  let isComplete: Bool?
  /// `Upload-Length`, bytes.
  let length: Int64?
  /// `Upload-Offset`, bytes.
  let offset: Int64?

  init(_ request: Request) {
    func value(_ name: String) -> String? { request.field(name) }
    version = DraftVersion(field: value(DraftVersion.fieldName))
    let spoken = version ?? .newest
    isComplete = StructuredField.boolean(value(spoken.completenessField)).map { $0 == (spoken != .v3) }
    length = StructuredField.integer(value("Upload-Length")).flatMap { $0 >= 0 ? $0 : nil }
    offset = StructuredField.integer(value("Upload-Offset")).flatMap { $0 >= 0 ? $0 : nil }
  }

  /// Whether the client wants a resumable upload made of this request, and can go on with it.
  var isCreation: Bool { version != nil && isComplete != nil }

  /// How long the whole is, as far as the request tells: `Upload-Length`, or where its body is the last one its end.
  /// - Parameter start: where the body begins.
  /// - Throws: `.inconsistentLength` where both are there and disagree.
  func wholeLength(from start: Int64, body count: Int64?, isLast: Bool) throws(BackupError) -> Int64? {
    guard let count else { return length }
    let (end, isTooFar) = start.addingReportingOverflow(count)
    guard !isTooFar else { throw .inconsistentLength }
    guard let length else { return isLast ? end : nil }
    guard isLast ? end == length : end <= length else { throw .inconsistentLength }
    return length
  }
}

/// `Repr-Digest` and `Content-Digest` (RFC 9530): SHA-1 and SHA-256 are compared, others are passed over.
struct DigestField: Equatable, Sendable {
  private(set) var sha1: SHA1Digest?
  private(set) var sha256: [UInt8]?

  /// - Throws: `ValidationFailure` where a digest has not as many bytes as its algorithm: silently comparing nothing
  ///   would be a promise broken.
  init(_ name: String, _ request: Request) throws(ValidationFailure) {
    guard let members = StructuredField.dictionary(request.field(name)) else { return }
    if case .bytes(let bytes) = members["sha"] {
      guard let digest = SHA1Digest(bytes: bytes) else { throw ValidationFailure(name, "sha must have 20 bytes") }
      sha1 = digest
    }
    if case .bytes(let bytes) = members["sha-256"] {
      guard bytes.count == 32 else { throw ValidationFailure(name, "sha-256 must have 32 bytes") }
      sha256 = bytes
    }
  }

  /// The claim on one request's body; the stronger digest where both came.
  var claim: PartClaim? {
    if let sha256 { return PartClaim(.sha256, sha256) }
    return sha1.flatMap { PartClaim(.sha1, $0.bytes) }
  }
}
