import Crypto
import Ground

/// The server's key towards push services (RFC 8292). Subscriptions are bound to it: without it all of them are lost.
package struct VAPIDKey: Sendable {
  private let key: P256.Signing.PrivateKey

  /// Reads the key. One that is lost while the server runs is not replaced in silence.
  /// - Throws: `SystemError`; `.unreadable` where the file holds something else.
  package init(file path: String) throws {
    // Whatever put it back may have been more generous. Where that cannot be changed, it works all the same.
    try? FileSystem.keepPrivate(path)
    let text = String(decoding: try FileSystem.contents(path, limit: 64 << 10), as: UTF8.self)
    do { key = try P256.Signing.PrivateKey(pemRepresentation: text) } catch { throw PushKeyError.unreadable(path) }
  }

  /// Makes a key where there is none: on disk, and readable by its owner alone, when this returns.
  /// - Returns: whether there was none.
  @discardableResult
  package static func makeIfMissing(_ path: String) throws -> Bool {
    guard try FileSystem.status(path) == nil else { return false }
    let draft = "\(path).\(Identifier())"
    let text = P256.Signing.PrivateKey().pemRepresentation + "\n"
    try FileSystem.writeSecret(Array(text.utf8), to: draft)
    do { try FileSystem.renameWithoutReplacing(draft, path) } catch let error {
      try FileSystem.remove(draft)
      // A command beside the server was first.
      guard try FileSystem.status(path) != nil else { throw error }
    }
    try FileSystem.syncFolder(FileSystem.parent(of: path))
    return true
  }

  /// By which registrations know the key they were made with.
  package var fingerprint: String {
    String(Base64URL.encode(Array(SHA256.hash(data: key.publicKey.x963Representation))).prefix(16))
  }

  /// The public key as clients and push services take it: base64url of an uncompressed point.
  package var publicText: String { Base64URL.encode(Array(key.publicKey.x963Representation)) }

  /// - Parameters:
  ///   - audience: origin of the push service.
  ///   - expiry: seconds since 1970, at most 24 hours ahead (section 2).
  ///   - contact: `mailto:` or `https:`.
  func token(audience: String, expiry: Int64, contact: String) throws -> String {
    let claims = "{\"aud\":\(PushJSON.text(audience)),\"exp\":\(expiry),\"sub\":\(PushJSON.text(contact))}"
    return try JSONWebToken.make(header: [("typ", "JWT"), ("alg", "ES256")], claims: claims) { bytes in
      Array(try key.signature(for: bytes).rawRepresentation)
    }
  }
}

/// A key file that cannot be used.
package enum PushKeyError: Error, Sendable, Equatable, CustomStringConvertible {
  case unreadable(String)

  package var description: String {
    switch self {
    case .unreadable(let path): "\(path) holds no key that can be used"
    }
  }
}
