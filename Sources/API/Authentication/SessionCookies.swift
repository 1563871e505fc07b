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

  static func expire(isSecure: Bool) -> [String] {
    cookies(token: "", type: "", isAuthenticated: "", lifetime: 0, isSecure: isSecure)
  }

  private static func cookies(
    token: String, type: String, isAuthenticated: String, lifetime: Int, isSecure: Bool
  ) -> [String] {
    let attributes = "; Path=/; Max-Age=\(lifetime); SameSite=Lax" + (isSecure ? "; Secure" : "")
    return [
      "\(Credential.cookieName)=\(token)\(attributes); HttpOnly",
      "immich_auth_type=\(type)\(attributes); HttpOnly",
      // Read by scripts, so that a page knows without asking.
      "immich_is_authenticated=\(isAuthenticated)\(attributes)",
    ]
  }
}
