import Ground

/// File names from clients made safe: one path component that every common file system takes, Windows and macOS too.
package enum SafeName {
  /// Leaves room for a suffix such as `+12` and a sidecar's `.xmp` within the 255 bytes of a name.
  package static let limit = 200
  /// A longer last part is no extension worth keeping.
  private static let extensionLimit = 16

  private static let devices: Set<String> = [
    "con", "prn", "aux", "nul", "com0", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt0",
    "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9", "conin$", "conout$",
  ]

  /// The name under which a file that a client calls `name` is kept, before any suffix.
  package static func make(_ name: some Collection<UInt8>) -> String {
    var scalars = String.UnicodeScalarView()
    // Invalid UTF-8 becomes U+FFFD.
    for scalar in String(decoding: name, as: UTF8.self).unicodeScalars {
      scalars.append(isHarmful(scalar) ? "_" : scalar)
    }
    var (stem, suffix) = split(String(scalars))
    stem = trimmed(stem, leadingDots: true)
    suffix = trimmed(suffix, leadingDots: false)
    if stem.isEmpty { stem = "unnamed" }
    // Windows takes `nul.txt` and `nul.a.txt` for the device too.
    if devices.contains(stem.prefix { $0 != "." }.lowercased()) { stem = "_" + stem }
    stem = cut(stem, to: limit - suffix.utf8.count - 1)
    let whole = suffix.isEmpty ? stem : "\(stem).\(suffix)"
    return ChecksumList.names.contains(whole.lowercased()) ? "_" + whole : whole
  }

  /// `IMG_1.JPG` with 2 is `IMG_1+2.JPG`; with 0 it is itself.
  package static func numbered(_ name: String, _ number: Int) -> String {
    guard number > 0 else { return name }
    let (stem, suffix) = split(name)
    return suffix.isEmpty ? "\(stem)+\(number)" : "\(stem)+\(number).\(suffix)"
  }

  /// Whether `part` may stand between two slashes of a key.
  package static func isComponent(_ part: some StringProtocol) -> Bool {
    !part.isEmpty && part != "." && part != ".." && part.utf8.count <= 255
      && part.utf8.allSatisfy { $0 != 0 && $0 != UInt8(ascii: "/") }
  }

  /// Path separators, what Windows forbids, control characters, and invisible ones that make a name look like another.
  private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F: true
    case 0x2028...0x202E, 0x2066...0x2069, 0x200B, 0x200E, 0x200F, 0xFEFF: true
    default: "/\\:*?\"<>|".unicodeScalars.contains(scalar)
    }
  }

  /// The name before and after its last dot. An extension-only name such as `.jpg` has an empty stem.
  private static func split(_ name: String) -> (stem: String, suffix: String) {
    let scalars = name.unicodeScalars
    guard let dot = scalars.lastIndex(of: ".") else { return (name, "") }
    let suffix = String(scalars[scalars.index(after: dot)...])
    guard suffix.utf8.count <= extensionLimit else { return (name, "") }
    return (String(scalars[..<dot]), suffix)
  }

  /// Without dots and spaces at the end, which Windows drops, and without leading spaces and dots, which hide a file.
  private static func trimmed(_ text: String, leadingDots: Bool) -> String {
    var scalars = text.unicodeScalars[...]
    while let last = scalars.last, last == "." || last.properties.isWhitespace { scalars.removeLast() }
    while let first = scalars.first, (leadingDots && first == ".") || first.properties.isWhitespace {
      scalars.removeFirst()
    }
    return String(scalars)
  }

  /// At most `length` bytes, without half a character at the end.
  private static func cut(_ text: String, to length: Int) -> String {
    guard text.utf8.count > length else { return text }
    var out = ""
    var size = 0
    for scalar in text.unicodeScalars {
      size += UTF8.width(scalar)
      if size > length { break }
      out.unicodeScalars.append(scalar)
    }
    return trimmed(out, leadingDots: false)
  }
}
