import FoundationEssentials

/// Small objects of text, written and read.
enum PushJSON {
  static func object(_ members: [(String, String)]) -> [UInt8] {
    Array("{\(members.map { "\(text($0.0)):\(text($0.1))" }.joined(separator: ","))}".utf8)
  }

  /// With its quotes.
  static func text(_ value: String) -> String {
    var out = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\u{0}"..."\u{1F}":
        let digits = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }

  static func decode<T: Decodable>(_ type: T.Type, _ bytes: [UInt8]) -> T? {
    try? JSONDecoder().decode(type, from: Data(bytes))
  }
}
