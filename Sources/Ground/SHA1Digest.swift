/// The SHA-1 of a file's bytes: the identity by which photos are deduplicated. Twenty bytes, held inline.
package struct SHA1Digest: Hashable, Sendable {
  let first: UInt64
  let second: UInt64
  let third: UInt32

  /// Nil unless there are exactly 20 bytes.
  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 20 else { return nil }
    var words: (UInt64, UInt64, UInt32) = (0, 0, 0)
    for (index, byte) in bytes.enumerated() {
      switch index {
      case 0..<8: words.0 = words.0 << 8 | UInt64(byte)
      case 8..<16: words.1 = words.1 << 8 | UInt64(byte)
      default: words.2 = words.2 << 8 | UInt32(byte)
      }
    }
    (first, second, third) = words
  }

  /// The 20 bytes where SQLite keeps them; nil for any other length.
  package init?(raw: UnsafeRawBufferPointer) {
    guard raw.count == 20 else { return nil }
    first = UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self))
    second = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    third = UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
  }

  /// Parses what Immich clients send: 28 characters are standard base64, 40 are hexadecimal; nil for anything else.
  @inline(__always)
  package init?(text: some Collection<UInt8>) {
    switch text.count {
    case 40: self.init(hex: text)
    case 28: self.init(base64: text)
    default: return nil
    }
  }

  package init?(text: String) {
    self.init(text: text.utf8)
  }

  private init?(hex text: some Collection<UInt8>) {
    var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    var index = 0
    for unit in text {
      guard let digit = Hex.value(unit) else { return nil }
      switch index {
      case 0..<16: words.0 = words.0 << 4 | UInt64(digit)
      case 16..<32: words.1 = words.1 << 4 | UInt64(digit)
      default: words.2 = words.2 << 4 | UInt64(digit)
      }
      index += 1
    }
    first = words.0
    second = words.1
    third = UInt32(words.2)
  }

  private init?(base64 text: some Collection<UInt8>) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(21)
    var group: UInt32 = 0
    var index = 0
    for unit in text {
      if index == 27 {
        guard unit == UInt8(ascii: "=") else { return nil }
        // 27 digits carry 162 bits; the two beyond 160 must be zero, so that one digest has one spelling.
        guard group & 0x3 == 0 else { return nil }
        bytes.append(UInt8(truncatingIfNeeded: group >> 10))
        bytes.append(UInt8(truncatingIfNeeded: group >> 2))
        break
      }
      guard let digit = Base64.value(unit) else { return nil }
      group = group << 6 | UInt32(digit)
      index += 1
      if index % 4 == 0 {
        bytes.append(UInt8(truncatingIfNeeded: group >> 16))
        bytes.append(UInt8(truncatingIfNeeded: group >> 8))
        bytes.append(UInt8(truncatingIfNeeded: group))
        group = 0
      }
    }
    self.init(bytes: bytes)
  }

  /// Order by bytes, as SQLite sorts blobs; equal first halves count as equal.
  @inline(__always)
  package func precedes(_ other: SHA1Digest) -> Bool { first < other.first }

  package var bytes: [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(20)
    withBytes { out.append(contentsOf: $0) }
    return out
  }

  /// The 20 bytes without a heap allocation.
  package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    var storage = (first.bigEndian, second.bigEndian, third.bigEndian)
    return try withUnsafeBytes(of: &storage) { try body(UnsafeRawBufferPointer(rebasing: $0[0..<20])) }
  }

  package var hex: String { Hex.encode(bytes) }
  package var base64: String { Base64.encode(bytes) }
}
