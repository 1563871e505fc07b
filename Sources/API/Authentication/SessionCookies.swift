import HTTPTypes

/// The three cookies of a login. The Immich app knows no other way to stay logged in.
enum SessionCookies {
  /// 400 days, the longest that browsers keep a cookie.
  private static let lifetime = 34_560_000

  /// No `Domain`: the iOS app compares it to the bare host when it copies cookies to its other addresses. `Secure` only
  /// where the client really speaks TLS, or it would never send the cookie back.
  static func set(token: String, isSecure: Bool) -> [String] {
    cookies(token: token, type: "password", isAuthenticated: "true", lifetime: lifetime, isSecure: isSecure)
  }

  /// The token's cookie comes last: curl 7.88 purges what expired when the next cookie comes, and reads it back from its
  /// jar when it writes that; only the last one stays away.
  static func expire(isSecure: Bool) -> [String] {
    cookies(token: "", type: "", isAuthenticated: "", lifetime: 0, isSecure: isSecure).reversed()
  }

  private static func cookies(
    token: String, type: String, isAuthenticated: String, lifetime: Int, isSecure: Bool
  ) -> [String] {
    // Expires besides, for what reads no Max-Age.
    let expiry = "; Max-Age=\(lifetime)" + (lifetime == 0 ? "; Expires=Thu, 01 Jan 1970 00:00:00 GMT" : "")
    let attributes = "; Path=/\(expiry); SameSite=Lax" + (isSecure ? "; Secure" : "")
    return [
      "\(Credential.cookieName)=\(token)\(attributes); HttpOnly",
      "immich_auth_type=\(type)\(attributes); HttpOnly",
      // Read by scripts, so that a page knows without asking.
      "immich_is_authenticated=\(isAuthenticated)\(attributes)",
    ]
  }
}
