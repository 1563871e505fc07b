import Crypto
import Glibc
import NIOCore
import NIOPosix

/// One upload on its way to disk. Pieces are gathered to 256 KiB, then hashed and written on NIO's thread pool, so that
/// no event loop waits for the disk.
final class Upload {
  struct SystemFailure: Error { let call: String, code: Int32 }

  private static let batch = 256 * 1024
  private let descriptor: Int32
  private var digest = Insecure.SHA1()
  private var gathered = ByteBuffer()

  init(path: String) throws {
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemFailure(call: "open", code: errno) }
    gathered.reserveCapacity(Self.batch)
  }

  func take(_ piece: ByteBuffer) async throws {
    gathered.writeImmutableBuffer(piece)
    if gathered.readableBytes >= Self.batch { try await flush() }
  }

  /// Hex digest; the bytes are on disk when this returns.
  func finish() async throws -> String {
    try await flush()
    let descriptor = descriptor
    try await NIOThreadPool.singleton.runIfActive {
      guard fsync(descriptor) == 0 else { throw SystemFailure(call: "fsync", code: errno) }
    }
    return digest.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  func close() { _ = Glibc.close(descriptor) }

  private func flush() async throws {
    let (descriptor, bytes, before) = (descriptor, gathered, digest)
    digest = try await NIOThreadPool.singleton.runIfActive {
      var digest = before
      try bytes.withUnsafeReadableBytes { raw in
        digest.update(bufferPointer: raw)
        var rest = raw[...]
        while !rest.isEmpty {
          let written = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
          if written < 0 {
            if errno == EINTR { continue }
            throw SystemFailure(call: "write", code: errno)
          }
          rest = rest.dropFirst(written)
        }
      }
      return digest
    }
    gathered.clear()
  }
}
