import Ground

/// A bare item of a structured field (RFC 9651 section 3.3).
enum StructuredItem: Equatable, Sendable {
  case integer(Int64)
  case decimal(Double)
  case string(String)
  case token(String)
  case bytes([UInt8])
  case boolean(Bool)
  /// Seconds since 1970.
  case date(Int64)
  /// A text that may hold more than ASCII.
  case display(String)
  /// `name=(a b)`: nothing here asks for one, but it may stand beside what is asked for.
  case innerList
}

/// Structured fields as the resumable uploads and the digests use them. What does not parse as a whole counts as absent
/// (RFC 9651 section 4.2); parameters are read and ignored.
enum StructuredField {
  /// Longer ones are not looked at: no field that is read here needs more.
  private static let limit = 8192

  /// `?1`, `7`, `"text"` …
  static func item(_ text: String?) -> StructuredItem? {
    guard let text, text.utf8.count <= limit else { return nil }
    var scanner = StructuredScanner(text)
    scanner.skipSpaces()
    guard let item = scanner.item() else { return nil }
    scanner.skipSpaces()
    return scanner.isAtEnd ? item : nil
  }

  static func boolean(_ text: String?) -> Bool? {
    guard case .boolean(let value) = item(text) else { return nil }
    return value
  }

  /// At most 15 digits.
  static func integer(_ text: String?) -> Int64? {
    guard case .integer(let value) = item(text) else { return nil }
    return value
  }

  /// `key=item, flag`. A key that comes twice keeps its last value.
  static func dictionary(_ text: String?) -> [String: StructuredItem]? {
    guard let text, text.utf8.count <= limit else { return nil }
    var scanner = StructuredScanner(text)
    return scanner.dictionary()
  }
}

/// Reads one field value.
struct StructuredScanner {
  private let units: [UInt8]
  private var position = 0

  init(_ text: String) { units = Array(text.utf8) }

  var isAtEnd: Bool { position == units.count }
  private var next: UInt8? { position < units.count ? units[position] : nil }

  mutating func skipSpaces() { while next == 0x20 { position += 1 } }

  private mutating func skipBlanks() { while next == 0x20 || next == 0x09 { position += 1 } }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard let next, UInt32(next) == character.value else { return false }
    position += 1
    return true
  }

  mutating func dictionary() -> [String: StructuredItem]? {
    var members: [String: StructuredItem] = [:]
    skipSpaces()
    if isAtEnd { return members }
    while true {
      guard let key = key() else { return nil }
      if take("=") {
        if next == UInt8(ascii: "(") {
          guard innerList() else { return nil }
          members[key] = .innerList
        } else {
          guard let item = item() else { return nil }
          members[key] = item
        }
      } else {
        guard parameters() else { return nil }
        members[key] = .boolean(true)
      }
      skipBlanks()
      if isAtEnd { return members }
      guard take(",") else { return nil }
      skipBlanks()
      // A comma at the end is an error (section 4.2.2).
      if isAtEnd { return nil }
    }
  }

  private mutating func innerList() -> Bool {
    guard take("(") else { return false }
    while true {
      skipSpaces()
      if take(")") { return parameters() }
      guard item() != nil, next == 0x20 || next == UInt8(ascii: ")") else { return false }
    }
  }

  /// A bare item and its parameters.
  mutating func item() -> StructuredItem? {
    guard let item = bareItem(), parameters() else { return nil }
    return item
  }

  private mutating func parameters() -> Bool {
    while take(";") {
      skipSpaces()
      guard key() != nil else { return false }
      if take("="), bareItem() == nil { return false }
    }
    return true
  }

  private mutating func key() -> String? {
    guard let first = next, (0x61...0x7A).contains(first) || first == UInt8(ascii: "*") else { return nil }
    let start = position
    while let unit = next, StructuredScanner.isKey(unit) { position += 1 }
    return String(decoding: units[start..<position], as: UTF8.self)
  }

  private static func isKey(_ unit: UInt8) -> Bool {
    (0x61...0x7A).contains(unit) || (0x30...0x39).contains(unit) || "_-.*".utf8.contains(unit)
  }

  private mutating func bareItem() -> StructuredItem? {
    guard let next else { return nil }
    switch next {
    case UInt8(ascii: "?"): return boolean()
    case UInt8(ascii: ":"): return bytes()
    case UInt8(ascii: "\""): return string()
    case UInt8(ascii: "@"): return date()
    case UInt8(ascii: "%"): return display()
    case UInt8(ascii: "-"), 0x30...0x39: return number()
    case UInt8(ascii: "*"), 0x41...0x5A, 0x61...0x7A: return token()
    default: return nil
    }
  }

  private mutating func boolean() -> StructuredItem? {
    guard take("?") else { return nil }
    if take("1") { return .boolean(true) }
    return take("0") ? StructuredItem.boolean(false) : nil
  }

  private mutating func number() -> StructuredItem? {
    let isNegative = take("-")
    var value: Int64 = 0
    var digits = 0
    while let unit = next, (0x30...0x39).contains(unit) {
      digits += 1
      guard digits <= 15 else { return nil }
      value = value * 10 + Int64(unit - 0x30)
      position += 1
    }
    guard digits > 0 else { return nil }
    guard take(".") else { return .integer(isNegative ? -value : value) }
    guard digits <= 12 else { return nil }
    var fraction = 0.0
    var places = 0
    var scale = 1.0
    while let unit = next, (0x30...0x39).contains(unit) {
      places += 1
      guard places <= 3 else { return nil }
      scale /= 10
      fraction += Double(unit - 0x30) * scale
      position += 1
    }
    guard places > 0 else { return nil }
    return .decimal((isNegative ? -1 : 1) * (Double(value) + fraction))
  }

  private mutating func date() -> StructuredItem? {
    guard take("@"), case .integer(let seconds) = number() else { return nil }
    return .date(seconds)
  }

  /// `%"f%c3%bc"`: UTF-8, what is not plain ASCII in percent-encoding with lower-case digits.
  private mutating func display() -> StructuredItem? {
    guard take("%"), take("\"") else { return nil }
    var out: [UInt8] = []
    while let unit = next {
      position += 1
      switch unit {
      case UInt8(ascii: "\""): return String(validating: out, as: UTF8.self).map { .display($0) }
      case UInt8(ascii: "%"):
        guard let high = lowerHex(), let low = lowerHex() else { return nil }
        out.append(high << 4 | low)
      case 0x20...0x7E: out.append(unit)
      default: return nil
      }
    }
    return nil
  }

  private mutating func lowerHex() -> UInt8? {
    guard let unit = next, !(0x41...0x46).contains(unit), let value = Hex.value(unit) else { return nil }
    position += 1
    return value
  }

  private mutating func string() -> StructuredItem? {
    guard take("\"") else { return nil }
    var out: [UInt8] = []
    while let unit = next {
      position += 1
      switch unit {
      case UInt8(ascii: "\""): return .string(String(decoding: out, as: UTF8.self))
      case UInt8(ascii: "\\"):
        guard let escaped = next, escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\") else { return nil }
        out.append(escaped)
        position += 1
      case 0x20...0x7E: out.append(unit)
      default: return nil
      }
    }
    return nil
  }

  private mutating func token() -> StructuredItem? {
    let start = position
    while let unit = next,
      (0x30...0x39).contains(unit) || (0x41...0x5A).contains(unit) || (0x61...0x7A).contains(unit)
        || "!#$%&'*+-.^_`|~:/".utf8.contains(unit)
    {
      position += 1
    }
    return .token(String(decoding: units[start..<position], as: UTF8.self))
  }

  private mutating func bytes() -> StructuredItem? {
    guard take(":") else { return nil }
    let start = position
    while let unit = next, unit != UInt8(ascii: ":") { position += 1 }
    let text = units[start..<position]
    guard take(":"), let bytes = Base64.decode(text) else { return nil }
    return .bytes(bytes)
  }
}
