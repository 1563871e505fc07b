import COpenSSL
import CZlib

/// A checksum over a stream of bytes, of the kinds that a client may name for one part of an upload.
/// Belongs to one transfer, is used from one lane at a time, never shared.
package final class RunningDigest {
  package enum Algorithm: String, Sendable, CaseIterable {
    case sha1, sha256
    /// As in zip, gzip and PNG.
    case crc32
  }

  private enum State {
    case sha1(RunningSHA1)
    // Owned here; freed in deinit.
    case sha256(OpaquePointer)
    case crc32(UInt)
  }
  private var state: State

  package init(_ algorithm: Algorithm) {
    switch algorithm {
    case .sha1: state = .sha1(RunningSHA1())
    case .sha256:
      guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
        // Only an OpenSSL without SHA-256 or an exhausted heap gets here; nothing could be verified then.
        fatalError("OpenSSL offers no SHA-256")
      }
      state = .sha256(context)
    case .crc32: state = .crc32(0)
    }
  }

  deinit {
    if case .sha256(let context) = state { EVP_MD_CTX_free(context) }
  }

  package func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    switch state {
    case .sha1(let running): running.update(bytes)
    case .sha256(let context): EVP_DigestUpdate(context, base, bytes.count)
    case .crc32(let sum):
      state = .crc32(crc32_z(sum, base.assumingMemoryBound(to: UInt8.self), bytes.count))
    }
  }

  /// Ends the stream; call once. 20, 32 or (big-endian) 4 bytes.
  package func finish() -> [UInt8] {
    switch state {
    case .sha1(let running): return running.finish().bytes
    case .sha256(let context):
      var out = [UInt8](repeating: 0, count: 32)
      EVP_DigestFinal_ex(context, &out, nil)
      return out
    case .crc32(let sum): return withUnsafeBytes(of: UInt32(sum).bigEndian) { Array($0) }
    }
  }
}
