import HTTPTypes

/// The fields of a request head, kept as the bytes that came and looked up by name: most requests are asked for three
/// of their twenty fields. Names and values passed the codec's checks: no control bytes, no folding, values trimmed.
package struct RequestFields: Sendable {
  /// One line of the head: where its name and its value lie in `bytes`.
  struct Line: Sendable {
    let name: Range<Int>
    let value: Range<Int>
  }

  let bytes: [UInt8]
  let lines: [Line]

  init(bytes: [UInt8], lines: [Line]) { (self.bytes, self.lines) = (bytes, lines) }

  package var count: Int { lines.count }

  /// The value; nil where the field is absent. Repeated fields are joined with `, ` (RFC 9110 section 5.3), and
  /// `Cookie` with `; ` (RFC 9113 section 8.2.3).
  package subscript(_ name: HTTPField.Name) -> String? {
    joined(name.canonicalName.utf8, by: name == .cookie ? "; " : ", ")
  }

  /// The same by the name's text, in any case: nothing is made of it for the sake of one look. Not for `Cookie`.
  package subscript(named name: String) -> String? { joined(name.utf8, by: ", ") }

  private func joined(_ wanted: String.UTF8View, by separator: String) -> String? {
    var joined: String?
    for line in lines where matches(line, wanted) {
      let value = text(line)
      joined = joined.map { $0 + separator + value } ?? value
    }
    return joined
  }

  /// Each occurrence of the field by itself.
  package func values(_ name: HTTPField.Name) -> [String] {
    lines.filter { matches($0, name) }.map(text)
  }

  private func text(_ line: Line) -> String { String(decoding: bytes[line.value], as: UTF8.self) }

  private func matches(_ line: Line, _ name: HTTPField.Name) -> Bool { matches(line, name.canonicalName.utf8) }

  /// Every `Host`; swift-http-types has no name for it because HTTP/2 has none.
  package var hosts: [String] { lines.filter { matches($0, "host".utf8) }.map(text) }

  /// Whether there is a field whose name begins so; `prefix` is in lower case.
  package func hasName(beginningWith prefix: String) -> Bool {
    lines.contains { line in
      line.name.count >= prefix.utf8.count && zip(bytes[line.name], prefix.utf8).allSatisfy { lowered($0) == $1 }
    }
  }

  func matches(_ line: Line, _ wanted: String.UTF8View) -> Bool {
    guard wanted.count == line.name.count else { return false }
    var index = line.name.lowerBound
    for unit in wanted {
      guard lowered(bytes[index]) == lowered(unit) else { return false }
      index += 1
    }
    return true
  }
}
