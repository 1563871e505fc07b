import HTTPServer
import HTTPTypes

/// What a request brings to prove who is asking.
enum Credential: Equatable, Sendable {
  case sessionToken(String)
  /// `Authorization: Bearer`: a session's token, or an API key.
  case bearer(String)
  /// The browser and the Immich app send it by themselves, with every request, whoever caused it.
  case cookie(String)
  case apiKey(String)

  static let cookieName = "immich_access_token"

  /// The first one found, in Immich's order: a session wins over a key. Share links, which come before both there, are
  /// not supported.
  init?(_ request: Request) {
    if let token = Credential.field("x-immich-user-token", request) ?? Credential.field(
      "x-immich-session-token", request)
      ?? Credential.parameter("sessionKey", request)
    {
      self = .sessionToken(token)
    } else if let token = Credential.bearer(request) {
      self = .bearer(token)
    } else if let token = request[.cookie].flatMap({ Credential.cookie(Credential.cookieName, in: $0) }) {
      self = .cookie(token)
    } else if let key = Credential.field("x-api-key", request) ?? Credential.parameter("apiKey", request) {
      self = .apiKey(key)
    } else {
      return nil
    }
  }

  /// An empty value counts as none.
  private static func field(_ name: String, _ request: Request) -> String? {
    request.field(name).flatMap { $0.isEmpty ? nil : $0 }
  }

  private static func parameter(_ name: String, _ request: Request) -> String? {
    request.target.query(name).flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The scheme's name is case-insensitive (RFC 9110 section 11.1).
  private static func bearer(_ request: Request) -> String? {
    guard let value = request[.authorization] else { return nil }
    let words = value.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
    guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
    let token = words[1].drop { $0 == " " }
    return token.isEmpty ? nil : String(token)
  }

  /// The first cookie of that name (RFC 6265 section 5.4); quotes around the value are not part of it.
  static func cookie(_ name: String, in field: String) -> String? {
    for pair in field.utf8.split(separator: UInt8(ascii: ";")) {
      let trimmed = pair.drop { $0 == 0x20 || $0 == 0x09 }
      guard let equals = trimmed.firstIndex(of: UInt8(ascii: "=")), Substring(trimmed[..<equals]) == name else {
        continue
      }
      var value = Substring(trimmed[trimmed.index(after: equals)...])
      while value.last == " " || value.last == "\t" { value.removeLast() }
      if value.count >= 2, value.first == "\"", value.last == "\"" { value = value.dropFirst().dropLast() }
      if !value.isEmpty { return String(value) }
    }
    return nil
  }
}
