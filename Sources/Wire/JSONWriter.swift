import Ground

/// Writes JSON into one growing buffer, for answers of many thousand small objects: some tens of nanoseconds a member, where
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

  /// The name of a member: a literal of ours in plain ASCII, never what a client sent.
  package struct Name: ExpressibleByStringLiteral {
    fileprivate let text: String

    package init(stringLiteral text: String) { self.text = text }
  }

  package mutating func key(_ name: Name) {
    let units = name.text.utf8.span
    write(units.count + 3) { out in
      out.append(UInt8(ascii: "\""))
      for index in units.indices { out.append(units[index]) }
      out.append(UInt8(ascii: "\""))
      out.append(UInt8(ascii: ":"))
    }
    needsComma = false
  }

  package mutating func string(_ text: String) {
    let units = text.utf8.span
    var escapes = 0
    for index in units.indices where JSONWriter.needsEscape(units[index]) { escapes += 1 }
    write(units.count + escapes * 5 + 2) { out in
      out.append(UInt8(ascii: "\""))
      if escapes == 0 {
        for index in units.indices { out.append(units[index]) }
      } else {
        for index in units.indices { JSONWriter.escape(units[index], &out) }
      }
      out.append(UInt8(ascii: "\""))
    }
  }

  package mutating func id(_ id: Identifier) {
    write(38) { out in
      out.append(UInt8(ascii: "\""))
      out.append(id)
      out.append(UInt8(ascii: "\""))
    }
  }

  /// `YYYY-MM-DDTHH:MM:SS.mmmZ`.
  package mutating func time(_ instant: Instant) {
    let time = CalendarTime(instant)
    write(26) { out in
      out.append(UInt8(ascii: "\""))
      out.append(time.year, digits: 4, UInt8(ascii: "-"))
      out.append(time.month, digits: 2, UInt8(ascii: "-"))
      out.append(time.day, digits: 2, UInt8(ascii: "T"))
      out.append(time.hour, digits: 2, UInt8(ascii: ":"))
      out.append(time.minute, digits: 2, UInt8(ascii: ":"))
      out.append(time.second, digits: 2, UInt8(ascii: "."))
      out.append(time.millisecond, digits: 3, UInt8(ascii: "Z"))
      out.append(UInt8(ascii: "\""))
    }
  }

  package mutating func integer(_ number: Int64) {
    write(20) { out in
      if number < 0 { out.append(UInt8(ascii: "-")) }
      let magnitude = number.magnitude
      var power: UInt64 = 1
      while magnitude / power >= 10 { power *= 10 }
      while power > 0 {
        out.append(UInt8(ascii: "0") + UInt8(magnitude / power % 10))
        power /= 10
      }
    }
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

  /// One value or key: a comma where one is due, then what `body` appends.
  /// - Parameter most: bytes that `body` may append. The buffer grows once for all of them, which takes half the time of
  ///   growing byte by byte.
  @inline(__always)
  private mutating func write(_ most: Int, _ body: (inout OutputSpan<UInt8>) -> Void) {
    let needsComma = needsComma
    bytes.append(addingCapacity: most + 1) { out in
      if needsComma { out.append(UInt8(ascii: ",")) }
      body(&out)
    }
    self.needsComma = true
  }

  private static func needsEscape(_ unit: UInt8) -> Bool {
    unit < 0x20 || unit == UInt8(ascii: "\"") || unit == UInt8(ascii: "\\")
  }

  /// At most six bytes.
  private static func escape(_ unit: UInt8, _ out: inout OutputSpan<UInt8>) {
    switch unit {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      out.append(UInt8(ascii: "\\"))
      out.append(unit)
    case 0..<0x20:
      out.append(UInt8(ascii: "\\"))
      out.append(UInt8(ascii: "u"))
      out.append(UInt8(ascii: "0"))
      out.append(UInt8(ascii: "0"))
      out.append(Hex.digits[Int(unit >> 4)])
      out.append(Hex.digits[Int(unit & 15)])
    default: out.append(unit)
    }
  }
}

extension JSONWriter {
  // Members that may be null: the key is always there, strict clients miss one that is not.

  package mutating func string(_ name: Name, _ value: String?) {
    key(name)
    if let value { string(value) } else { null() }
  }

  package mutating func id(_ name: Name, _ value: Identifier?) {
    key(name)
    if let value { id(value) } else { null() }
  }

  package mutating func time(_ name: Name, _ value: Instant?) {
    key(name)
    if let value { time(value) } else { null() }
  }

  package mutating func integer(_ name: Name, _ value: Int64?) {
    key(name)
    if let value { integer(value) } else { null() }
  }

  package mutating func integer(_ name: Name, _ value: Int?) { integer(name, value.map { Int64($0) }) }

  package mutating func number(_ name: Name, _ value: Double?) {
    key(name)
    if let value, value.isFinite { number(value) } else { null() }
  }

  package mutating func flag(_ name: Name, _ value: Bool) {
    key(name)
    flag(value)
  }
}
