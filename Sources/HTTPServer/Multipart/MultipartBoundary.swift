import Ground

/// The boundary of a `multipart/form-data` body (RFC 2046 section 5.1.1).
package struct MultipartBoundary: Sendable, Equatable {
  /// `CRLF -- boundary`: what ends a part.
  let delimiter: [UInt8]

  /// From a Content-Type value; nil where it is another type, or the boundary is missing, longer than 70 characters,
  /// or has characters outside RFC 2046's set.
  package init?(contentType: String) {
    let units = Array(contentType.utf8)
    let typeEnd = units.firstIndex(of: UInt8(ascii: ";")) ?? units.count
    let type = String(decoding: units[..<typeEnd], as: UTF8.self).lowercased()
    guard type.filter({ $0 != " " && $0 != "\t" }) == "multipart/form-data",
      let parameters = FieldParameters.parse(units[typeEnd...]),
      let boundary = parameters.first(where: { $0.name == "boundary" })?.value
    else { return nil }
    self.init(boundary)
  }

  init?(_ boundary: [UInt8]) {
    guard (1...70).contains(boundary.count), boundary.last != UInt8(ascii: " "),
      boundary.allSatisfy(MultipartBoundary.allows)
    else { return nil }
    delimiter = Array("\r\n--".utf8) + boundary
  }

  private static func allows(_ unit: UInt8) -> Bool {
    switch unit {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "'()+_,-./:=? ".utf8.contains(unit)
    }
  }
}

/// The `; name=value` parameters behind a field's first word, values unquoted, as bytes.
enum FieldParameters {
  /// Nil where the syntax is broken. Names come out in lower case.
  static func parse(_ text: ArraySlice<UInt8>) -> [(name: String, value: [UInt8])]? {
    var found: [(name: String, value: [UInt8])] = []
    var rest = text
    func skipBlanks() { rest = rest.drop { $0 == 0x20 || $0 == 0x09 } }
    skipBlanks()
    while !rest.isEmpty {
      guard rest.first == UInt8(ascii: ";") else { return nil }
      rest = rest.dropFirst()
      skipBlanks()
      // A trailing semicolon is seen in the wild and harmless.
      if rest.isEmpty { break }
      let name = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") && $0 != 0x20 && $0 != 0x09 }
      rest = rest.dropFirst(name.count)
      skipBlanks()
      guard !name.isEmpty, rest.first == UInt8(ascii: "=") else { return nil }
      rest = rest.dropFirst()
      skipBlanks()
      let value: [UInt8]
      if rest.first == UInt8(ascii: "\"") {
        guard let quoted = quoted(&rest) else { return nil }
        value = quoted
      } else {
        value = Array(rest.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 && $0 != 0x09 })
        rest = rest.dropFirst(value.count)
      }
      found.append((String(decoding: name, as: UTF8.self).lowercased(), value))
      skipBlanks()
    }
    return found
  }

  /// Takes a quoted string off the front. Go escapes `"` and `\` with a backslash; browsers, Dart and undici escape
  /// neither, so a backslash before anything else is part of the name.
  private static func quoted(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
    let quote = UInt8(ascii: "\"")
    let backslash = UInt8(ascii: "\\")
    var value: [UInt8] = []
    var index = rest.startIndex + 1
    while index < rest.endIndex {
      let unit = rest[index]
      if unit == quote {
        rest = rest[(index + 1)...]
        return value
      }
      if unit == backslash, index + 1 < rest.endIndex, rest[index + 1] == quote || rest[index + 1] == backslash {
        index += 1
      }
      value.append(rest[index])
      index += 1
    }
    return nil
  }
}
