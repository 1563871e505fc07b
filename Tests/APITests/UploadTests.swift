import Ground
import HTTPTypes
import Testing

@testable import API
@testable import Backup
@testable import HTTPServer

@Suite struct UploadTests {
  private let photo = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 37 ^ $0 >> 9) }

  private func digest(_ bytes: [UInt8]) -> SHA1Digest {
    let running = RunningSHA1()
    bytes.withUnsafeBytes { running.update($0) }
    return running.finish()
  }

  private func id(_ response: Response) throws -> String { try #require(try response.object()["id"]?.text) }

  @Test("A photo comes back byte for byte, with what was said of it, whichever side of the file it was said on")
  func roundTrip() async throws {
    try await World.with { world in
      let session = try await world.login()
      var parts: [World.Part] = [
        World.dates[0], World.field("deviceId", "x"), World.field("filename", "Überraschung \"1\".JPG"),
        ("assetData", "tmp-1234", photo),
      ]
      parts += [
        World.dates[1], World.field("isFavorite", "true"),
        World.field("duration", "00:00:00.000000"), World.field("visibility", "archive"),
        ("sidecarData", "x.xmp", Array("<xmp/>".utf8)), World.field("metadata", #"[{"key":"a","value":{}}]"#),
      ]
      let response = try await world.upload(parts, [session])
      #expect(response.status == .created)
      #expect(try response.object()["status"] == .text("created"))
      let id = try id(response)
      let asset = try await world.send(.get, "/api/assets/\(id)", [session]).object()
      let expected: [String: JSON] = [
        "id": .text(id), "originalFileName": .text("Überraschung \"1\".JPG"), "isFavorite": .flag(true),
        "visibility": .text("archive"), "isArchived": .flag(true), "isTrashed": .flag(false), "duration": .null,
        "fileCreatedAt": .text("2024-07-17T18:15:30.123Z"), "localDateTime": .text("2024-07-17T20:15:30.123Z"),
        "fileModifiedAt": .text("2024-07-18T00:00:00.000Z"), "type": .text("IMAGE"), "people": .list([]),
        "checksum": .text(digest(photo).base64), "originalMimeType": .text("image/jpeg"), "resized": .flag(false),
        "livePhotoVideoId": .null, "thumbhash": .null, "width": .null,
      ]
      for (key, value) in expected { #expect(asset[key] == value, "\(key)") }
      #expect(asset["exifInfo"]?["fileSizeInByte"] == .number(300_000))

      let original = try await world.send(.get, "/api/assets/\(id)/original?edited=true", [session])
      guard case .file(let file, let offset, let length) = original.body else {
        Issue.record("not a file: \(original)")
        return
      }
      #expect(offset == 0 && length == 300_000)
      #expect(try FileSystem.contents(file.path) == photo)
      #expect(original.fields[.contentDisposition] == "inline; filename*=UTF-8''%C3%9Cberraschung%20%221%22.JPG")
      #expect(original.fields[.eTag] == "\"\(digest(photo).hex)\"")
      #expect(original.fields[.contentType] == "image/jpeg")
      let part = try await world.send(.get, "/api/assets/\(id)/original", [session, ("Range", "bytes=10-19")])
      #expect(part.status == .partialContent && part.fields[.contentRange] == "bytes 10-19/300000")
      let beyond = try await world.send(.get, "/api/assets/\(id)/original", [session, ("Range", "bytes=300000-")])
      #expect(beyond.status == .rangeNotSatisfiable && beyond.message != nil)
      #expect(HTTPField.Name("X-Correlation-ID").flatMap { beyond.fields[$0] } != nil)
      #expect(beyond.fields[.cacheControl] == "no-store")
      // The sidecar lies beside it.
      #expect(try world.storedFiles().contains { $0.hasSuffix(".xmp") })
    }
  }

  @Test("The same bytes again are a duplicate with the first one's id; announced ones are not even read")
  func duplicates() async throws {
    try await World.with { world in
      let session = try await world.login()
      let parts = World.dates + [("assetData", "a.jpg", photo)]
      let first = try id(try await world.upload(parts, [session]))
      let second = try await world.upload(parts, [session])
      #expect(second.status == .ok)
      #expect(try second.object() == ["id": .text(first), "status": .text("duplicate")])
      for text in [digest(photo).hex, digest(photo).base64] {
        let fields = [session, ("x-immich-checksum", text), ("Content-Type", "multipart/form-data; boundary=bound")]
        let request = try makeRequest(.post, "/api/assets", fields, body: World.form(parts))
        let announced = await world.responder.respond(to: request)
        #expect(announced.status == .ok)
        #expect(try announced.object()["id"] == .text(first))
        // All of the body is still there.
        #expect(try await request.body.collect(limit: 1 << 20).count == World.form(parts).count)
      }
      let guest = try await world.guest()
      #expect(try await world.upload(parts, [guest]).status == .created)
    }
  }

  @Test("Two uploads of the same bytes at once end as one asset, one 201 and one 200")
  func race() async throws {
    try await World.with { world in
      let session = try await world.login()
      let parts = World.dates + [("assetData", "a.jpg", photo)]
      for _ in 0..<5 {
        async let one = world.upload(parts, [session])
        async let two = world.upload(parts, [session])
        let (first, second) = try await (one, two)
        #expect(try id(first) == (try id(second)))
      }
      #expect(try world.storedFiles().filter { $0.hasSuffix(".jpg") }.count == 1)
      #expect(try await world.send(.get, "/api/assets/statistics", [session]).object()["total"] == .number(1))
    }
  }

  @Test("What cannot be taken is refused with Immich's words, and leaves nothing")
  func refusals() async throws {
    try await World.with { world in
      let session = try await world.login()
      let before = try world.storedFiles()
      let file: World.Part = ("assetData", "a.jpg", photo)
      let wrong = String(repeating: "0", count: 40)
      let cases: [([World.Part], [(String, String)], String)] = [
        (World.dates + [("assetData", "a.jpg", [])], [], "File is empty"),
        (World.dates + [("assetData", "a.exe", photo)], [], "Unsupported file type a.exe"),
        (World.dates + [World.field("filename", "b.txt"), file], [], "Unsupported file type b.txt"),
        (World.dates + [file, World.field("filename", "b.txt")], [], "Unsupported file type b.txt"),
        (World.dates, [], "Validation failed"), ([file], [], "Validation failed"),
        (World.dates + [file, file], [], "Validation failed"),
        (World.dates + [file, World.field("isFavorite", "1")], [], "Validation failed"),
        (World.dates + [file, World.field("visibility", "none")], [], "Validation failed"),
        (World.dates + [file, World.field("metadata", "{")], [], "Validation failed"),
        ([World.field("fileCreatedAt", "yesterday"), file], [], "Validation failed"),
        (World.dates + [("assetData", nil, photo.map { $0 & 0x7F })], [], "Validation failed"),
        (
          World.dates + [file, World.field("livePhotoVideoId", Identifier().description)], [],
          "Live photo video not found"
        ),
        (
          World.dates + [file], [("x-immich-checksum", wrong)],
          "The checksum does not match: the received bytes have the SHA-1 \(digest(photo).hex), but \(wrong) was "
            + "announced; nothing was stored"
        ),
        (World.dates + [file], [("x-immich-checksum", "short")], "Validation failed"),
      ]
      for (parts, fields, message) in cases {
        let response = try await world.upload(parts, [session] + fields)
        #expect(response.status == .badRequest && response.message == message)
        #expect(try world.storedFiles() == before, "\(message)")
      }
      let json = try await world.send(
        .post, "/api/assets", [session, ("Content-Type", "application/json")], body: "{}")
      #expect(json.status == .badRequest)
      #expect(try await world.send(.get, "/api/assets/statistics", [session]).object()["total"] == .number(0))
    }
  }

  @Test("A body cut off anywhere leaves nothing behind, and the whole one can come afterwards")
  func cutOff() async throws {
    try await World.with { world in
      let session = try await world.login()
      let before = try world.storedFiles()
      let whole = World.form(World.dates + [("assetData", "a.jpg", photo), World.field("isFavorite", "false")])
      let fields = [session, ("Content-Type", "multipart/form-data; boundary=bound")]
      for cut in [0, 10, 200, 5000, 150_000, 299_999, whole.count - 3] {
        let response = try await world.send(.post, "/api/assets", fields, bytes: Array(whole[..<cut]))
        #expect(response.status == .badRequest, "cut at \(cut)")
        #expect(try world.storedFiles() == before)
      }
      #expect(try await world.send(.post, "/api/assets", fields, bytes: whole).status == .created)
    }
  }

  @Test("A file that cannot be taken is refused by its name, before its bytes have come")
  func early() async throws {
    try await World.with { world in
      let session = try await world.login()
      let before = try world.storedFiles()
      let fields = [session, ("Content-Type", "multipart/form-data; boundary=bound")]
      for (parts, name) in [
        (World.dates + [("assetData", "film.txt", photo)], "film.txt"),
        (World.dates + [("assetData", "tmp-1234", photo)], "tmp-1234"),
        (World.dates + [World.field("filename", "b.txt"), ("assetData", "a.jpg", photo)], "b.txt"),
      ] {
        // All but the file's last bytes and what closes the form.
        let cut = World.form(parts).dropLast(photo.count / 2)
        let response = try await world.send(.post, "/api/assets", fields, bytes: Array(cut))
        #expect(response.status == .badRequest && response.message == "Unsupported file type \(name)")
        #expect(try world.storedFiles() == before)
      }
      // The name in a field that came before beats the part's own; one that comes later still names the file.
      let named = World.dates + [World.field("filename", "a.jpg"), ("assetData", "tmp-1234", photo)]
      #expect(try await world.upload(named, [session]).status == .created)
      let later = World.dates + [("assetData", "b.jpg", [1, 2, 3]), World.field("filename", "c.jpg")]
      let id = try id(try await world.upload(later, [session]))
      #expect(
        try await world.send(.get, "/api/assets/\(id)", [session]).object()["originalFileName"] == .text("c.jpg"))
    }
  }

  @Test("An empty checksum announces nothing")
  func emptyChecksum() async throws {
    try await World.with { world in
      let session = try await world.login()
      let response = try await world.upload(
        World.dates + [("assetData", "a.jpg", photo)], [session, ("x-immich-checksum", "")])
      #expect(response.status == .created)
    }
  }

  @Test("Quota: what fits is taken, what does not is refused before and after its length is known")
  func quota() async throws {
    try await World.with { world in
      _ = try await world.login()
      _ = try await world.backup.accounts.add(
        email: "cat@example.com", password: "battery staple", name: "Cat", isAdmin: false, quota: 400_000)
      let login = try await world.send(
        .post, "/api/auth/login", body: #"{"email":"cat@example.com","password":"battery staple"}"#)
      let session = ("x-immich-user-token", try #require(try login.object()["accessToken"]?.text))
      #expect(try await world.upload(World.dates + [("assetData", "a.jpg", photo)], [session]).status == .created)
      let more = try await world.upload(World.dates + [("assetData", "b.jpg", photo.reversed())], [session])
      #expect(more.status == .badRequest && more.message == "Quota has been exceeded!")
      let exact = try await world.upload(
        World.dates + [("assetData", "c.jpg", Array(photo.reversed().prefix(100_000)))], [session])
      #expect(exact.status == .created)
    }
  }

  @Test(
    "File names: percent-encoding is undone for the clients that write it, and for nobody else",
    arguments: [
      ("immichpy/9.2.4", "IMG%20%C3%BCn.jpg", "IMG ün.jpg"), ("Python/3.12 aiohttp/3.9", "a%2520b.jpg", "a%20b.jpg"),
      ("HomeAssistant/2026.1", "a%20b.jpg", "a b.jpg"), ("immich-android/3.1.0", "100%20.jpg", "100%20.jpg"),
      ("Go-http-client/1.1", "a%20b.jpg", "a%20b.jpg"), ("immichpy", "50%.jpg", "50%.jpg"),
    ])
  func names(_ agent: String, _ sent: String, _ expected: String) throws {
    let request = try makeRequest(.post, "/api/assets", [("User-Agent", agent)])
    #expect(
      String(decoding: FormReception.decoded(Array(sent.utf8), agent: request[.userAgent]), as: UTF8.self) == expected)
  }

  @Test("A live photo's motion part is hidden once its still names it")
  func livePhoto() async throws {
    try await World.with { world in
      let session = try await world.login()
      let motion = try id(try await world.upload(World.dates + [("assetData", "a.mov", [1, 2, 3])], [session]))
      let still = try id(
        try await world.upload(
          World.dates + [World.field("livePhotoVideoId", motion), ("assetData", "a.heic", photo)], [session]))
      #expect(
        try await world.send(.get, "/api/assets/\(still)", [session]).object()["livePhotoVideoId"] == .text(motion))
      #expect(
        try await world.send(.get, "/api/assets/\(motion)", [session]).object()["visibility"] == .text("hidden"))
    }
  }
}
