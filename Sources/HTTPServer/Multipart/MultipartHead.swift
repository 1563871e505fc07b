import Ground

/// What stands before one part's bytes.
package struct MultipartHead: Sendable, Equatable {
  /// The form field's name.
  package let name: String
  /// The file's name, byte for byte; nil for a text field. `%22`, `%0D` and `%0A` are undone: that is how browsers,
  /// Dart and undici write `"`, CR and LF (HTML's multipart/form-data encoding).
  package let filename: [UInt8]?

  package init(name: String, filename: [UInt8]?) { (self.name, self.filename) = (name, filename) }

  /// Parses the lines of a head, its closing blank line included.
  /// - Throws: `BodyError.malformed`.
  init(lines bytes: [UInt8]) throws(BodyError) {
    var disposition: ArraySlice<UInt8>?
    for line in try MultipartHead.split(bytes) {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else {
        throw .malformed("a line of a part's head has no colon")
      }
      guard !line[..<colon].contains(where: { $0 <= 0x20 || $0 >= 0x7F }) else {
        throw .malformed("a field name in a part's head has characters that are not allowed")
      }
      // Whatever else stands there (types, transfer encodings) says nothing that the form's fields do not.
      guard String(decoding: line[..<colon], as: UTF8.self).lowercased() == "content-disposition" else { continue }
      guard disposition == nil else { throw .malformed("a part has two Content-Disposition lines") }
      disposition = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
    }
    guard let disposition else { throw .malformed("a part has no Content-Disposition line") }
    let type = disposition.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 && $0 != 0x09 }
    guard String(decoding: type, as: UTF8.self).lowercased() == "form-data",
      let parameters = FieldParameters.parse(disposition.dropFirst(type.count))
    else { throw .malformed("a part's Content-Disposition is not form-data") }
    var values: [String: [UInt8]] = [:]
    for (name, value) in parameters {
      guard values.updateValue(value, forKey: name) == nil else {
        throw .malformed("a part's Content-Disposition repeats a parameter")
      }
    }
    guard let name = values["name"].flatMap({ String(validating: $0, as: UTF8.self) }) else {
      throw .malformed("a part's Content-Disposition has no name")
    }
    self.name = name
    filename = values["filename*"].flatMap(MultipartHead.extended) ?? values["filename"].map(MultipartHead.unescaped)
  }

  /// The file name in the `Content-Disposition` of a whole message (RFC 6266), whatever its type; `filename*` wins.
  /// Nil where there is none, or the field is malformed.
  package static func fileName(disposition: String) -> [UInt8]? {
    let units = Array(disposition.utf8)
    let type = units.prefix { $0 != UInt8(ascii: ";") }
    guard let parameters = FieldParameters.parse(units[type.count...]) else { return nil }
    var values: [String: [UInt8]] = [:]
    for (name, value) in parameters where values[name] == nil { values[name] = value }
    let name = values["filename*"].flatMap(extended) ?? values["filename"].map(unescaped)
    return name.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Lines end with CRLF and nothing else; a lone CR or LF, NUL or folding is how heads are smuggled.
  private static func split(_ bytes: [UInt8]) throws(BodyError) -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var start = 0
    var index = 0
    while index < bytes.count {
      switch bytes[index] {
      case 0x0D where index + 1 < bytes.count && bytes[index + 1] == 0x0A:
        if index > start { lines.append(bytes[start..<index]) }
        index += 2
        start = index
        if index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x09 {
          throw .malformed("a part's head has a folded line")
        }
      case 0x0D, 0x0A, 0x00: throw .malformed("a part's head has a bare CR, LF or NUL")
      default: index += 1
      }
    }
    return lines
  }

  private static func unescaped(_ name: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(name.count)
    var index = 0
    while index < name.count {
      if name[index] == UInt8(ascii: "%"), index + 2 < name.count, let top = Hex.value(name[index + 1]),
        let low = Hex.value(name[index + 2]), [0x22, 0x0D, 0x0A].contains(top << 4 | low)
      {
        out.append(top << 4 | low)
        index += 3
      } else {
        out.append(name[index])
        index += 1
      }
    }
    return out
  }

  /// `UTF-8'language'percent-encoded` (RFC 8187); nil for another charset or broken escapes.
  private static func extended(_ value: [UInt8]) -> [UInt8]? {
    let parts = value.split(separator: UInt8(ascii: "'"), maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, String(decoding: parts[0], as: UTF8.self).lowercased() == "utf-8",
      let decoded = percentDecoded(String(decoding: parts[2], as: UTF8.self), plusIsSpace: false)
    else { return nil }
    return Array(decoded.utf8)
  }
}
