import Backup
import Ground
import HTTPServer
import HTTPTypes

/// A SHA-1 as Immich's clients announce it, in hexadecimal or base64.
enum ImmichChecksum {
  static let field = "x-immich-checksum"

  /// Nil for an empty text, which says nothing.
  static func read(_ name: String, _ text: String) throws(ValidationFailure) -> SHA1Digest? {
    if text.isEmpty { return nil }
    guard let digest = SHA1Digest(text: text) else {
      throw ValidationFailure(name, "must be a SHA-1 digest, 40 hexadecimal or 28 base64 characters")
    }
    return digest
  }
}

/// What a request whose body is the file itself says of that file, in its query and its fields. Nothing of it is
/// required: an upload by the system of a phone may come without any of it.
struct RawFacts: Sendable {
  var facts: UploadFacts
  /// From `Repr-Digest`: verified where the upload can be resumed.
  var claimedSHA256: [UInt8]?

  /// The form's names, each with its spelling as a field: `?fileCreatedAt=`, `X-fileCreatedAt:` (as every field in any
  /// case) and `X-File-Created-At:`, which YAIIU sends.
  private static let names: [(name: String, fields: [String])] = [
    "filename", "fileCreatedAt", "fileModifiedAt", "isFavorite", "visibility", "duration", "livePhotoVideoId",
    "metadata",
  ].map { ($0, ["X-\($0)", "X-\(dashed($0))"]) }

  private static func dashed(_ name: String) -> String {
    name.map { $0.isUppercase ? "-\($0)" : String($0) }.joined()
  }

  /// - Throws: `ValidationFailure` where something is said that cannot be understood.
  init(_ request: Request) throws(ValidationFailure) {
    var form = UploadForm()
    for (name, fields) in RawFacts.names {
      guard let text = RawFacts.first(name, fields, request) else { continue }
      try form.set(name, Array(text.utf8))
    }
    facts = form.looseFacts
    if facts.name == nil {
      facts.name = request[.contentDisposition].flatMap { MultipartHead.fileName(disposition: $0) }
    }
    // `curl -T IMG_1.jpg https://…/api/backup/assets/`
    if facts.name == nil { facts.name = request.parameters["name"].map { Array($0.utf8) } }
    if facts.modifiedAt == nil {
      facts.modifiedAt = request[.lastModified].flatMap { HTTPDate.parse($0) }.flatMap { WrittenTime($0.iso8601) }
    }
    // When a file was last written is nearer to when it was taken than now is.
    if facts.createdAt == nil { facts.createdAt = facts.modifiedAt }
    let digest = try DigestField("Repr-Digest", request)
    claimedSHA256 = digest.sha256
    facts.claimedChecksum = try RawFacts.checksum(request, digest.sha1)
  }

  /// Fields that describe the file, for browsers: CORS asks for every one by its name.
  static var fieldNames: [String] { names.flatMap(\.fields) + ["X-checksum", ImmichChecksum.field, "Last-Modified"] }

  /// Of a request whose whole body is the file, the body's digest is the file's.
  /// - Throws: `ValidationFailure` where it contradicts another.
  mutating func claim(content: DigestField) throws(ValidationFailure) {
    guard facts.claimedChecksum == nil || content.sha1 == nil || facts.claimedChecksum == content.sha1,
      claimedSHA256 == nil || content.sha256 == nil || claimedSHA256 == content.sha256
    else { throw ValidationFailure("Content-Digest", "contradicts another checksum of the request") }
    facts.claimedChecksum = facts.claimedChecksum ?? content.sha1
    claimedSHA256 = claimedSHA256 ?? content.sha256
  }

  /// The query beats the fields: it is what a person types. An empty value says nothing.
  private static func first(_ name: String, _ fields: [String], _ request: Request) -> String? {
    if let text = request.target.query(name), !text.isEmpty { return text }
    return fields.lazy.compactMap { request.field($0) }.first { !$0.isEmpty }
  }

  /// - Throws: `ValidationFailure` for what is no digest, and where two different ones came.
  private static func checksum(_ request: Request, _ digest: SHA1Digest?) throws(ValidationFailure) -> SHA1Digest? {
    var claimed = digest
    // A bare plus sign in a query is a space; no digest has one.
    let query = request.target.query("checksum").map { ("checksum", $0.replacing(" ", with: "+")) }
    let fields = [ImmichChecksum.field, "X-checksum"].compactMap { name in request.field(name).map { (name, $0) } }
    for (name, text) in [query].compactMap({ $0 }) + fields {
      guard let digest = try ImmichChecksum.read(name, text) else { continue }
      guard claimed == nil || claimed == digest else {
        throw ValidationFailure(name, "contradicts another checksum of the request")
      }
      claimed = digest
    }
    return claimed
  }
}
