import Ground

/// What names, e-mails and passwords must look like.
enum AccountRules {
  /// RFC 5321 leaves 254 characters for an address.
  static let longestEmail = 254
  static let longestPassword = 1024
  /// Unicode scalars.
  static let longestName = 255
  /// Preferences are a small JSON object.
  static let longestPreferences = 64 << 10
  static let sessionsPerUser = 1000
  static let keysPerUser = 1000
  static let avatarColors = [
    "primary", "pink", "red", "yellow", "blue", "green", "purple", "orange", "gray", "amber",
  ]

  /// The e-mail as it is stored and looked up: trimmed, in lower case.
  static func normalized(email: String) -> String {
    let isSpace = { (character: Character) in character.isWhitespace }
    let front = email.drop(while: isSpace)
    return String(front[..<(front.lastIndex { !isSpace($0) }.map(front.index(after:)) ?? front.startIndex)])
      .lowercased()
  }

  /// A valid, normalized e-mail, by the pattern of Immich's schema (that of HTML's `<input type=email>`).
  static func email(_ text: String) throws(BackupError) -> String {
    let email = normalized(email: text)
    let parts = email.split(separator: "@", omittingEmptySubsequences: false)
    guard email.utf8.count <= longestEmail, parts.count == 2, !parts[0].isEmpty,
      parts[0].utf8.allSatisfy({ isAlphanumeric($0) || ".!#$%&'*+/=?^_`{|}~-".utf8.contains($0) }),
      parts[1].split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isLabel)
    else { throw .invalid("email must be an email") }
    return email
  }

  static func password(_ text: String) throws(BackupError) -> String {
    guard !text.isEmpty else { throw .invalid("password should not be empty") }
    guard text.utf8.count <= longestPassword else {
      throw .invalid("password must be shorter than or equal to \(longestPassword) bytes")
    }
    return text
  }

  /// The name of a person or a key.
  static func name(_ text: String) throws(BackupError) -> String {
    guard text.unicodeScalars.count <= longestName else {
      throw .invalid("name must be shorter than or equal to \(longestName) characters")
    }
    guard !text.unicodeScalars.contains(where: \.isHidden) else {
      throw .invalid("name must not contain control characters")
    }
    return text
  }

  static func avatarColor(_ text: String) throws(BackupError) -> String {
    guard avatarColors.contains(text) else {
      throw .invalid("avatarColor must be one of \(avatarColors.joined(separator: ", "))")
    }
    return text
  }

  /// Known names, each once, in the order given.
  static func permissions(_ names: [String]) throws(BackupError) -> [String] {
    guard !names.isEmpty else { throw .invalid("permissions should not be empty") }
    var seen: Set<String> = []
    var out: [String] = []
    for name in names {
      guard Permissions.names.contains(name) else {
        throw .invalid("each value in permissions must be a known permission")
      }
      if seen.insert(name).inserted { out.append(name) }
    }
    return out
  }

  /// What a device said of itself, fit for a list: no control characters, at most 128 scalars.
  static func device(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars where out.count < 128 && !scalar.isHidden {
      out.append(scalar)
    }
    return String(out)
  }

  /// A readable name for a person's folder, from the name, else from the e-mail's local part: `Jürgen Müller` becomes
  /// `jurgen-muller`. Only [a-z0-9._-], at most 64 bytes, never hidden, never `.` or `..`.
  static func folder(name: String, email: String) -> String {
    for source in [name, String(email.prefix { $0 != "@" })] {
      let folder = sanitized(source)
      if !folder.isEmpty { return folder }
    }
    return "user"
  }

  private static func sanitized(_ text: String) -> String {
    var out: [UInt8] = []
    for scalar in text.lowercased().unicodeScalars {
      for unit in letters(scalar) ?? [UInt8(ascii: "-")] where !(unit == UInt8(ascii: "-") && out.last == unit) {
        out.append(unit)
      }
    }
    // A dot or dash in front would hide the folder or read as an option; Windows drops a dot at the end.
    let isEdge = { (unit: UInt8) in !isAlphanumeric(unit) }
    let front = out.drop(while: isEdge).prefix(64)
    return String(
      decoding: front[..<(front.lastIndex { !isEdge($0) }.map { $0 + 1 } ?? front.startIndex)], as: UTF8.self)
  }

  /// What a folder's name keeps of a lower-case letter; empty for accents that stand alone, nil for what has no place.
  private static func letters(_ scalar: Unicode.Scalar) -> [UInt8]? {
    if let unit = UInt8(exactly: scalar.value), unit < 128 {
      return isAlphanumeric(unit) || "._-".utf8.contains(unit) ? [unit] : nil
    }
    if scalar == "ß" { return Array("ss".utf8) }
    if scalar.properties.generalCategory == .nonspacingMark { return [] }
    // The Unicode name tells the base letter: LATIN SMALL LETTER U WITH DIAERESIS, LATIN SMALL LETTER AE.
    let words = scalar.properties.name?.split(separator: " ") ?? []
    guard words.count >= 4, words[..<3].elementsEqual(["LATIN", "SMALL", "LETTER"]), words[3].utf8.count <= 2,
      words.count == 4 || words[4] == "WITH"
    else { return nil }
    return Array(words[3].lowercased().utf8)
  }

  private static func isLabel(_ text: Substring) -> Bool {
    let units = Array(text.utf8)
    guard (1...63).contains(units.count), units.first != UInt8(ascii: "-"), units.last != UInt8(ascii: "-") else {
      return false
    }
    return units.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
  }

  private static func isAlphanumeric(_ unit: UInt8) -> Bool {
    (0x30...0x39).contains(unit) || (0x41...0x5A).contains(unit) || (0x61...0x7A).contains(unit)
  }
}

extension Unicode.Scalar {
  /// A control character, or one that turns the direction of the text beside it (UAX #9, 2.1 to 2.5): none belongs into a name.
  var isHidden: Bool {
    properties.generalCategory == .control || (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
  }
}
