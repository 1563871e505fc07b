import COpenSSL

/// A private RSA key, for services that take no other.
///
/// `@unchecked Sendable`: `key` never changes, and OpenSSL lets every thread sign with it.
package final class RSAKey: @unchecked Sendable {
  /// Of OpenSSL's, which counts its users. Owned here; freed in deinit.
  private let key: OpaquePointer

  /// Nil where the text is no private RSA key (PEM, without a password).
  package init?(pem: [UInt8]) {
    // The BIO keeps a pointer to the bytes, not a copy: it must end before they may move.
    let read = pem.withUnsafeBytes { bytes -> OpaquePointer? in
      guard let memory = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
      defer { BIO_free(memory) }
      return PEM_read_bio_PrivateKey(memory, nil, ns_no_passphrase, nil)
    }
    guard let key = read else {
      ERR_clear_error()
      return nil
    }
    guard EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA else {
      EVP_PKEY_free(key)
      return nil
    }
    self.key = key
  }

  deinit { EVP_PKEY_free(key) }

  package struct SignatureFailure: Error {}

  /// RSASSA-PKCS1-v1_5 with SHA-256 (`RS256`).
  package func signature(of bytes: [UInt8]) throws(SignatureFailure) -> [UInt8] {
    guard let context = EVP_MD_CTX_new() else { throw SignatureFailure() }
    defer { EVP_MD_CTX_free(context) }
    var count = 0
    guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
      EVP_DigestSign(context, nil, &count, bytes, bytes.count) == 1
    else { throw SignatureFailure() }
    var out = [UInt8](repeating: 0, count: count)
    guard EVP_DigestSign(context, &out, &count, bytes, bytes.count) == 1 else { throw SignatureFailure() }
    return Array(out.prefix(count))
  }
}
