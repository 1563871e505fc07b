import Ground
import HTTPTypes
import Testing

@testable import API
@testable import Backup
@testable import HTTPServer

@Suite struct DraftDoorTests {
  private let photo = RawDoorTests.photo

  /// One client of the draft.
  private struct Client {
    let world: World
    let session: (String, String)
    let version: DraftVersion

    func fields(_ isComplete: Bool, _ more: [(String, String)] = []) -> [(String, String)] {
      [
        session, (DraftVersion.fieldName, "\(version.rawValue)"),
        (version.completenessField, version.completeness(isComplete)),
      ] + more
    }

    func send(
      _ method: HTTPRequest.Method, _ target: String, _ fields: [(String, String)], _ body: ArraySlice<UInt8> = [],
      _ interim: Interim = Interim()
    ) async throws -> Response {
      await world.responder.respond(
        to: try makeRequest(method, target, fields, body: Array(body), interim: interim))
    }

    func append(_ target: String, _ offset: Int, _ isComplete: Bool, _ body: ArraySlice<UInt8>) async throws -> Response
    {
      var more = [("Upload-Offset", "\(offset)")]
      if version.namesMediaType { more.append(("Content-Type", "application/partial-upload")) }
      return try await send(.patch, target, fields(isComplete, more), body)
    }

    func head(_ target: String) async throws -> Response {
      try await send(.head, target, [session, (DraftVersion.fieldName, "\(version.rawValue)")])
    }

    func isComplete(_ response: Response) -> Bool? {
      HTTPField.Name(version.completenessField).flatMap { response.fields[$0] }.map { $0 == version.completeness(true) }
    }
  }

  private func field(_ name: String, _ fields: HTTPFields) -> String? { HTTPField.Name(name).flatMap { fields[$0] } }

  @Test(
    "In one request: 104 with the address, then what an ordinary upload hears, and that it is complete",
    arguments: DraftVersion.allCases)
  func whole(_ version: DraftVersion) async throws {
    try await World.with { world in
      let client = Client(world: world, session: try await world.login(), version: version)
      let interim = Interim()
      let response = try await client.send(.post, "/api/backup/assets", client.fields(true), photo[...], interim)
      #expect(response.status == .created)
      #expect(client.isComplete(response) == true)
      #expect(field("X-Asset-Status", response.fields) == "created")
      let first = try #require(interim.all.first)
      #expect(first.status.code == 104)
      #expect(field(DraftVersion.fieldName, first.fields) == "\(version.rawValue)")
      #expect(field("Upload-Limit", first.fields)?.contains(version == .v6 ? "expires=" : "max-age=") == true)
      let location = try #require(first.fields[.location])
      let head = try await client.head(location)
      #expect(head.status == .noContent && client.isComplete(head) == true)
      #expect(field("Upload-Offset", head.fields) == "\(photo.count)")
      #expect(field("X-Asset-Id", head.fields) == (try response.object()["id"]?.text))
    }
  }

  @Test(
    "In pieces: every offset is told, the last piece stores it, and its answer is given again",
    arguments: DraftVersion.allCases)
  func pieces(_ version: DraftVersion) async throws {
    try await World.with { world in
      let client = Client(world: world, session: try await world.login(), version: version)
      let begun = try await client.send(
        .post, "/api/backup/uploads", client.fields(false, [("Upload-Length", "\(photo.count)")]), photo[..<100_000])
      #expect(begun.status == .created && client.isComplete(begun) == false)
      #expect(field("Upload-Offset", begun.fields) == "100000")
      let location = try #require(begun.fields[.location])
      #expect(location.hasPrefix("/api/backup/uploads/"))
      let wrong = try await client.append(location, 5, false, photo[5..<10])
      #expect(wrong.status == .conflict && wrong.fields[.contentType] == "application/problem+json")
      #expect(field("Upload-Offset", wrong.fields) == "100000" && client.isComplete(wrong) == false)
      #expect(try wrong.object()["expected-offset"] == .number(100_000))
      #expect(try wrong.object()["provided-offset"] == .number(5))
      #expect(try wrong.object()["type"]?.text?.hasSuffix("#mismatching-upload-offset") == true)
      let middle = try await client.append(location, 100_000, false, photo[100_000...])
      #expect(middle.status == (version.appendedIsCreated ? .created : .noContent))
      #expect(client.isComplete(middle) == false && field("Upload-Offset", middle.fields) == "\(photo.count)")
      // Full is not complete.
      #expect(client.isComplete(try await client.head(location)) == false)
      let end = try await client.append(location, photo.count, true, [])
      #expect(end.status == .created && client.isComplete(end) == true)
      let again = try await client.append(location, photo.count, true, [])
      #expect(try again.object()["id"] == (try end.object()["id"]))
      let more = try await client.append(location, photo.count, true, [1])
      #expect(more.status == .badRequest)
      #expect(try more.object()["type"]?.text?.hasSuffix("#inconsistent-upload-length") == true)
      let id = try #require(try end.object()["id"]?.text)
      #expect(
        try await world.send(.get, "/api/assets/\(id)", [client.session]).object()["checksum"]
          == .text(RawDoorTests.digest(photo).base64))
    }
  }

  @Test("Lengths that contradict each other make nothing")
  func lengths() async throws {
    try await World.with { world in
      let client = Client(world: world, session: try await world.login(), version: .v8)
      for isComplete in [true, false] {
        let response = try await client.send(
          .post, "/api/backup/uploads", client.fields(isComplete, [("Upload-Length", "10")]), photo[..<20])
        #expect(response.status == .badRequest && client.isComplete(response) == false)
        #expect(try response.object()["type"]?.text?.hasSuffix("#inconsistent-upload-length") == true)
      }
      let empty = try await client.send(.post, "/api/backup/uploads", client.fields(true))
      #expect(empty.status == .badRequest && client.isComplete(empty) == true)
      let coded = try await client.send(
        .post, "/api/backup/uploads", client.fields(true, [("Content-Encoding", "gzip")]), photo[...])
      #expect(coded.status == .unsupportedMediaType)
      #expect(try await world.send(.get, "/api/backup/uploads", [client.session]).text() == "[]")
    }
  }

  @Test("A part whose own digest is wrong is thrown away; a whole whose digest is wrong is refused for ever")
  func digests() async throws {
    try await World.with { world in
      let client = Client(world: world, session: try await world.login(), version: .v8)
      let wrong = Base64.encode([UInt8](repeating: 1, count: 20))
      let begun = try await client.send(
        .post, "/api/backup/uploads", client.fields(false, [("Repr-Digest", "sha=:\(wrong):")]), photo[..<1000])
      let location = try #require(begun.fields[.location])
      let part = try await client.send(
        .patch, location,
        client.fields(
          false,
          [
            ("Upload-Offset", "1000"), ("Content-Type", "application/partial-upload"),
            ("Content-Digest", "sha=:\(wrong):"),
          ]), photo[1000..<2000])
      #expect(part.status == .badRequest && field("Upload-Offset", part.fields) == "1000")
      let end = try await client.append(location, 1000, true, photo[1000...])
      #expect(end.status == .badRequest && client.isComplete(end) == true)
      #expect(field("X-Asset-Error", end.fields) == "checksum_mismatch")
      let head = try await client.head(location)
      #expect(field("X-Asset-Error", head.fields) == "checksum_mismatch" && client.isComplete(head) == true)
    }
  }

  @Test(
    "A multipart form becomes resumable too, and its photo is what an ordinary form's is",
    arguments: [DraftVersion.v3, .v8])
  func form(_ version: DraftVersion) async throws {
    try await World.with { world in
      let client = Client(world: world, session: try await world.login(), version: version)
      let body = World.form(World.dates + [World.field("isFavorite", "true"), ("assetData", "a.jpg", photo)])
      let type = ("Content-Type", "multipart/form-data; boundary=bound")
      let begun = try await client.send(.post, "/api/assets", client.fields(false, [type]), body[..<50_000])
      let location = try #require(begun.fields[.location])
      let end = try await client.append(location, 50_000, true, body[50_000...])
      #expect(end.status == .created && client.isComplete(end) == true)
      let id = try #require(try end.object()["id"]?.text)
      let asset = try await world.send(.get, "/api/assets/\(id)", [client.session]).object()
      #expect(asset["originalFileName"] == .text("a.jpg") && asset["isFavorite"] == .flag(true))
      #expect(asset["checksum"] == .text(RawDoorTests.digest(photo).base64))
      let again = try await client.send(.post, "/api/assets", client.fields(true, [type]), body[...])
      #expect(again.status == .ok)
      #expect(try again.object()["id"] == .text(id))
      // A form that is none is refused at its end, for ever.
      let broken = try await client.send(.post, "/api/assets", client.fields(true, [type]), Array("nothing".utf8)[...])
      #expect(broken.status == .badRequest && client.isComplete(broken) == true)
      #expect(try await world.send(.get, "/api/backup/uploads", [client.session]).text() == "[]")
    }
  }

  @Test("Whose half is here already is sent there and cut off, once; without the version nothing of that")
  func halfHere() async throws {
    try await World.with { world in
      let client = Client(world: world, session: try await world.login(), version: .v8)
      let film = photo + [UInt8](repeating: 7, count: 2 << 20)
      let digest = ("Repr-Digest", "sha=:\(RawDoorTests.digest(film).base64):")
      let begun = try await client.send(
        .post, "/api/backup/uploads", client.fields(false, [digest, ("Upload-Length", "\(film.count)")]),
        film[..<(2 << 20)])
      let location = try #require(begun.fields[.location])
      let interim = Interim()
      _ = try await client.send(.post, "/api/backup/assets", client.fields(true, [digest]), film[...], interim)
      #expect(interim.all.map { $0.fields[.location] } == [location] && interim.hangUps == 1)
      let second = Interim()
      let response = try await client.send(
        .post, "/api/backup/assets", client.fields(true, [digest]), film[...], second)
      #expect(response.status == .created && second.hangUps == 0)
    }
  }

  @Test("/api/upload: the asset's id is the address, and the end is {id}")
  func upstream() async throws {
    try await World.with { world in
      let client = Client(world: world, session: try await world.login(), version: .v8)
      let digest = ("Repr-Digest", "sha=:\(RawDoorTests.digest(photo).base64):")
      let data = ("X-Immich-Asset-Data", "filename=\"a.jpg\", is-favorite, file-created-at=\"2024-07-17T18:15:30Z\"")
      let without = try await client.send(.post, "/api/upload", client.fields(true, [data]), photo[...])
      #expect(without.status == .badRequest)
      let begun = try await client.send(.post, "/api/upload", client.fields(false, [digest, data]), photo[..<1000])
      #expect(begun.status == .created)
      let location = try #require(begun.fields[.location])
      #expect(field("Upload-Offset", try await client.head(location).fields) == "1000")
      let end = try await client.append(location, 1000, true, photo[1000...])
      #expect(end.status == .ok)
      let id = try #require(try end.object()["id"]?.text)
      #expect(location == "/api/upload/\(id)")
      let asset = try await world.send(.get, "/api/assets/\(id)", [client.session]).object()
      #expect(asset["isFavorite"] == .flag(true) && asset["originalFileName"] == .text("a.jpg"))
      let guest = try await world.guest()
      #expect(try await client.send(.head, location, [guest]).status == .notFound)
    }
  }

  @Test("A cancelled upload is gone, and version 3 wants no stray fields")
  func cancelled() async throws {
    try await World.with { world in
      let client = Client(world: world, session: try await world.login(), version: .v3)
      let begun = try await client.send(.post, "/api/backup/uploads", client.fields(false), photo[..<1000])
      let location = try #require(begun.fields[.location])
      let version = (DraftVersion.fieldName, "3")
      #expect(
        try await client.send(.delete, location, [client.session, version, ("Upload-Offset", "1")]).status
          == .badRequest)
      #expect(
        try await client.send(.head, location, [client.session, version, ("Upload-Incomplete", "?1")]).status
          == .badRequest)
      #expect(try await client.send(.delete, location, [client.session, version]).status == .noContent)
      #expect([404, 410].contains(try await client.head(location).status.code))
    }
  }

  @Test("A 104 that nobody takes any more ends no upload: what had come is taken all the same")
  func progressToNobody() async throws {
    try await World.with { world in
      let client = Client(world: world, session: try await world.login(), version: .v8)
      // The address is heard; progress is not.
      let interim = Interim(most: 1)
      let film = photo + [UInt8](repeating: 7, count: 96 << 20)
      let response = try await client.send(.post, "/api/backup/assets", client.fields(true), film[...], interim)
      #expect(interim.all.count == 2, "progress was due, was tried once, and never again")
      #expect(response.status == .created)
      let location = try #require(interim.all.first?.fields[.location])
      #expect(field("Upload-Offset", try await client.head(location).fields) == "\(film.count)")
    }
  }
}
