extension SHA1Digest {
  /// As `init(text:)`, over bytes that lie in a larger message: no copy, no allocation. Bulk checks read thousands of
  /// these per request.
  package init?(text: Span<UInt8>) {
    switch text.count {
    case 40: self.init(hex: text)
    case 28: self.init(base64: text)
    default: return nil
    }
  }

  /// A digit's value by its character; 0xFF for what is none. Without a branch per digit: whether one is a letter is
  /// random, and a wrong guess costs more than the load.
  private static let hexValues: [UInt8] = (0...255).map { Hex.value($0) ?? 0xFF }

  private init?(hex text: Span<UInt8>) {
    let values = SHA1Digest.hexValues
    // No digit has a bit above the lowest four, what is no digit has all of them.
    var seen: UInt8 = 0
    func digit(_ index: Int) -> UInt64 {
      let value = values[Int(text[index])]
      seen |= value
      return UInt64(value)
    }
    var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    for index in 0..<16 { words.0 = words.0 << 4 | digit(index) }
    for index in 16..<32 { words.1 = words.1 << 4 | digit(index) }
    for index in 32..<40 { words.2 = words.2 << 4 | digit(index) }
    guard seen & 0xF0 == 0 else { return nil }
    (first, second, third) = (words.0, words.1, UInt32(truncatingIfNeeded: words.2))
  }

  private init?(base64 text: Span<UInt8>) {
    guard text[27] == UInt8(ascii: "=") else { return nil }
    let values = Base64.values
    // As above, with six bits.
    var seen: UInt8 = 0
    func digit(_ index: Int) -> UInt64 {
      let value = values[Int(text[index])]
      seen |= value
      return UInt64(value)
    }
    // 27 digits carry 162 bits: 64 of them end inside the 11th digit, 128 inside the 22nd.
    var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    for index in 0..<10 { words.0 = words.0 << 6 | digit(index) }
    words.1 = digit(10)
    words.0 = words.0 << 4 | words.1 >> 2
    words.1 &= 0x3
    for index in 11..<21 { words.1 = words.1 << 6 | digit(index) }
    words.2 = digit(21)
    words.1 = words.1 << 2 | words.2 >> 4
    words.2 &= 0xF
    for index in 22..<27 { words.2 = words.2 << 6 | digit(index) }
    // The two bits beyond 160 must be zero, so that one digest has one spelling.
    guard seen & 0xC0 == 0, words.2 & 0x3 == 0 else { return nil }
    (first, second, third) = (words.0, words.1, UInt32(truncatingIfNeeded: words.2 >> 2))
  }
}
