/// Lower-case hexadecimal.
package enum Hex {
  package static let digits: [UInt8] = Array("0123456789abcdef".utf8)

  package static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var out: [UInt8] = []
    for byte in bytes {
      out.append(digits[Int(byte >> 4)])
      out.append(digits[Int(byte & 15)])
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// Nil unless every two characters are a byte's digits, in either case.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    let values = text.compactMap(value)
    guard values.count == text.count, values.count % 2 == 0 else { return nil }
    return stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
  }

  /// The value of one hexadecimal digit in either case.
  @inline(__always)
  package static func value(_ unit: UInt8) -> UInt8? {
    switch unit {
    case 0x30...0x39: unit - 0x30
    case 0x61...0x66: unit - 0x61 + 10
    case 0x41...0x46: unit - 0x41 + 10
    default: nil
    }
  }
}
