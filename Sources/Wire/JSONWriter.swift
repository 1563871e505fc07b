import Ground

/// Writes JSON into one growing buffer, for answers of many thousand small objects: some 50 ns a member, where
/// `JSONEncoder` takes microseconds. Members come out in the order of the calls.
package struct JSONWriter {
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false

  package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  /// Begins an object as the value of the last key, or by itself.
  package mutating func beginObject() {
    separate()
    bytes.append(UInt8(ascii: "{"))
    needsComma = false
  }

  package mutating func endObject() {
    bytes.append(UInt8(ascii: "}"))
    needsComma = true
  }

  package mutating func beginArray() {
    separate()
    bytes.append(UInt8(ascii: "["))
    needsComma = false
  }

  package mutating func endArray() {
    bytes.append(UInt8(ascii: "]"))
    needsComma = true
  }

  /// Ends a line of JSON lines.
  package mutating func newLine() {
    bytes.append(UInt8(ascii: "\n"))
    needsComma = false
  }

  /// A name of ours: plain ASCII.
  package mutating func key(_ name: StaticString) {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    bytes.append(UInt8(ascii: "\""))
    bytes.append(contentsOf: name.description.utf8)
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  package mutating func string(_ text: some StringProtocol) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    if text.utf8.contains(where: JSONWriter.needsEscape) {
      for unit in text.utf8 { escape(unit) }
    } else {
      bytes.append(contentsOf: text.utf8)
    }
    bytes.append(UInt8(ascii: "\""))
    needsComma = true
  }

  package mutating func id(_ id: Identifier) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    bytes.append(id)
    bytes.append(UInt8(ascii: "\""))
    needsComma = true
  }

  /// `YYYY-MM-DDTHH:MM:SS.mmmZ`.
  package mutating func time(_ instant: Instant) {
    separate()
    let time = CalendarTime(instant)
    bytes.append(UInt8(ascii: "\""))
    padded(time.year, 4, UInt8(ascii: "-"))
    padded(time.month, 2, UInt8(ascii: "-"))
    padded(time.day, 2, UInt8(ascii: "T"))
    padded(time.hour, 2, UInt8(ascii: ":"))
    padded(time.minute, 2, UInt8(ascii: ":"))
    padded(time.second, 2, UInt8(ascii: "."))
    padded(time.millisecond, 3, UInt8(ascii: "Z"))
    bytes.append(UInt8(ascii: "\""))
    needsComma = true
  }

  package mutating func integer(_ number: some FixedWidthInteger) {
    separate()
    bytes.append(contentsOf: String(number).utf8)
    needsComma = true
  }

  /// - Precondition: finite.
  package mutating func number(_ number: Double) {
    separate()
    precondition(number.isFinite)
    // Swift writes the shortest text that reads back as the same number; JSON takes it as it is.
    bytes.append(contentsOf: "\(number)".utf8)
    needsComma = true
  }

  package mutating func flag(_ flag: Bool) {
    separate()
    bytes.append(contentsOf: (flag ? "true" : "false").utf8)
    needsComma = true
  }

  package mutating func null() {
    separate()
    bytes.append(contentsOf: "null".utf8)
    needsComma = true
  }

  /// A value that is JSON already.
  package mutating func raw(_ json: some StringProtocol) {
    separate()
    bytes.append(contentsOf: json.utf8)
    needsComma = true
  }

  /// What was written so far; the buffer begins anew.
  package mutating func take() -> [UInt8] {
    defer {
      bytes = []
      needsComma = false
    }
    return bytes
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
  }

  private static func needsEscape(_ unit: UInt8) -> Bool {
    unit < 0x20 || unit == UInt8(ascii: "\"") || unit == UInt8(ascii: "\\")
  }

  private mutating func escape(_ unit: UInt8) {
    switch unit {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      bytes.append(UInt8(ascii: "\\"))
      bytes.append(unit)
    case 0..<0x20:
      bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0")])
      bytes.append(Hex.digits[Int(unit >> 4)])
      bytes.append(Hex.digits[Int(unit & 15)])
    default: bytes.append(unit)
    }
  }

  private mutating func padded(_ value: Int, _ width: Int, _ separator: UInt8) {
    var divisor = width == 4 ? 1000 : width == 3 ? 100 : 10
    while divisor > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
      divisor /= 10
    }
    bytes.append(separator)
  }
}

extension JSONWriter {
  // Members that may be null: the key is always there, strict clients miss one that is not.

  package mutating func string(_ name: StaticString, _ value: String?) {
    key(name)
    if let value { string(value) } else { null() }
  }

  package mutating func id(_ name: StaticString, _ value: Identifier?) {
    key(name)
    if let value { id(value) } else { null() }
  }

  package mutating func time(_ name: StaticString, _ value: Instant?) {
    key(name)
    if let value { time(value) } else { null() }
  }

  package mutating func integer(_ name: StaticString, _ value: (some FixedWidthInteger)?) {
    key(name)
    if let value { integer(value) } else { null() }
  }

  package mutating func number(_ name: StaticString, _ value: Double?) {
    key(name)
    if let value, value.isFinite { number(value) } else { null() }
  }

  package mutating func flag(_ name: StaticString, _ value: Bool) {
    key(name)
    flag(value)
  }
}
