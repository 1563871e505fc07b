import COpenSSL

/// SHA-1 over a stream of bytes, by OpenSSL (about 2 GB/s where the processor has SHA instructions). Its state can be
/// kept and taken up again, so that a resumed upload is not read twice.
/// Belongs to one upload, is used from one lane at a time, never shared.
package final class RunningSHA1 {
  private var context: SHA_CTX

  package init() {
    context = SHA_CTX()
    ns_sha1_init(&context)
  }

  private init(_ context: SHA_CTX) { self.context = context }

  /// Goes on where `state` was taken; nil for what is no state.
  package convenience init?(state: [UInt8]) {
    guard state.count >= 28 else { return nil }
    func number<T: FixedWidthInteger>(_ range: Range<Int>) -> T { state[range].reduce(0) { $0 << 8 | T($1) } }
    let count: UInt64 = number(20..<28)
    let tail = state[28...]
    guard count < 1 << 61, UInt64(tail.count) == count % 64 else { return nil }
    self.init()
    (context.h0, context.h1, context.h2) = (number(0..<4), number(4..<8), number(8..<12))
    (context.h3, context.h4) = (number(12..<16), number(16..<20))
    // OpenSSL counts the bits of whole blocks and of the bytes that wait for one alike.
    (context.Nl, context.Nh) = (UInt32(truncatingIfNeeded: count << 3), UInt32(count >> 29))
    context.num = UInt32(tail.count)
    withUnsafeMutableBytes(of: &context.data) { $0.copyBytes(from: tail) }
  }

  /// What `init(state:)` takes: five words of chaining value and the count of bytes so far, big-endian, then the bytes
  /// behind the last whole block of 64. At most 91 bytes.
  package var state: [UInt8] {
    var out: [UInt8] = []
    for word in [context.h0, context.h1, context.h2, context.h3, context.h4] {
      withUnsafeBytes(of: word.bigEndian) { out.append(contentsOf: $0) }
    }
    withUnsafeBytes(of: UInt64(count).bigEndian) { out.append(contentsOf: $0) }
    withUnsafeBytes(of: context.data) { out.append(contentsOf: $0.prefix(Int(context.num))) }
    return out
  }

  /// Bytes so far.
  package var count: Int64 { Int64(context.Nh) << 29 | Int64(context.Nl) >> 3 }

  /// Another one that goes on from here by itself.
  package func copy() -> RunningSHA1 { RunningSHA1(context) }

  package func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    ns_sha1_update(&context, base, bytes.count)
  }

  /// Ends the stream; call once.
  package func finish() -> SHA1Digest {
    var out = [UInt8](repeating: 0, count: 20)
    ns_sha1_final(&context, &out)
    guard let digest = SHA1Digest(bytes: out) else { fatalError("SHA-1 is 20 bytes") }
    return digest
  }
}
