import Ground

/// Compact serialization (RFC 7515 section 7.1).
enum JSONWebToken {
  /// - Parameter sign: over the bytes of header and claims, in the algorithm that the header names.
  static func make<Failure: Error>(
    header: [(String, String)], claims: String, sign: ([UInt8]) throws(Failure) -> [UInt8]
  ) throws(Failure) -> String {
    let text = "\(Base64URL.encode(PushJSON.object(header))).\(Base64URL.encode(Array(claims.utf8)))"
    return "\(text).\(Base64URL.encode(try sign(Array(text.utf8))))"
  }
}
