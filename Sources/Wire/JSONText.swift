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

extension [UInt8] {
  /// The lower-case UUID, without quotation marks.
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
}
