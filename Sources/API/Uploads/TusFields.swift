import Backup
import Ground
import HTTPServer
import HTTPTypes

/// The request fields of tus 1.0.0. Wrong ones are a `ValidationFailure` that names the field.
extension Request {
  /// Decimal digits and nothing else, up to 2^63-1: no sign, no list, no empty text.
  func byteCount(_ name: String) throws(ValidationFailure) -> Int64? {
    guard let text = field(name) else { return nil }
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int64(text) else {
      throw ValidationFailure(name, "must be a whole number of bytes from 0 to 9223372036854775807")
    }
    return count
  }

  /// `Upload-Checksum: sha1 <base64>`: of this request's body alone.
  func partClaim() throws(ValidationFailure) -> PartClaim? {
    let name = "Upload-Checksum"
    guard let text = field(name) else { return nil }
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 2, let algorithm = PartClaim.Algorithm(rawValue: String(words[0])) else {
      let names = PartClaim.Algorithm.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationFailure(name, "must be one of \(names), a space, and the digest in base64")
    }
    guard let digest = Base64.decode(words[1]), let claim = PartClaim(algorithm, digest) else {
      throw ValidationFailure(name, "the digest must be base64 of as many bytes as \(algorithm.rawValue) has")
    }
    return claim
  }
}

/// `Upload-Concat`: a part of a larger upload, or the whole that is put together from parts.
enum TusConcatenation: Equatable {
  case partial
  case final([UploadToken])

  /// Nil where the field is absent.
  /// - Throws: `ValidationFailure`; `.unknownUpload` for an address that is none of ours.
  init?(_ request: Request) throws {
    guard let text = request.field("Upload-Concat") else { return nil }
    try self.init(text)
  }

  init(_ text: String) throws {
    if text == "partial" {
      self = .partial
      return
    }
    guard text.hasPrefix("final;") else { throw ValidationFailure("Upload-Concat", "must be partial, or final;…") }
    let addresses = text.dropFirst("final;".count).split(separator: " ")
    guard !addresses.isEmpty else { throw ValidationFailure("Upload-Concat", "names no part") }
    self = .final(
      try addresses.map { address in
        guard let token = UploadAddress.token(address) else { throw BackupError.unknownUpload }
        return token
      })
  }
}

/// `Upload-Metadata`: pairs of a key and a base64 value, separated by commas.
struct TusMetadata: Sendable {
  private(set) var values: [String: [UInt8]] = [:]

  init(_ text: String) throws(ValidationFailure) {
    let name = "Upload-Metadata"
    // Lists may have space around their commas, and repeated fields are joined with some.
    let pairs = text.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmed }
    if pairs.count == 1, pairs[0].isEmpty { return }
    for pair in pairs {
      let words = pair.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
      guard let key = words.first.map(String.init), !key.isEmpty, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
      else {
        throw ValidationFailure(name, "a key is empty or not ASCII")
      }
      // The value may be absent; then its space may be, too.
      guard let value = words.count == 2 ? Base64.decode(words[1]) : [] else {
        throw ValidationFailure(name, "a value is not base64")
      }
      guard values.updateValue(value, forKey: key) == nil else { throw ValidationFailure(name, "a key is repeated") }
    }
  }

  /// What the pairs say of the file; keys that mean nothing here are kept and ignored, as the protocol wants it.
  func facts() throws(ValidationFailure) -> UploadFacts {
    var form = UploadForm()
    for (key, value) in values where UploadForm.limit(of: key) != nil { try form.set(key, value) }
    var facts = form.looseFacts
    if facts.name == nil, let name = values["name"], !name.isEmpty { facts.name = name }
    facts.claimedChecksum = try digest(["checksum", "sha1"]) { SHA1Digest(bytes: $0) ?? SHA1Digest(text: $0) }
    return facts
  }

  func claimedSHA256() throws(ValidationFailure) -> [UInt8]? {
    try digest(["sha256"]) { bytes in
      switch bytes.count {
      case 32: bytes
      case 64: Hex.decode(bytes)
      default: Base64.decode(bytes).flatMap { $0.count == 32 ? $0 : nil }
      }
    }
  }

  /// A digest may come as its bytes, in hexadecimal, or in base64 once more.
  private func digest<T>(_ keys: [String], _ read: ([UInt8]) -> T?) throws(ValidationFailure) -> T? {
    for key in keys {
      guard let bytes = values[key], !bytes.isEmpty else { continue }
      guard let digest = read(bytes) else {
        throw ValidationFailure("Upload-Metadata", "\(key) must be a digest: its bytes, hexadecimal or base64")
      }
      return digest
    }
    return nil
  }
}

extension StringProtocol {
  /// Without the spaces and tabs around it.
  fileprivate var trimmed: String {
    var rest = self[...]
    while rest.first == " " || rest.first == "\t" { rest = rest.dropFirst() }
    while rest.last == " " || rest.last == "\t" { rest = rest.dropLast() }
    return String(rest)
  }
}
