/// `Range: bytes=…` (RFC 9110 section 14). One range is served; several are answered with the whole, which the RFC allows.
package enum ByteRange: Equatable, Sendable {
  /// No range, or one that a server should ignore.
  case whole
  case part(offset: Int64, length: Int64)
  /// 416: nothing of the file lies in it.
  case unsatisfiable

  package init(_ field: String?, size: Int64) {
    guard let field, field.hasPrefix("bytes=") else {
      self = .whole
      return
    }
    let spec = field.dropFirst(6)
    let ends = spec.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard !spec.contains(","), ends.count == 2 else {
      self = .whole
      return
    }
    let (first, last) = (Self.number(ends[0]), Self.number(ends[1]))
    switch (ends[0].isEmpty, ends[1].isEmpty) {
    case (true, false):
      guard let suffix = last else {
        self = .whole
        return
      }
      guard suffix > 0, size > 0 else {
        self = .unsatisfiable
        return
      }
      let length = min(suffix, size)
      self = .part(offset: size - length, length: length)
    case (false, _):
      guard let first, ends[1].isEmpty || (last ?? -1) >= first else {
        self = .whole
        return
      }
      guard first < size else {
        self = .unsatisfiable
        return
      }
      let end = min(last ?? size - 1, size - 1)
      self = .part(offset: first, length: end - first + 1)
    case (true, true):
      self = .whole
    }
  }

  /// Digits only; what does not fit stands for "beyond every file".
  private static func number(_ text: Substring) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int64(text) ?? Int64.max
  }
}
