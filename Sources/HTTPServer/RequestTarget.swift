import Ground

/// The request line's target: a path in decoded segments, and the query.
package struct RequestTarget: Sendable, Equatable {
  /// As received, before the `?`.
  package let rawPath: String
  /// As received, after the `?`; empty where there is none.
  package let rawQuery: String
  /// The path's segments, percent-decoded; a trailing slash makes no empty last segment.
  package let segments: [String]

  /// Of an absolute-form target: `example.org:8080`.
  package let authority: String?

  /// Parses origin-form and absolute-form targets (RFC 9112 section 3.2), and `*` as the root. Nil where the path does
  /// not start with a slash, an escape is broken or decodes to NUL or to something that is not UTF-8.
  package init?(_ text: String) {
    var text = text
    guard let target = text.withUTF8({ RequestTarget(utf8: UnsafeRawBufferPointer($0)) }) else { return nil }
    self = target
  }

  /// - Parameter units: valid UTF-8.
  init?(utf8 units: UnsafeRawBufferPointer) {
    if units.first == UInt8(ascii: "/") {
      self.init(path: units, authority: nil)
    } else if units.elementsEqual("*".utf8) {
      self.init("/")
    } else {
      let text = String(decoding: units, as: UTF8.self)
      guard let mark = text.firstRange(of: "://"),
        isToken(text[..<mark.lowerBound], "http") || isToken(text[..<mark.lowerBound], "https")
      else { return nil }
      let rest = Array(text[mark.upperBound...].utf8)
      let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.count
      guard end > 0, !rest[..<end].contains(UInt8(ascii: "@")) else { return nil }
      let path = rest[end...].first == UInt8(ascii: "/") ? Array(rest[end...]) : [UInt8(ascii: "/")] + rest[end...]
      let authority = String(decoding: rest[..<end], as: UTF8.self)
      guard let target = path.withUnsafeBytes({ RequestTarget(path: $0, authority: authority) }) else { return nil }
      self = target
    }
  }

  /// - Parameter units: path and query; starts with a slash.
  private init?(path units: UnsafeRawBufferPointer, authority: String?) {
    func text(_ range: Range<Int>) -> String {
      String(decoding: UnsafeRawBufferPointer(rebasing: units[range]), as: UTF8.self)
    }
    guard !units.contains(UInt8(ascii: "#")) else { return nil }
    let end = units.firstIndex(of: UInt8(ascii: "?")) ?? units.count
    var segments: [String] = []
    segments.reserveCapacity(4)
    var start = 1
    while start < end {
      var (next, isEscaped) = (start, false)
      while next < end, units[next] != UInt8(ascii: "/") {
        if units[next] == UInt8(ascii: "%") { isEscaped = true }
        next += 1
      }
      if isEscaped {
        guard let decoded = percentDecoded(text(start..<next), plusIsSpace: false), !decoded.utf8.contains(0) else {
          return nil
        }
        segments.append(decoded)
      } else if next > start {
        segments.append(text(start..<next))
      }
      start = next + 1
    }
    rawPath = text(0..<end)
    rawQuery = end < units.count ? text(end + 1..<units.count) : ""
    self.segments = segments
    self.authority = authority
  }

  /// The first value of a query parameter, decoded; nil where it is absent or its escapes are broken.
  package func query(_ name: String) -> String? {
    for pair in rawQuery.utf8.split(separator: UInt8(ascii: "&")) {
      let key = pair.prefix { $0 != UInt8(ascii: "=") }
      // Most names are written as they are.
      guard key.elementsEqual(name.utf8) || percentDecoded(Substring(key), plusIsSpace: true) == name else { continue }
      return key.endIndex < pair.endIndex
        ? percentDecoded(Substring(pair[key.endIndex...].dropFirst()), plusIsSpace: true) : ""
    }
    return nil
  }
}

/// Undoes percent-encoding (RFC 3986 section 2.1); nil where an escape is broken or the result is not UTF-8.
package func percentDecoded(_ text: some StringProtocol, plusIsSpace: Bool) -> String? {
  let units = Array(text.utf8)
  guard units.contains(where: { $0 == UInt8(ascii: "%") || (plusIsSpace && $0 == UInt8(ascii: "+")) }) else {
    return String(text)
  }
  var out: [UInt8] = []
  out.reserveCapacity(units.count)
  var index = 0
  while index < units.count {
    switch units[index] {
    case UInt8(ascii: "%"):
      guard index + 2 < units.count, let top = Hex.value(units[index + 1]), let low = Hex.value(units[index + 2])
      else { return nil }
      out.append(top << 4 | low)
      index += 3
    case UInt8(ascii: "+") where plusIsSpace:
      out.append(UInt8(ascii: " "))
      index += 1
    default:
      out.append(units[index])
      index += 1
    }
  }
  return String(validating: out, as: UTF8.self)
}
