import Ground

/// Whether bytes are one well-formed JSON value in UTF-8, nested at most 64 deep.
package func isJSON(_ bytes: [UInt8]) -> Bool {
  let text = bytes.span
  guard (try? UTF8Span(validating: text)) != nil else { return false }
  var position = 0
  guard JSONScanner.skipValue(text, &position) else { return false }
  JSONScanner.skipBlanks(text, &position)
  return position == text.count
}

extension OutputSpan<UInt8> {
  /// The lower-case UUID in 36 bytes, without quotation marks.
  mutating func append(_ id: Identifier) {
    let digits = Hex.digits
    for position in 0..<16 {
      if position == 4 || position == 6 || position == 8 || position == 10 { append(UInt8(ascii: "-")) }
      let word = position < 8 ? id.high : id.low
      let byte = Int(truncatingIfNeeded: word >> UInt64(56 - 8 * (position % 8))) & 0xFF
      append(digits[byte >> 4])
      append(digits[byte & 15])
    }
  }

  /// The last two to four decimal digits of a number, and what comes behind them. - Precondition: not negative.
  mutating func append(_ value: Int, digits: Int, _ separator: UInt8) {
    var divisor = digits == 4 ? 1000 : digits == 3 ? 100 : 10
    while divisor > 0 {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
      divisor /= 10
    }
    append(separator)
  }
}
