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
    let units = Array(text.utf8)
    guard !units.contains(UInt8(ascii: "#")) else { return nil }
    if units.first == UInt8(ascii: "/") {
      self.init(units, authority: nil)
    } else if text == "*" {
      self.init([UInt8(ascii: "/")], authority: nil)
    } else {
      guard let mark = text.firstRange(of: "://"),
        isToken(text[..<mark.lowerBound], "http") || isToken(text[..<mark.lowerBound], "https")
      else { return nil }
      let rest = Array(text[mark.upperBound...].utf8)
      let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.count
      guard end > 0, !rest[..<end].contains(UInt8(ascii: "@")) else { return nil }
      let path = Array(rest[end...])
      self.init(
        path.first == UInt8(ascii: "/") ? path : [UInt8(ascii: "/")] + path,
        authority: String(decoding: rest[..<end], as: UTF8.self))
    }
  }

  /// - Parameter units: path and query; starts with a slash.
  private init?(_ units: [UInt8], authority: String?) {
    self.authority = authority
    let mark = units.firstIndex(of: UInt8(ascii: "?")) ?? units.count
    rawPath = String(decoding: units[..<mark], as: UTF8.self)
    rawQuery = mark < units.count ? String(decoding: units[(mark + 1)...], as: UTF8.self) : ""
    var segments: [String] = []
    for part in units[..<mark].split(separator: UInt8(ascii: "/")) {
      guard part.contains(UInt8(ascii: "%")) else {
        segments.append(String(decoding: part, as: UTF8.self))
        continue
      }
      guard let decoded = percentDecoded(String(decoding: part, as: UTF8.self), plusIsSpace: false),
        !decoded.utf8.contains(0)
      else { return nil }
      segments.append(decoded)
    }
    self.segments = segments
  }

  /// The first value of a query parameter, decoded; nil where it is absent or its escapes are broken.
  package func query(_ name: String) -> String? {
    for pair in rawQuery.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard percentDecoded(parts[0], plusIsSpace: true) == name else { continue }
      return parts.count > 1 ? percentDecoded(parts[1], plusIsSpace: true) : ""
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
