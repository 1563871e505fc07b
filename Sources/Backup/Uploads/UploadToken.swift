import Ground

/// The address of an upload: 256 random bits. Whoever knows it may see the upload, go on with it, and cancel it
/// (URLSession is not known to repeat credentials when it resumes).
package struct UploadToken: Hashable, Sendable {
  let bytes: [UInt8]

  /// A new one.
  package init() { bytes = randomBytes(32) }

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// 43 characters of base64url (RFC 4648 section 5) without padding; nil for anything else.
  package init?(_ text: String) { fatalError("to be written") }

  package var text: String { fatalError("to be written") }
}
