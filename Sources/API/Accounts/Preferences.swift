import FoundationEssentials

/// A person's settings for Immich's clients: sections of named values. The app has no current user, and so never backs
/// up, unless every section is there.
struct Preferences: Equatable, Sendable {
  enum Value: Equatable, Sendable {
    case flag(Bool)
    case number(Int)
    case text(String)
    /// Of a kind that no setting has; newer clients may send it in sections of their own.
    case other
  }

  /// Immich's sections and defaults, but for what Nightstand does not do, which is off: faces, sharing, mail.
  private(set) var sections: [String: [String: Value]] = [
    "albums": ["defaultAssetOrder": .text("desc")],
    "cast": ["gCastEnabled": .flag(false)],
    "download": ["archiveSize": .number(4 << 30), "includeEmbeddedVideos": .flag(false)],
    "emailNotifications": ["enabled": .flag(false), "albumInvite": .flag(false), "albumUpdate": .flag(false)],
    "folders": ["enabled": .flag(false), "sidebarWeb": .flag(false)],
    // `memories.sidebarWeb` and `people.updateStrategy` are newer than 3.1: immichpy 9.2.4 fails without them.
    "memories": ["enabled": .flag(false), "duration": .number(5), "sidebarWeb": .flag(false)],
    "people": [
      "enabled": .flag(false), "sidebarWeb": .flag(false), "minimumFaces": .number(3), "updateStrategy": .text("self"),
    ],
    "purchase": ["showSupportBadge": .flag(false), "hideBuyButtonUntil": .text("2099-12-31T00:00:00.000Z")],
    "ratings": ["enabled": .flag(false)],
    "recentlyAdded": ["sidebarWeb": .flag(false)],
    "sharedLinks": ["enabled": .flag(false), "sidebarWeb": .flag(false)],
    "tags": ["enabled": .flag(false), "sidebarWeb": .flag(false)],
  ]

  /// Sections and keys that are not known are left out, as Immich does: newer clients send more.
  /// - Throws: `ValidationFailure` where a value is of another type than the one it replaces, or out of its range.
  mutating func merge(_ update: [String: [String: Value]]) throws(ValidationFailure) {
    var issues: [ValidationFailure.Issue] = []
    for (section, values) in update {
      for (key, value) in values {
        guard let current = sections[section]?[key] else { continue }
        if let message = Preferences.fault(of: value, for: key, replacing: current) {
          issues.append(.init(path: [.key(section), .key(key)], message: message))
        } else {
          sections[section]?[key] = value
        }
      }
    }
    guard issues.isEmpty else { throw ValidationFailure(issues) }
  }

  /// The texts that clients read as enums: another one would make every later answer unreadable for them.
  private static let choices = ["defaultAssetOrder": ["asc", "desc"], "updateStrategy": ["self", "everyone"]]

  private static func fault(of value: Value, for key: String, replacing current: Value) -> String? {
    switch (current, value) {
    case (.flag, .flag): nil
    // 2^53 - 1: what a JavaScript client can read back.
    case (.number, .number(let number)): (1...9_007_199_254_740_991).contains(number) ? nil : "must be at least 1"
    case (.text, .text(let text)):
      if let allowed = choices[key] {
        allowed.contains(text) ? nil : "must be one of \(allowed.joined(separator: ", "))"
      } else {
        text.utf8.count > 100 ? "must not be longer than 100 bytes" : nil
      }
    case (.flag, _): "must be true or false"
    case (.number, _): "must be an integer"
    case (.text, _): "must be a string"
    case (.other, _): nil
    }
  }
}

extension Preferences {
  /// The defaults, and what somebody has changed of them.
  /// - Parameter stored: JSON from the catalog; nil where nothing was changed yet.
  init(stored: String?) throws {
    self.init()
    guard let stored else { return }
    try merge(try JSONDecoder().decode([String: [String: Value]].self, from: Data(stored.utf8)))
  }

  var text: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }
}

extension Preferences: Encodable {
  func encode(to encoder: any Encoder) throws { try sections.encode(to: encoder) }
}

extension Preferences.Value: Codable {
  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let flag = try? container.decode(Bool.self) {
      self = .flag(flag)
    } else if let number = try? container.decode(Int.self) {
      self = .number(number)
    } else if let text = try? container.decode(String.self) {
      self = .text(text)
    } else {
      self = .other
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .flag(let flag): try container.encode(flag)
    case .number(let number): try container.encode(number)
    case .text(let text): try container.encode(text)
    case .other: try container.encodeNil()
    }
  }
}
