import Ground

/// The address of an upload: 256 random bits. Whoever knows it may see the upload, go on with it, and cancel it
/// (URLSession is not known to repeat credentials when it resumes).
package struct UploadToken: Hashable, Sendable {
  static let count = 32

  let bytes: [UInt8]

  /// A new one.
  package init() { bytes = randomBytes(UploadToken.count) }

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// 43 characters of base64url (RFC 4648 section 5) without padding; nil for anything else.
  package init?(_ text: String) {
    // Measured before it is decoded: whatever came in an address.
    guard text.utf8.count == 43, let bytes = Base64URL.decode(text), bytes.count == UploadToken.count else {
      return nil
    }
    self.bytes = bytes
  }

  package var text: String { Base64URL.encode(bytes) }
}
