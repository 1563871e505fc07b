import Ground
import HTTPTypes
import Testing

@testable import API
@testable import HTTPServer

/// tus as its clients speak it, over the real desk and disk.
@Suite struct TusTests {
  private static let version = ("Tus-Resumable", "1.0.0")
  private static let bytes = ("Content-Type", "application/offset+octet-stream")
  private static let root = "/api/backup/uploads"

  /// A small photo of its own bytes.
  private static func photo(_ seed: UInt8) -> [UInt8] {
    [0xFF, 0xD8, 0xFF, 0xE0, seed] + [UInt8](repeating: seed, count: 995)
  }

  private static func base64(_ text: String) -> String { Base64.encode(Array(text.utf8)) }

  private static func digest(_ bytes: [UInt8]) -> SHA1Digest {
    let running = RunningSHA1()
    bytes.withUnsafeBytes { running.update($0) }
    return running.finish()
  }

  private static func create(
    _ world: World, _ fields: [(String, String)], body: [UInt8] = []
  ) async throws -> (response: Response, url: String) {
    let response = try await world.send(.post, root, [version] + fields, bytes: body)
    return (response, response.fields[.location] ?? "")
  }

  @Test("Two parts, a look in between, the result in the answer's fields, and the file itself")
  func upload() async throws {
    try await World.with { world in
      let user = try await world.login()
      let photo = Self.photo(1)
      let sha1 = Self.digest(photo).hex
      let metadata = "filename \(Self.base64("a b.jpg")),flag,sha1 \(Self.base64(sha1))"
      let (created, url) = try await Self.create(
        world, [user, ("Upload-Length", "1000"), ("Upload-Metadata", metadata)])
      #expect(created.status == .created && created["Upload-Offset"] == "0" && created["Tus-Resumable"] == "1.0.0")
      #expect(url.hasPrefix("\(Self.root)/") && created["Upload-Expires"]?.hasSuffix(" GMT") == true)

      let first = try await world.send(
        .patch, url, [user, Self.version, Self.bytes, ("Upload-Offset", "0")], bytes: Array(photo[..<600]))
      #expect(first.status == .noContent && first["Upload-Offset"] == "600" && first["X-Asset-Id"] == nil)
      let head = try await world.send(.head, url, [user, Self.version])
      #expect(head.status == .ok && head["Upload-Offset"] == "600" && head["Upload-Length"] == "1000")
      #expect(head["Upload-Metadata"] == metadata && head["Cache-Control"] == "no-store")
      let list = try await world.send(.get, Self.root, [user]).json().list
      #expect(list?.count == 1 && list?.first?["location"]?.text == url && list?.first?["offset"] == .number(600))
      #expect(list?.first?["name"]?.text == "a b.jpg" && list?.first?["isReceiving"] == .flag(false))
      #expect(list?.first?["sha1"]?.text == sha1)

      // Where it does not stand, nothing is taken.
      let stale = try await world.send(
        .patch, url, [user, Self.version, Self.bytes, ("Upload-Offset", "0")], bytes: photo)
      #expect(stale.status == .conflict && stale["Upload-Offset"] == "600" && stale["Tus-Resumable"] == "1.0.0")
      #expect(stale.fields[.contentType] == "application/problem+json")

      let last = try await world.send(
        .patch, url, [user, Self.version, Self.bytes, ("Upload-Offset", "600")], bytes: Array(photo[600...]))
      #expect(last.status == .noContent && last["Upload-Offset"] == "1000" && last["X-Asset-Status"] == "created")
      #expect(last["Repr-Digest"] == "sha=:\(Self.digest(photo).base64):")
      let id = try #require(last["X-Asset-Id"])
      #expect(last["Content-Location"] == "/api/assets/\(id)")
      let asset = try await world.send(.get, "/api/assets/\(id)", [user]).json()
      #expect(asset["originalFileName"]?.text == "a b.jpg")
      let file = try await world.send(.get, url, [user])
      #expect(file.status == .ok && file.fields[.contentType] == "image/jpeg" && file["X-Asset-Id"] == id)
      // The address alone opens no photo.
      #expect(try await world.send(.get, url).status == .unauthorized)
    }
  }

  @Test("Whoever knows the address may look, go on and cancel; somebody else's credential may not")
  func capability() async throws {
    try await World.with { world in
      let user = try await world.login()
      let guest = try await world.guest()
      let url = try await Self.create(world, [user, ("Upload-Length", "1000")]).url
      for method in [HTTPRequest.Method.head, .patch, .delete] {
        let fields = [guest, Self.version, Self.bytes, ("Upload-Offset", "0")]
        #expect(try await world.send(method, url, fields).status == .notFound)
      }
      let patch = try await world.send(
        .patch, url, [Self.version, Self.bytes, ("Upload-Offset", "0")], bytes: Array(Self.photo(2)[..<10]))
      #expect(patch.status == .noContent)
      #expect(try await world.send(.head, url, [Self.version])["Upload-Offset"] == "10")
      #expect(try await world.send(.delete, url, [Self.version]).status == .noContent)
      #expect([404, 410].contains(try await world.send(.head, url, [Self.version]).status.code))
      #expect(try world.storedFiles() == [".nightstand"])
    }
  }

  @Test("A creation that names bytes which are here already is complete, and its body is not read")
  func known() async throws {
    try await World.with { world in
      let user = try await world.login()
      let photo = Self.photo(3)
      let metadata = "sha1 \(Self.base64(Self.digest(photo).hex))"
      let fields = [user, ("Upload-Length", "1000"), ("Upload-Metadata", metadata), Self.bytes]
      let first = try await Self.create(world, fields, body: photo).response
      #expect(first.status == .created && first["Upload-Offset"] == "1000" && first["X-Asset-Status"] == "created")
      let (second, url) = try await Self.create(world, fields)
      #expect(second.status == .created && second["Upload-Offset"] == "1000" && second["X-Asset-Status"] == "duplicate")
      #expect(second["X-Asset-Id"] == first["X-Asset-Id"])
      #expect(try await world.send(.head, url, [user, Self.version])["Upload-Offset"] == "1000")
    }
  }

  @Test("Bytes that are not the announced ones are never stored, and their part is not either")
  func checksums() async throws {
    try await World.with { world in
      let user = try await world.login()
      let photo = Self.photo(4)
      let url = try await Self.create(world, [user, ("Upload-Length", "1000")]).url
      let wrong = ("Upload-Checksum", "sha1 \(Self.digest(Self.photo(5)).base64)")
      let part = try await world.send(
        .patch, url, [user, Self.version, Self.bytes, ("Upload-Offset", "0"), wrong], bytes: photo)
      #expect(part.status.code == 460)
      #expect(try await world.send(.head, url, [user, Self.version])["Upload-Offset"] == "0")
      let metadata = ("Upload-Metadata", "sha1 \(Self.base64(Self.digest(Self.photo(5)).hex))")
      let whole = try await Self.create(world, [user, ("Upload-Length", "1000"), metadata, Self.bytes], body: photo)
      #expect(whole.response.status == .badRequest && whole.response["X-Asset-Error"] == "checksum_mismatch")
      #expect(try await world.send(.get, "/api/assets/statistics", [user]).json()["total"] == .number(0))
    }
  }

  @Test("Parts are put together in the order in which they are named")
  func concatenation() async throws {
    try await World.with { world in
      let user = try await world.login()
      let photo = Self.photo(6)
      var urls: [String] = []
      for part in [Array(photo[..<300]), Array(photo[300...])] {
        let fields = [user, ("Upload-Concat", "partial"), ("Upload-Length", String(part.count)), Self.bytes]
        let (response, url) = try await Self.create(world, fields, body: part)
        #expect(response.status == .created && response["X-Asset-Id"] == nil)
        urls.append(url)
      }
      #expect(try await world.send(.get, "/api/assets/statistics", [user]).json()["total"] == .number(0))
      let guest = try await world.guest()
      let list = ("Upload-Concat", "final;\(urls[0]) https://elsewhere.example\(urls[1])")
      #expect(try await Self.create(world, [guest, list]).response.status == .notFound)
      let (final, url) = try await Self.create(world, [user, list])
      #expect(final.status == .created && final["X-Asset-Status"] == "created")
      #expect(final["Repr-Digest"] == "sha=:\(Self.digest(photo).base64):")
      let head = try await world.send(.head, url, [user, Self.version])
      #expect(head["Upload-Concat"] == list.1 && head["Upload-Length"] == "1000" && head["Upload-Offset"] == "1000")
    }
  }

  @Test(arguments: [
    ([("Tus-Resumable", "0.9"), ("Upload-Length", "5")], 412), ([("Upload-Length", "5")], 412),
    ([("Upload-Metadata", "a YQ==")], 412), ([version], 400), ([version, ("Upload-Length", "")], 400),
    ([version, ("Upload-Length", "5"), ("Upload-Defer-Length", "1")], 400),
    ([version, ("Upload-Defer-Length", "2")], 400),
    ([version, ("Upload-Length", "0")], 400), ([version, ("Upload-Length", "9223372036854775807")], 413),
    ([version, ("Upload-Length", "5"), ("Upload-Metadata", "a b")], 400),
    ([version, ("Upload-Concat", "final;")], 400), ([version, ("Upload-Concat", "final;/x")], 404),
    ([version, ("Upload-Concat", "final;/api/backup/uploads/x"), ("Upload-Length", "5")], 404),
  ])
  func badCreations(fields: [(String, String)], status: Int) async throws {
    try await World.with { world in
      let user = try await world.login()
      let response = try await world.send(.post, Self.root, [user] + fields)
      #expect(response.status.code == status)
      #expect((response["Tus-Version"] == "1.0.0") == (status == 412))
      #expect(try await world.send(.get, Self.root, [user]).json().list?.isEmpty == true)
    }
  }

  @Test("A page of another origin may ask, without a credential, what it may send; and read the answers")
  func crossOrigin() async throws {
    try await World.with { world in
      let origin = ("Origin", "https://elsewhere.example")
      let ask = [
        origin, ("Access-Control-Request-Method", "PATCH"), ("Access-Control-Request-Headers", "tus-resumable"),
      ]
      for path in [Self.root, "\(Self.root)/x", "/api/backup/assets"] {
        let answer = try await world.send(.options, path, ask)
        #expect(answer.status == .noContent && answer["Access-Control-Allow-Origin"] == origin.1)
        #expect(answer["Access-Control-Allow-Headers"]?.contains("Upload-Checksum") == true)
        #expect(answer["Vary"] == "Origin" && answer["Access-Control-Allow-Credentials"] == nil)
      }
      let refused = try await world.send(.post, Self.root, [origin, Self.version])
      #expect(refused.status == .unauthorized && refused["Access-Control-Allow-Origin"] == origin.1)
      #expect(refused["Access-Control-Expose-Headers"]?.contains("Upload-Offset") == true)
      #expect(refused["Tus-Resumable"] == "1.0.0")
      let elsewhere = try await world.send(.options, "/api/assets", ask)
      #expect(elsewhere["Access-Control-Allow-Origin"] == nil)
    }
  }
}

extension Response {
  fileprivate subscript(_ name: String) -> String? { HTTPField.Name(name).flatMap { fields[$0] } }
}
