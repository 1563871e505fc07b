import Glibc

/// A version 4 UUID, written in lower case wherever it leaves the server: Immich's app compares ids as strings,
/// and immichpy rejects every other UUID version.
package struct Identifier: Hashable, Sendable, Comparable {
  package let high: UInt64
  package let low: UInt64

  /// A fresh random id.
  package init() {
    var generator = SystemRandomNumberGenerator()
    high = (generator.next() & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000
    low = (generator.next() & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
  }

  /// The 16 bytes as stored in the catalog; nil for any other length.
  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 16 else { return nil }
    var words: (UInt64, UInt64) = (0, 0)
    for (index, byte) in bytes.enumerated() {
      if index < 8 { words.0 = words.0 << 8 | UInt64(byte) } else { words.1 = words.1 << 8 | UInt64(byte) }
    }
    (high, low) = words
  }

  /// The 16 bytes where SQLite keeps them; nil for any other length.
  package init?(raw: UnsafeRawBufferPointer) {
    guard raw.count == 16 else { return nil }
    high = UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self))
    low = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
  }

  /// Parses `8-4-4-4-12` hexadecimal in either case; nil for anything else.
  package init?(_ text: some StringProtocol) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16)
    var pending: UInt8?
    var position = 0
    for unit in text.utf8 {
      let dashDue = position == 8 || position == 13 || position == 18 || position == 23
      position += 1
      if dashDue {
        guard unit == UInt8(ascii: "-") else { return nil }
        continue
      }
      guard let digit = Hex.value(unit), bytes.count < 16 else { return nil }
      if let top = pending {
        bytes.append(top << 4 | digit)
        pending = nil
      } else {
        pending = digit
      }
    }
    guard position == 36, pending == nil else { return nil }
    self.init(bytes: bytes)
  }

  package var bytes: [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(16)
    for word in [high, low] {
      for shift in stride(from: 56, through: 0, by: -8) { out.append(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
    }
    return out
  }

  package static func < (left: Identifier, right: Identifier) -> Bool {
    left.high == right.high ? left.low < right.low : left.high < right.high
  }
}

extension Identifier: CustomStringConvertible {
  /// Lower-case `8-4-4-4-12`.
  package var description: String {
    String(unsafeUninitializedCapacity: 36) { out in
      var index = 0
      for position in 0..<16 {
        if position == 4 || position == 6 || position == 8 || position == 10 {
          out[index] = UInt8(ascii: "-")
          index += 1
        }
        let byte = UInt8(truncatingIfNeeded: (position < 8 ? high : low) >> UInt64(56 - position % 8 * 8))
        out[index] = Hex.digits[Int(byte >> 4)]
        out[index + 1] = Hex.digits[Int(byte & 15)]
        index += 2
      }
      return index
    }
  }
}

extension Identifier: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let id = Identifier(text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "must be a UUID")
    }
    self = id
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
