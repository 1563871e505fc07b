/// Standard base64 (RFC 4648 section 4), padded.
package enum Base64 {
  fileprivate static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  static let values = table(digits)

  @inline(__always)
  static func value(_ unit: UInt8) -> UInt8? {
    let value = values[Int(unit)]
    return value == 0xFF ? nil : value
  }

  package static func encode(_ bytes: [UInt8]) -> String {
    var out = Base64.encode(bytes, digits)
    while out.count % 4 != 0 { out.append(UInt8(ascii: "=")) }
    return String(decoding: out, as: UTF8.self)
  }

  /// Strict: padded to whole groups, no white space, no bits beyond the last byte, so that bytes have one spelling.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    let units = Array(text)
    guard units.count % 4 == 0 else { return nil }
    let padding = units.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
    return decode(units.dropLast(padding), values)
  }

  package static func decode(_ text: some StringProtocol) -> [UInt8]? { decode(text.utf8) }

  fileprivate static func table(_ digits: [UInt8]) -> [UInt8] {
    var table = [UInt8](repeating: 0xFF, count: 256)
    for (value, unit) in digits.enumerated() { table[Int(unit)] = UInt8(value) }
    return table
  }

  /// Without padding.
  fileprivate static func encode(_ bytes: [UInt8], _ digits: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity((bytes.count + 2) / 3 * 4)
    var index = 0
    while index < bytes.count {
      let left = bytes.count - index
      let group =
        UInt32(bytes[index]) << 16 | (left > 1 ? UInt32(bytes[index + 1]) << 8 : 0)
        | (left > 2 ? UInt32(bytes[index + 2]) : 0)
      out.append(digits[Int(group >> 18)])
      out.append(digits[Int(group >> 12 & 63)])
      if left > 1 { out.append(digits[Int(group >> 6 & 63)]) }
      if left > 2 { out.append(digits[Int(group & 63)]) }
      index += 3
    }
    return out
  }

  /// Without padding; nil for what no encoder writes.
  fileprivate static func decode(_ units: ArraySlice<UInt8>, _ values: [UInt8]) -> [UInt8]? {
    // A single digit holds no byte.
    guard units.count % 4 != 1 else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(units.count * 3 / 4)
    var (group, bits): (UInt32, UInt32) = (0, 0)
    for unit in units {
      let value = values[Int(unit)]
      guard value != 0xFF else { return nil }
      group = group << 6 | UInt32(value)
      bits += 6
      guard bits >= 8 else { continue }
      bits -= 8
      out.append(UInt8(truncatingIfNeeded: group >> bits))
      group &= 1 << bits - 1
    }
    return group == 0 ? out : nil
  }
}

/// Base64 for addresses (RFC 4648 section 5), without padding.
package enum Base64URL {
  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
  private static let values = Base64.table(digits)

  package static func encode(_ bytes: [UInt8]) -> String {
    String(decoding: Base64.encode(bytes, digits), as: UTF8.self)
  }

  /// Strict: no padding, no white space, no bits beyond the last byte, so that bytes have one spelling.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? { Base64.decode(Array(text)[...], values) }

  package static func decode(_ text: some StringProtocol) -> [UInt8]? { decode(text.utf8) }
}
