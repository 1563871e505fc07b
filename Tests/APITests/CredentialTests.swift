import Testing

@testable import API

@Suite struct CredentialTests {
  /// Immich's order of lookup, first to last.
  private static let sources: [(field: (String, String)?, query: String?, credential: Credential)] = [
    (("X-Immich-User-Token", "u"), nil, .sessionToken("u")),
    (("x-immich-session-token", "s"), nil, .sessionToken("s")),
    (nil, "sessionKey=q", .sessionToken("q")),
    (("Authorization", "bearer  b"), nil, .bearer("b")),
    (("Cookie", "a=1; immich_access_token=c; z=2"), nil, .cookie("c")),
    (("x-api-key", "k"), nil, .apiKey("k")),
    (nil, "apiKey=p", .apiKey("p")),
  ]

  @Test("Of several credentials the one that comes first in Immich's order counts")
  func order() throws {
    for first in 0..<CredentialTests.sources.count {
      let present = CredentialTests.sources[first...]
      // Written in reverse, so that the order in the request cannot be what decides.
      let query = present.compactMap(\.query).reversed().joined(separator: "&")
      let request = try makeRequest(.get, "/api/users/me?\(query)", present.compactMap(\.field).reversed())
      #expect(Credential(request) == present[first].credential)
    }
  }

  @Test("Nothing, an empty value and another scheme are no credential")
  func none() throws {
    #expect(Credential(try makeRequest(.get, "/")) == nil)
    let empty = try makeRequest(
      .get, "/?sessionKey=&apiKey",
      [
        ("x-api-key", ""), ("Authorization", "Basic abc"), ("Cookie", "immich_access_token="),
        ("x-immich-user-token", ""),
      ])
    #expect(Credential(empty) == nil)
  }

  @Test(
    "Cookie fields as browsers and apps write them",
    arguments: [
      ("immich_access_token=t", "t"), ("a=b;immich_access_token=t", "t"), ("immich_access_token=\"t\"; a=b", "t"),
      ("  immich_access_token=t  ; a=b", "t"), ("immich_access_token=a=b", "a=b"), ("x_immich_access_token=t", nil),
      ("immich_access_token", nil), ("", nil), (";;=;", nil), ("immich_access_token=; immich_access_token=t", "t"),
    ] as [(String, String?)])
  func cookies(_ field: String, _ expected: String?) {
    #expect(Credential.cookie(Credential.cookieName, in: field) == expected)
  }

  @Test("Cookies of a login: three, for the whole site, Secure only over TLS, no Domain")
  func loginCookies() {
    let plain = SessionCookies.set(token: "T", isSecure: false)
    #expect(
      plain == [
        "immich_access_token=T; Path=/; Max-Age=34560000; SameSite=Lax; HttpOnly",
        "immich_auth_type=password; Path=/; Max-Age=34560000; SameSite=Lax; HttpOnly",
        "immich_is_authenticated=true; Path=/; Max-Age=34560000; SameSite=Lax",
      ])
    #expect(SessionCookies.set(token: "T", isSecure: true).allSatisfy { $0.contains("; Secure") })
    let past = "=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax"
    #expect(
      SessionCookies.expire(isSecure: false) == [
        "immich_is_authenticated\(past)", "immich_auth_type\(past); HttpOnly", "immich_access_token\(past); HttpOnly",
      ])
  }
}

@Suite struct ForwardingTests {
  private let forwarding = Forwarding(trustedProxies: ["10.0.0.1", "10.0.0.2"])

  @Test(
    "The client's address is the last one that no trusted proxy vouches for",
    arguments: [
      ("192.0.2.7", "203.0.113.9", "192.0.2.7"), ("10.0.0.1", nil, "10.0.0.1"),
      ("10.0.0.1", "203.0.113.9", "203.0.113.9"), ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
      ("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"), ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
      ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"), ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
      ("10.0.0.1", "2001:db8::1", "2001:db8::1"), ("10.0.0.1", "1.1.1.1, unknown", "10.0.0.1"),
      ("10.0.0.1", "\"><script>", "10.0.0.1"),
    ] as [(String, String?, String)])
  func address(_ peer: String, _ chain: String?, _ expected: String) throws {
    let request = try makeRequest(.get, "/", chain.map { [("X-Forwarded-For", $0)] } ?? [], peer: peer)
    #expect(forwarding.address(of: request) == expected)
  }

  @Test("TLS is the connection's own, or what a trusted proxy says")
  func tls() throws {
    let proto = [("X-Forwarded-Proto", "https")]
    #expect(!forwarding.isTLS(try makeRequest(.get, "/", proto)))
    #expect(forwarding.isTLS(try makeRequest(.get, "/", proto, peer: "10.0.0.2")))
    #expect(forwarding.isTLS(try makeRequest(.get, "/", isTLS: true)))
  }
}
