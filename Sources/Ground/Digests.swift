import COpenSSL

/// SHA-256 of bytes held in memory: how tokens and keys are stored.
package func sha256(_ bytes: some Collection<UInt8>) -> [UInt8] {
  let input = Array(bytes)
  var out = [UInt8](repeating: 0, count: 32)
  // Part of every OpenSSL, whatever its policy. Zeros instead would be the same hash for every secret.
  guard EVP_Digest(input, input.count, &out, nil, EVP_sha256(), nil) == 1 else {
    fatalError("OpenSSL offers no SHA-256")
  }
  return out
}

/// Random bytes from OpenSSL's generator, for secrets.
package func randomBytes(_ count: Int) -> [UInt8] {
  var out = [UInt8](repeating: 0, count: count)
  // Never hand out a predictable secret: RAND_bytes fails only where the kernel gives no entropy.
  guard RAND_bytes(&out, Int32(count)) == 1 else { fatalError("no randomness for secrets") }
  return out
}

/// A random secret of `count` letters and digits (5.95 bits each): safe in a cookie, a header and a URL.
package func randomToken(_ count: Int) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
  var out: [UInt8] = []
  while out.count < count {
    // 248 is the largest multiple of 62 in a byte: rejecting what is above keeps every letter equally likely.
    for byte in randomBytes(count * 2) where byte < 248 && out.count < count { out.append(alphabet[Int(byte) % 62]) }
  }
  return String(decoding: out, as: UTF8.self)
}

/// Whether two secrets are equal, in time that depends on their length only.
package func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
  guard left.count == right.count else { return false }
  return CRYPTO_memcmp(left, right, left.count) == 0
}

/// scrypt (RFC 7914). Memory is 128 * r * n bytes: 32 MiB at n = 32768, r = 8. Takes about 0.1 s and more: run it on a lane.
package func scrypt(password: String, salt: [UInt8], n: UInt64, r: UInt64, p: UInt64, length: Int) -> [UInt8]? {
  var out = [UInt8](repeating: 0, count: length)
  let secret = Array(password.utf8)
  let limit = 128 * r * (n + p + 2) + (1 << 20)
  let done = secret.withUnsafeBufferPointer { pointer in
    pointer.withMemoryRebound(to: CChar.self) {
      EVP_PBE_scrypt($0.baseAddress, secret.count, salt, salt.count, n, r, p, limit, &out, length)
    }
  }
  return done == 1 ? out : nil
}
