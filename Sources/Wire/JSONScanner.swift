/// Walks JSON text (RFC 8259) without building a tree. A position moves over the bytes; what a value means is for the
/// caller to say. The bytes are valid UTF-8: the caller has checked that.
enum JSONScanner {
  /// How deep values may nest; beyond that a hostile body costs stack and time for nothing.
  static let depthLimit = 64

  @inline(__always)
  static func skipBlanks(_ text: Span<UInt8>, _ position: inout Int) {
    while position < text.count {
      switch text[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  /// Takes one punctuation byte, blanks before it included.
  @inline(__always)
  static func take(_ byte: UInt8, _ text: Span<UInt8>, _ position: inout Int) -> Bool {
    skipBlanks(text, &position)
    guard position < text.count, text[position] == byte else { return false }
    position += 1
    return true
  }

  /// Takes a string. - Returns: where its content lies, quotes left out, and whether it has escapes; nil where there is
  /// no well-formed string.
  @inline(__always)
  static func string(_ text: Span<UInt8>, _ position: inout Int) -> (content: Range<Int>, hasEscapes: Bool)? {
    guard take(UInt8(ascii: "\""), text, &position) else { return nil }
    let start = position
    var hasEscapes = false
    // A local, so that it stays in a register: this loop sees nearly every byte.
    var index = start
    while index < text.count {
      let byte = text[index]
      if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        index += 1
      } else if byte == UInt8(ascii: "\"") {
        position = index + 1
        return (start..<index, hasEscapes)
      } else {
        hasEscapes = true
        guard byte == UInt8(ascii: "\\"), skipEscape(text, &index) else { return nil }
      }
    }
    return nil
  }

  private static func skipEscape(_ text: Span<UInt8>, _ position: inout Int) -> Bool {
    guard position + 1 < text.count else { return false }
    switch text[position + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 2
      return true
    case UInt8(ascii: "u"):
      guard let unit = hexUnit(text, position + 2) else { return false }
      position += 6
      switch unit {
      case 0xD800..<0xDC00:
        // A high surrogate stands for a character only together with a low one.
        guard position + 1 < text.count, text[position] == UInt8(ascii: "\\"), text[position + 1] == UInt8(ascii: "u"),
          let low = hexUnit(text, position + 2), (0xDC00..<0xE000).contains(low)
        else { return false }
        position += 6
        return true
      case 0xDC00..<0xE000: return false
      default: return true
      }
    default: return false
    }
  }

  private static func hexUnit(_ text: Span<UInt8>, _ start: Int) -> UInt32? {
    guard start + 4 <= text.count else { return nil }
    var unit: UInt32 = 0
    for index in start..<start + 4 {
      let byte = text[index]
      switch byte {
      case 0x30...0x39: unit = unit << 4 | UInt32(byte - 0x30)
      case 0x61...0x66: unit = unit << 4 | UInt32(byte - 0x61 + 10)
      case 0x41...0x46: unit = unit << 4 | UInt32(byte - 0x41 + 10)
      default: return nil
      }
    }
    return unit
  }

  /// The bytes that a string with escapes stands for; only called for content that `string` accepted.
  static func unescaped(_ text: Span<UInt8>, _ content: Range<Int>) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(content.count)
    var index = content.lowerBound
    while index < content.upperBound {
      guard text[index] == UInt8(ascii: "\\") else {
        out.append(text[index])
        index += 1
        continue
      }
      let escape = text[index + 1]
      index += 2
      switch escape {
      case UInt8(ascii: "b"): out.append(0x08)
      case UInt8(ascii: "f"): out.append(0x0C)
      case UInt8(ascii: "n"): out.append(0x0A)
      case UInt8(ascii: "r"): out.append(0x0D)
      case UInt8(ascii: "t"): out.append(0x09)
      case UInt8(ascii: "u"):
        var scalar = hexUnit(text, index) ?? 0xFFFD
        index += 4
        if (0xD800..<0xDC00).contains(scalar), let low = hexUnit(text, index + 2) {
          scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
          index += 6
        }
        out.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
      default: out.append(escape)
      }
    }
    return out
  }

  /// A string of at most eight bytes as one number, first byte on top, however it is written; 0 for a longer one. Keys
  /// are compared so without a loop.
  @inline(__always)
  static func word(_ text: Span<UInt8>, _ string: (content: Range<Int>, hasEscapes: Bool)) -> UInt64 {
    if string.hasEscapes { return word(unescaped(text, string.content)) }
    guard string.content.count <= 8 else { return 0 }
    var word: UInt64 = 0
    for index in string.content { word = word << 8 | UInt64(text[index]) }
    return word
  }

  private static func word(_ bytes: [UInt8]) -> UInt64 {
    bytes.count <= 8 ? bytes.reduce(0) { $0 << 8 | UInt64($1) } : 0
  }

  /// Takes any value. - Returns: false where it is not well-formed or nests deeper than `depthLimit`.
  static func skipValue(_ text: Span<UInt8>, _ position: inout Int, depth: Int = 0) -> Bool {
    guard depth < depthLimit else { return false }
    skipBlanks(text, &position)
    guard position < text.count else { return false }
    switch text[position] {
    case UInt8(ascii: "\""): return string(text, &position) != nil
    case UInt8(ascii: "{"):
      position += 1
      if take(UInt8(ascii: "}"), text, &position) { return true }
      repeat {
        guard string(text, &position) != nil, take(UInt8(ascii: ":"), text, &position),
          skipValue(text, &position, depth: depth + 1)
        else { return false }
      } while take(UInt8(ascii: ","), text, &position)
      return take(UInt8(ascii: "}"), text, &position)
    case UInt8(ascii: "["):
      position += 1
      if take(UInt8(ascii: "]"), text, &position) { return true }
      repeat {
        guard skipValue(text, &position, depth: depth + 1) else { return false }
      } while take(UInt8(ascii: ","), text, &position)
      return take(UInt8(ascii: "]"), text, &position)
    case UInt8(ascii: "t"): return literal("true", text, &position)
    case UInt8(ascii: "f"): return literal("false", text, &position)
    case UInt8(ascii: "n"): return literal("null", text, &position)
    default: return number(text, &position)
    }
  }

  private static func literal(_ word: String, _ text: Span<UInt8>, _ position: inout Int) -> Bool {
    for byte in word.utf8 {
      guard position < text.count, text[position] == byte else { return false }
      position += 1
    }
    return true
  }

  private static func number(_ text: Span<UInt8>, _ position: inout Int) -> Bool {
    func digits() -> Int {
      let start = position
      while position < text.count, (0x30...0x39).contains(text[position]) { position += 1 }
      return position - start
    }
    if position < text.count, text[position] == UInt8(ascii: "-") { position += 1 }
    let leadsWithZero = position < text.count && text[position] == UInt8(ascii: "0")
    let whole = digits()
    guard whole > 0, !leadsWithZero || whole == 1 else { return false }
    if position < text.count, text[position] == UInt8(ascii: ".") {
      position += 1
      guard digits() > 0 else { return false }
    }
    if position < text.count, text[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if position < text.count, text[position] == UInt8(ascii: "+") || text[position] == UInt8(ascii: "-") {
        position += 1
      }
      guard digits() > 0 else { return false }
    }
    return true
  }
}
