import FoundationEssentials
import HTTPTypes
import Testing

@testable import API
@testable import HTTPServer

@Suite struct RouteTests {
  /// Method, path and permission of each line of the map.
  private func map(_ world: World) -> [(line: String, permission: String?)] {
    let forwarding = Forwarding(trustedProxies: [])
    let authentication = Authentication(accounts: world.backup.accounts, forwarding: forwarding)
    let options = APIOptions(publicFolder: nil, trustedProxies: [], version: "")
    return APIResponder.endpoints(
      world.backup, options, authentication, forwarding, Failures(logger: world.log.logger)
    ).map { endpoint in
      let (access, permission): (String, String?) =
        switch endpoint.action {
        case .open: ("open", nil)
        case .user(let permission, _): (permission.map { "`\($0)`" } ?? "any", permission)
        case .holder(let permission, _): ("address" + (permission.map { ", `\($0)`" } ?? ""), permission)
        case .admin(let permission, _): ("admin" + (permission.map { ", `\($0)`" } ?? ""), permission)
        }
      return ("| \(endpoint.method.rawValue) | `\(endpoint.pattern)` | \(access) |", permission)
    }
  }

  @Test("docs/api.md lists exactly the routes of the map, with their permissions")
  func documentation() async throws {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let text = try String(contentsOfFile: "/\(root)/docs/api.md", encoding: .utf8)
    let methods = ["OPTIONS", "HEAD", "GET", "POST", "PUT", "PATCH", "DELETE"]
    let documented = text.split(separator: "\n").filter { line in
      methods.contains { line.hasPrefix("| \($0) |") }
    }.map { $0.split(separator: "|", omittingEmptySubsequences: true).prefix(3).joined(separator: "|") }
    try await World.with { world in
      let lines = map(world).map(\.line).map {
        $0.split(separator: "|", omittingEmptySubsequences: true).prefix(3).joined(separator: "|")
      }
      #expect(Set(documented) == Set(lines))
      #expect(documented.count == lines.count)
    }
  }

  @Test("Every route but the open ones refuses a stranger, before it looks at anything else")
  func strangers() async throws {
    try await World.with { world in
      for (line, _) in map(world) {
        let parts = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        let path = parts[1].dropFirst().dropLast().replacing("{id}", with: "0f9a1b2c-3d4e-4f60-8a7b-9c0d1e2f3a4b")
          .replacing("{userId}", with: "me").replacing("{name}", with: "ocr")
        let method = try #require(HTTPRequest.Method(parts[0]))
        let response = try await world.send(method, String(path))
        if parts[2] == "open" {
          #expect(response.status != .unauthorized, "\(line)")
        } else if parts[2].hasPrefix("address") {
          // Whoever does not know the address; POST takes nothing but another method's name.
          #expect(response.status == .notFound, "\(line)")
        } else if path.hasPrefix("/api/backup") {
          #expect(
            try response.status == .unauthorized && response.object()["detail"]?.text == "Authentication required")
        } else {
          #expect(response.status == .unauthorized && response.message == "Authentication required", "\(line)")
        }
      }
    }
  }

  @Test("Every permission of the map is one that a key can have")
  func permissions() async throws {
    try await World.with { world in
      let session = try await world.login()
      let names = Set(map(world).compactMap(\.permission)).sorted().map { "\"\($0)\"" }.joined(separator: ",")
      let response = try await world.send(.post, "/api/api-keys", [session], body: "{\"permissions\":[\(names)]}")
      #expect(response.status == .created)
    }
  }

  @Test("Unknown addresses are 404 and wrong methods 405, in JSON, whoever asks; HEAD goes where GET goes")
  func unknown() async throws {
    try await World.with { world in
      for (method, path) in [
        (HTTPRequest.Method.get, "/api/plugins"), (.post, "/api/sync/full-sync"), (.get, "/nothing"),
      ] {
        let response = try await world.send(method, path)
        #expect(response.status == .notFound)
        #expect(response.message == "\(method.rawValue) \(path) is not supported by Nightstand")
        #expect(HTTPField.Name("X-Correlation-ID").flatMap { response.fields[$0] } != nil)
      }
      let wrong = try await world.send(.delete, "/api/server/ping")
      #expect(wrong.status == .methodNotAllowed && wrong.fields[.allow] == "GET, HEAD")
      #expect(try await world.send(.head, "/api/server/ping").status == .ok)
      #expect(try await world.send(.head, "/.well-known/immich").status == .ok)
      let limit = { (method: HTTPRequest.Method, path: String) in
        RequestTarget(path).flatMap { world.responder.bodyLimit(for: method, $0) }
      }
      #expect(limit(.post, "/api/assets") == nil)
      #expect(limit(.post, "/api/assets/bulk-upload-check") == 16 << 20)
      #expect(limit(.post, "/api/users/me") == nil && limit(.put, "/api/users/me") == 1 << 20)
      // Strangers may make the server hold little.
      #expect(limit(.post, "/api/auth/login") == 16 << 10)
      #expect(limit(.post, "/api/auth/admin-sign-up") == 16 << 10)
    }
  }

  @Test("The page is served everywhere else, with its protection; never in place of the API's answers")
  func pages() async throws {
    try await World.with { world in
      try Data("<p>hello</p>".utf8).write(to: URL(filePath: world.folder + "/public/index.html"))
      let page = try await world.send(.get, "/")
      #expect(page.status == .ok)
      #expect(try page.text() == "<p>hello</p>")
      for name in ["Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"] {
        #expect(HTTPField.Name(name).flatMap { page.fields[$0] } != nil, "\(name)")
      }
      let beyond = try await world.send(.get, "/", [("Range", "bytes=5000-")])
      #expect(beyond.status == .rangeNotSatisfiable && beyond.fields[.cacheControl] == "no-store")
      #expect(HTTPField.Name("X-Correlation-ID").flatMap { beyond.fields[$0] } != nil)
      #expect(try await world.send(.get, "/api").status == .notFound)
      #expect(try await world.send(.get, "/../data/nightstand.sqlite").status == .notFound)
    }
  }

  @Test("Public facts need no credential and have every key that clients parse")
  func server() async throws {
    try await World.with { world in
      #expect(try await world.send(.get, "/api/server/ping").text() == #"{"res":"pong"}"#)
      #expect(
        try await world.send(.get, "/api/server/version").text()
          == #"{"major":3,"minor":1,"patch":0,"prerelease":null}"#)
      #expect(try await world.send(.get, "/.well-known/immich").text() == #"{"api":{"endpoint":"/api"}}"#)
      #expect(try await world.send(.get, "/api/server/features").object().count == 16)
      #expect(try await world.send(.get, "/api/server/config").object().count == 12)
      let types = try await world.send(.get, "/api/server/media-types").object()
      #expect(types["image"]?.list?.contains(.text(".jpg")) == true && types["sidecar"] == .list([.text(".xmp")]))
      #expect(try await world.send(.get, "/readyz").status == .ok)
      let session = try await world.login()
      #expect(try await world.send(.get, "/api/server/about", [session]).object()["version"] == .text("v3.1.0"))
      #expect(try await world.send(.get, "/api/server/storage", [session]).object().count == 7)
      let guest = try await world.guest()
      #expect(try await world.send(.get, "/api/server/statistics", [guest]).message == "Forbidden")
      #expect(try await world.send(.get, "/api/users", [guest]).json().list?.count == 2)
      #expect(try await world.send(.get, "/api/users", [session]).json().list?.count == 2)
    }
  }

  @Test("Bodies that are no JSON, nest without end or have the wrong shape are 400 and name the place")
  func wrongBodies() async throws {
    try await World.with { world in
      for (body, path) in [
        ("", []), ("{", []), ("nonsense", []), ("{\"email\":" + String(repeating: "[", count: 200_000), []),
        (#"{"email":"a@b.c"}"#, ["password"]), (#"{"email":1,"password":"x"}"#, ["email"]), ("[]", []),
        (#"{"email":null,"password":"x"}"#, ["email"]),
      ] as [(String, [String])] {
        let response = try await world.send(.post, "/api/auth/login", body: body)
        #expect(response.status == .badRequest && response.message == "Validation failed", "\(body.prefix(40))")
        let found = try response.object()["errors"]?.list?.first?["path"]
        #expect(found == .list(path.map(JSON.text)), "\(body.prefix(40))")
      }
    }
  }
}
