import Ground
import HTTPTypes
import Testing

@testable import API
@testable import Backup
@testable import HTTPServer

@Suite struct RawDoorTests {
  /// A JPEG's first bytes, and others behind them.
  static let photo =
    [0xFF, 0xD8, 0xFF, 0xE0, 0, 16] + Array("JFIF".utf8)
    + (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }

  static func digest(_ bytes: [UInt8]) -> SHA1Digest {
    let running = RunningSHA1()
    bytes.withUnsafeBytes { running.update($0) }
    return running.finish()
  }

  private func field(_ name: String, _ response: Response) -> String? {
    HTTPField.Name(name).flatMap { response.fields[$0] }
  }

  @Test("A body without a word about it becomes a photo with a name; the result stands in the fields, again and again")
  func bare() async throws {
    try await World.with { world in
      let session = try await world.login()
      for (index, method) in [HTTPRequest.Method.post, .put, .put].enumerated() {
        let path = index == 2 ? "/api/assets/background" : "/api/backup/assets"
        let response = try await world.send(index == 2 ? .post : method, path, [session], bytes: RawDoorTests.photo)
        #expect(response.status == (index == 0 ? .created : .ok))
        let body = try response.object()
        #expect(body["status"] == .text(index == 0 ? "created" : "duplicate"))
        #expect(field("X-Asset-Status", response) == (index == 0 ? "created" : "duplicate"))
        #expect(field("X-Asset-Id", response) == body["id"]?.text)
        #expect(field("Repr-Digest", response) == "sha=:\(RawDoorTests.digest(RawDoorTests.photo).base64):")
        let id = try #require(body["id"]?.text)
        #expect(field("Content-Location", response) == "/api/assets/\(id)")
        let asset = try await world.send(.get, "/api/assets/\(id)", [session]).object()
        #expect(asset["originalMimeType"] == .text("image/jpeg"))
        #expect(asset["originalFileName"]?.text?.hasSuffix(".jpg") == true)
      }
      #expect(try world.storedFiles().filter { !$0.contains("staging") }.count >= 1)
    }
  }

  @Test("What is said of the file is kept, in the words of YAIIU too")
  func described() async throws {
    try await World.with { world in
      let session = try await world.login()
      let fields = [
        session, ("X-Filename", "IMG_0001.JPG"), ("X-File-Created-At", "2024-07-17T20:15:30+02:00"),
        ("X-File-Modified-At", "2024-07-18T00:00:00Z"), ("X-Is-Favorite", "true"), ("Content-Type", "application/json"),
      ]
      let response = try await world.send(.post, "/api/assets/background", fields, bytes: RawDoorTests.photo)
      let id = try #require(try response.object()["id"]?.text)
      let asset = try await world.send(.get, "/api/assets/\(id)", [session]).object()
      #expect(asset["originalFileName"] == .text("IMG_0001.JPG") && asset["isFavorite"] == .flag(true))
      #expect(asset["localDateTime"] == .text("2024-07-17T20:15:30.000Z"))
    }
  }

  @Test("An announced digest that is here already is answered without reading the body, whatever field it came in")
  func known() async throws {
    try await World.with { world in
      let session = try await world.login()
      let digest = RawDoorTests.digest(RawDoorTests.photo)
      #expect(
        try await world.send(.post, "/api/backup/assets", [session], bytes: RawDoorTests.photo).status == .created)
      for field in [
        ("x-immich-checksum", digest.hex), ("Repr-Digest", "sha=:\(digest.base64):"),
        ("Content-Digest", "sha=:\(digest.base64):"),
      ] {
        let request = try makeRequest(.put, "/api/backup/assets", [session, field], body: RawDoorTests.photo)
        let response = await world.responder.respond(to: request)
        #expect(response.status == .ok)
        #expect(try await request.body.collect(limit: 1 << 20).count == RawDoorTests.photo.count)
      }
    }
  }

  @Test("What cannot be taken is refused with a word in the fields, and leaves nothing")
  func refusals() async throws {
    try await World.with { world in
      let session = try await world.login()
      let before = try world.storedFiles()
      let wrong = String(repeating: "0", count: 40)
      let photo = RawDoorTests.photo
      let text = Array("not a photo at all".utf8)
      let cases: [([(String, String)], [UInt8], Int, String)] = [
        ([], [], 400, "empty_file"), ([], text, 415, "unsupported_type"),
        ([("X-Filename", "a.txt")], text, 415, "unsupported_type"),
        ([("x-immich-checksum", wrong)], photo, 400, "checksum_mismatch"),
        ([("Content-Type", "multipart/form-data; boundary=x")], text, 415, "unsupported_media_type"),
        ([("Content-Encoding", "gzip")], photo, 415, "unsupported_media_type"),
        ([("X-File-Created-At", "soon")], photo, 400, "invalid"), ([("Upload-Complete", "?0")], photo, 400, "invalid"),
        ([("Upload-Draft-Interop-Version", "9"), ("Upload-Complete", "?0")], photo, 400, "invalid"),
        ([("Repr-Digest", "sha=:AA==:")], photo, 400, "invalid"),
      ]
      for (fields, bytes, status, slug) in cases {
        let response = try await world.send(.post, "/api/backup/assets", [session] + fields, bytes: bytes)
        #expect(response.status.code == status, "\(fields) \(slug)")
        #expect(field("X-Asset-Status", response) == "rejected")
        #expect(field("X-Asset-Error", response) == slug)
        #expect(try world.storedFiles() == before, "\(slug)")
      }
      #expect(try await world.send(.get, "/api/assets/statistics", [session]).object()["total"] == .number(0))
    }
  }

  @Test("A bearer token may be an API key; a stranger's is neither")
  func bearer() async throws {
    try await World.with { world in
      let session = try await world.login()
      let made = try await world.send(.post, "/api/api-keys", [session], body: #"{"permissions":["asset.upload"]}"#)
      let secret = try #require(try made.object()["secret"]?.text)
      let response = try await world.send(
        .post, "/api/assets/background", [("Authorization", "Bearer \(secret)")], bytes: RawDoorTests.photo)
      #expect(response.status == .created)
      let stranger = try await world.send(
        .post, "/api/assets/background", [("Authorization", "Bearer x")], bytes: RawDoorTests.photo)
      #expect(stranger.status == .unauthorized && stranger.message == "Invalid user token")
    }
  }
}
