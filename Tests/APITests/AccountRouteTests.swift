import HTTPTypes
import Testing

@testable import API
@testable import HTTPServer

@Suite struct AccountRouteTests {
  @Test("Sign-up works once; login gives the token as JSON and as three cookies; logout ends it")
  func session() async throws {
    try await World.with { world in
      #expect(try await world.send(.get, "/api/server/config").object()["isInitialized"] == .flag(false))
      _ = try await world.login()
      #expect(try await world.send(.get, "/api/server/config").object()["isInitialized"] == .flag(true))
      let credentials = #"{"email":"anna@example.com","password":"correct horse","name":"x"}"#
      #expect(try await world.send(.post, "/api/auth/admin-sign-up", body: credentials).status == .badRequest)

      let login = try await world.send(
        .post, "/api/auth/login", [("User-Agent", "immich-ios/3.1.0"), ("X-Forwarded-Proto", "https")],
        body: credentials)
      let cookies = login.fields[values: .setCookie]
      let token = try #require(try login.object()["accessToken"]?.text)
      #expect(cookies.count == 3 && cookies[0].hasPrefix("immich_access_token=\(token);"))
      // The peer is no trusted proxy.
      #expect(!cookies.contains { $0.contains("Secure") })
      let proxied = try await world.send(
        .post, "/api/auth/login", [("X-Forwarded-Proto", "https")], body: credentials, peer: "10.0.0.1")
      #expect(proxied.fields[values: .setCookie].allSatisfy { $0.contains("; Secure") })

      let cookie = ("Cookie", "immich_access_token=\(token)")
      let me = try await world.send(.get, "/api/users/me", [cookie])
      #expect(try me.object()["email"] == .text("anna@example.com"))
      #expect(try me.object()["clusterGroupId"] == (try me.object()["id"]))
      #expect(try await world.send(.post, "/api/auth/validateToken", [cookie]).object()["authStatus"] == .flag(true))
      let logout = try await world.send(.post, "/api/auth/logout", [cookie])
      #expect(logout.fields[values: .setCookie].filter { $0.contains("Max-Age=0") }.count == 3)
      let after = try await world.send(.get, "/api/users/me", [cookie])
      #expect(after.status == .unauthorized && after.message == "Invalid user token")
    }
  }

  @Test("What proves nothing is 401 with Immich's words; a wrong password does not say what was wrong")
  func refusals() async throws {
    try await World.with { world in
      _ = try await world.login()
      for (fields, message) in [
        ([], "Authentication required"), ([("x-api-key", "nonsense")], "Invalid API key"),
        ([("Authorization", "Bearer nonsense")], "Invalid user token"),
      ] as [([(String, String)], String)] {
        let response = try await world.send(.get, "/api/users/me", fields)
        #expect(response.status == .unauthorized && response.message == message)
      }
      for body in [
        #"{"email":"anna@example.com","password":"wrong"}"#, #"{"email":"nobody@example.com","password":"wrong"}"#,
      ] {
        let response = try await world.send(.post, "/api/auth/login", body: body)
        #expect(response.status == .unauthorized && response.message == "Incorrect email or password")
      }
    }
  }

  @Test("A page of another site cannot change anything with the visitor's cookie; an app and our own page can")
  func forgery() async throws {
    try await World.with { world in
      let token = try await world.login().1
      let cookie = ("Cookie", "immich_access_token=\(token)")
      let host = ("Host", "photos.example:2283")
      let cases: [([(String, String)], HTTPResponse.Status)] = [
        ([], .ok), ([("Origin", "http://photos.example:2283")], .ok),
        ([("Origin", "https://PHOTOS.example:2283")], .ok),
        ([("Origin", "https://evil.example")], .forbidden), ([("Origin", "null")], .forbidden),
        ([("Origin", "http://photos.example")], .forbidden),
        ([("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")], .ok),
        ([("Sec-Fetch-Site", "cross-site")], .forbidden), ([("Sec-Fetch-Site", "same-site")], .forbidden),
      ]
      for (fields, status) in cases {
        let response = try await world.send(.post, "/api/auth/validateToken", [cookie, host] + fields)
        #expect(response.status == status, "\(fields)")
      }
      // A token that the caller holds itself proves enough, and reading changes nothing.
      let evil = ("Origin", "https://evil.example")
      let header = ("x-immich-user-token", token)
      #expect(try await world.send(.post, "/api/auth/validateToken", [header, host, evil]).status == .ok)
      #expect(try await world.send(.get, "/api/users/me", [cookie, host, evil]).status == .ok)
    }
  }

  @Test("A page of another site can neither sign up the admin nor log somebody in; our own page and programs can")
  func forgedEntrance() async throws {
    try await World.with { world in
      let host = ("Host", "photos.example:2283")
      let body = #"{"email":"anna@example.com","password":"correct horse","name":"Anna"}"#
      let evil: [[(String, String)]] = [
        [("Origin", "https://evil.example"), ("Content-Type", "text/plain")], [("Origin", "null")],
        [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site"), ("Content-Type", "application/json")],
      ]
      for fields in evil {
        for path in ["/api/auth/admin-sign-up", "/api/auth/login"] {
          let response = try await world.send(.post, path, [host] + fields, body: body)
          #expect(
            response.status == .forbidden && response.message == "Cross-site request refused", "\(path) \(fields)")
        }
        #expect(try await world.send(.get, "/api/server/ping", [host] + fields).status == .ok)
      }
      #expect(try await world.send(.get, "/api/server/config").object()["isInitialized"] == .flag(false))
      let own = [host, ("Origin", "http://photos.example:2283"), ("Sec-Fetch-Site", "same-origin")]
      #expect(try await world.send(.post, "/api/auth/admin-sign-up", own, body: body).status == .created)
      #expect(try await world.send(.post, "/api/auth/login", [host], body: body).status == .created)
    }
  }

  @Test("API keys: created, read, limited by their permissions, unable to grant more, deleted")
  func keys() async throws {
    try await World.with { world in
      let session = try await world.login()
      let created = try await world.send(
        .post, "/api/api-keys", [session], body: #"{"name":"phone","permissions":["asset.upload","apiKey.create"]}"#)
      #expect(created.status == .created)
      let object = try created.object()
      #expect(object["apiKey"]?["id"] == object["id"] && object["apiKey"]?["name"] == .text("phone"))
      let key = ("x-api-key", try #require(object["secret"]?.text))
      #expect(try await world.send(.get, "/api/api-keys/me", [key]).object()["id"] == object["id"])
      #expect(try await world.send(.get, "/api/api-keys/me", [session]).status == .forbidden)
      let denied = try await world.send(.get, "/api/users/me", [key])
      #expect(denied.status == .forbidden && denied.message == "Missing required permission: user.read")
      let greedy = try await world.send(.post, "/api/api-keys", [key], body: #"{"permissions":["all"]}"#)
      #expect(greedy.status == .badRequest && greedy.message == "Cannot grant permissions you do not have")
      let unknown = try await world.send(.post, "/api/api-keys", [session], body: #"{"permissions":["asset.fly"]}"#)
      #expect(unknown.status == .badRequest && unknown.message == "Validation failed")
      #expect(try unknown.object()["errors"]?.list?.first?["path"] == .list([.text("permissions"), .number(0)]))
      let id = try #require(object["id"]?.text)
      let renamed = try await world.send(.put, "/api/api-keys/\(id.uppercased())", [session], body: #"{"name":"pad"}"#)
      #expect(try renamed.object()["name"] == .text("pad"))
      #expect(try await world.send(.delete, "/api/api-keys/\(id)", [session]).status == .noContent)
      #expect(try await world.send(.get, "/api/api-keys/me", [key]).message == "Invalid API key")
      #expect(try await world.send(.get, "/api/api-keys/\(id)", [session]).status == .badRequest)
    }
  }

  @Test("A limited key can neither take the account over nor touch a stronger key; all its own kind it can")
  func escalation() async throws {
    try await World.with { world in
      let session = try await world.login()
      func key(_ permissions: String) async throws -> (field: (String, String), id: String) {
        let object = try await world.send(
          .post, "/api/api-keys", [session], body: "{\"permissions\":[\(permissions)]}"
        ).object()
        return (("x-api-key", try #require(object["secret"]?.text)), try #require(object["id"]?.text))
      }
      let strong = try await key(#""all""#)
      let limited = try await key(#""user.update","apiKey.update","apiKey.delete""#)
      let equal = try await key(#""apiKey.update""#)
      for body in [#"{"password":"mine now, all of it"}"#, #"{"email":"eve@example.com","name":"Eve"}"#] {
        let response = try await world.send(.put, "/api/users/me", [limited.field], body: body)
        #expect(response.status == .forbidden)
        #expect(response.message == "Missing required permission: auth.changePassword")
      }
      #expect(try await world.send(.put, "/api/users/me", [limited.field], body: #"{"name":"A"}"#).status == .ok)
      let rename = #"{"name":"x"}"#
      let update = try await world.send(.put, "/api/api-keys/\(strong.id)", [limited.field], body: rename)
      #expect(update.status == .badRequest && update.message == "Cannot change a key with permissions you do not have")
      #expect(try await world.send(.delete, "/api/api-keys/\(strong.id)", [limited.field]).status == .badRequest)
      #expect(try await world.send(.get, "/api/api-keys/me", [strong.field]).object()["name"] == .text("API Key"))
      #expect(try await world.send(.put, "/api/api-keys/\(equal.id)", [limited.field], body: rename).status == .ok)
      #expect(try await world.send(.delete, "/api/api-keys/\(equal.id)", [limited.field]).status == .noContent)
      let missing = "/api/api-keys/0f9a1b2c-3d4e-4f60-8a7b-9c0d1e2f3a4b"
      #expect(try await world.send(.delete, missing, [limited.field]).message == "Not found or no apiKey.delete access")

      // A session proves no password: it is asked for, but where a change is due.
      let change = #"{"password":"mine now, all of it"}"#
      let refused = try await world.send(.put, "/api/users/me", [session], body: change)
      #expect(refused.status == .badRequest && refused.message?.contains("/api/auth/change-password") == true)
      let again = #"{"email":"anna@example.com","password":"correct horse"}"#
      #expect(try await world.send(.post, "/api/auth/login", body: again).status == .created)
    }
  }

  @Test("Preferences: every section is there, an update changes what it names, a wrong type names its place")
  func preferences() async throws {
    try await World.with { world in
      let session = try await world.login()
      let path = "/api/users/me/preferences"
      let before = try await world.send(.get, path, [session]).object()
      #expect(
        before.keys.sorted() == [
          "albums", "cast", "download", "emailNotifications", "folders", "memories", "people", "purchase", "ratings",
          "recentlyAdded", "sharedLinks", "tags",
        ])
      let update = #"{"memories":{"duration":9},"later":{"x":1,"y":[null]},"avatar":{"color":"pink"}}"#
      let after = try await world.send(.put, path, [session], body: update).object()
      #expect(
        after["memories"] == .object(["duration": .number(9), "enabled": .flag(false), "sidebarWeb": .flag(false)]))
      // Clients made from newer schemas demand it.
      #expect(after["people"]?["updateStrategy"] == .text("self"))
      #expect(after.filter { $0.key != "memories" } == before.filter { $0.key != "memories" })
      #expect(try await world.send(.get, path, [session]).object() == after)
      #expect(try await world.send(.get, "/api/users/me", [session]).object()["avatarColor"] == .text("pink"))
      let wrong = try await world.send(.put, path, [session], body: #"{"tags":{"enabled":1}}"#)
      #expect(wrong.status == .badRequest)
      #expect(
        try wrong.object()["errors"]?.list?.first?["path"] == .list([.text("tags"), .text("enabled")]))
      // Where one value is wrong, none is taken, the colour included.
      for body in [
        #"{"avatar":{"color":"green"},"memories":{"duration":1},"people":{"updateStrategy":"nobody"}}"#,
        #"{"avatar":{"color":"invisible"},"memories":{"duration":1}}"#,
      ] {
        #expect(try await world.send(.put, path, [session], body: body).status == .badRequest)
        #expect(try await world.send(.get, path, [session]).object() == after)
        #expect(try await world.send(.get, "/api/users/me", [session]).object()["avatarColor"] == .text("pink"))
      }
    }
  }
}
