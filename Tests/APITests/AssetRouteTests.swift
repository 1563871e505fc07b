import Ground
import HTTPTypes
import Testing

@testable import API
@testable import HTTPServer

@Suite struct AssetRouteTests {
  private func upload(_ world: World, _ session: (String, String), _ name: String) async throws -> String {
    let response = try await world.upload(World.dates + [("assetData", name, Array(name.utf8))], [session])
    return try #require(try response.object()["id"]?.text)
  }

  private func checksum(_ name: String) -> String {
    let running = RunningSHA1()
    Array(name.utf8).withUnsafeBytes { running.update($0) }
    return running.finish().hex
  }

  @Test("The bulk check knows what is there, in the trash too, and nothing of other people's")
  func bulkCheck() async throws {
    try await World.with { world in
      let session = try await world.login()
      let guest = try await world.guest()
      let (kept, trashed) = (
        try await upload(world, session, "a.jpg"), try await upload(world, session, "b.jpg")
      )
      let deletion = try await world.send(.delete, "/api/assets", [session], body: "{\"ids\":[\"\(trashed)\"]}")
      #expect(deletion.status == .noContent)
      let entries = ["a.jpg", "b.jpg", "c.jpg", "a.jpg"].enumerated().map {
        "{\"id\":\"\($0.offset)\",\"checksum\":\"\(checksum($0.element))\"}"
      }
      let body = "{\"assets\":[\(entries.joined(separator: ","))]}"
      func reject(_ id: String, _ asset: String, _ isTrashed: Bool) -> JSON {
        .object([
          "id": .text(id), "action": .text("reject"), "reason": .text("duplicate"), "assetId": .text(asset),
          "isTrashed": .flag(isTrashed),
        ])
      }
      let mine = try await world.send(.post, "/api/assets/bulk-upload-check", [session], body: body)
      #expect(
        try mine.object()["results"]
          == .list([
            reject("0", kept, false), reject("1", trashed, true),
            .object(["id": .text("2"), "action": .text("accept")]), reject("3", kept, false),
          ]))
      let theirs = try await world.send(.post, "/api/assets/bulk-upload-check", [guest], body: body)
      #expect(try theirs.object()["results"]?.list?.allSatisfy { $0["action"] == .text("accept") } == true)
      let wrong = try await world.send(
        .post, "/api/assets/bulk-upload-check", [session], body: #"{"assets":[{"id":"1","checksum":"zz"}]}"#)
      #expect(wrong.status == .badRequest && wrong.message == "Validation failed")
      #expect(
        try wrong.object()["errors"]?.list?.first?["path"]
          == .list([.text("assets"), .number(0), .text("checksum")]))
    }
  }

  @Test("The trash takes and gives back, and counts follow")
  func trash() async throws {
    try await World.with { world in
      let session = try await world.login()
      let guest = try await world.guest()
      let id = try await upload(world, session, "a.jpg")
      _ = try await upload(world, session, "a.mp4")
      func counts(_ query: String) async throws -> [String: JSON] {
        try await world.send(.get, "/api/assets/statistics\(query)", [session]).object()
      }
      #expect(try await counts("") == ["images": .number(1), "videos": .number(1), "total": .number(2)])
      let body = "{\"ids\":[\"\(id.uppercased())\"]}"
      let foreign = try await world.send(.delete, "/api/assets", [guest], body: body)
      #expect(foreign.status == .badRequest && foreign.message == "Not found or no asset.delete access")
      #expect(try await world.send(.delete, "/api/assets", [session], body: body).status == .noContent)
      #expect(try await counts("?isTrashed=true")["total"] == .number(1))
      #expect(try await counts("?isTrashed=false")["total"] == .number(1))
      #expect(try await world.send(.get, "/api/assets/\(id)", [session]).object()["isTrashed"] == .flag(true))
      let restored = try await world.send(.post, "/api/trash/restore/assets", [session], body: body)
      #expect(try restored.object() == ["count": .number(1)])
      #expect(try await counts("?isTrashed=true")["total"] == .number(0))
      #expect(try await world.send(.get, "/api/assets/statistics?isTrashed=1", [session]).status == .badRequest)
    }
  }

  @Test("Other people's assets and unknown ones cannot be told apart")
  func foreign() async throws {
    try await World.with { world in
      let session = try await world.login()
      let guest = try await world.guest()
      let id = try await upload(world, session, "a.jpg")
      for path in ["/api/assets/\(id)", "/api/assets/\(Identifier())"] {
        let read = try await world.send(.get, path, [guest])
        #expect(read.status == .badRequest && read.message == "Not found or no asset.read access")
        let original = try await world.send(.get, path + "/original", [guest])
        #expect(original.status == .badRequest && original.message == "Not found or no asset.download access")
      }
      #expect(try await world.send(.get, "/api/assets/nonsense", [guest]).message == "Validation failed")
    }
  }

  @Test("Albums: made, filled, changed, read and deleted, by their owner alone")
  func albums() async throws {
    try await World.with { world in
      let session = try await world.login()
      let guest = try await world.guest()
      let (one, two) = (try await upload(world, session, "a.jpg"), try await upload(world, session, "b.jpg"))
      let created = try await world.send(
        .post, "/api/albums", [session],
        body: "{\"albumName\":\"Holiday\",\"assetIds\":[\"\(one)\",\"\(Identifier())\"]}")
      #expect(created.status == .created)
      let album = try created.object()
      #expect(album["albumThumbnailAssetId"] == .text(one) && album["assetCount"] == .number(1))
      #expect(album["albumUsers"]?.list?.first?["role"] == .text("owner"))
      #expect(album["shared"] == .flag(false) && album["hasSharedLink"] == .flag(false))
      let path = "/api/albums/\(try #require(album["id"]?.text))"
      let added = try await world.send(.put, path + "/assets", [session], body: "{\"ids\":[\"\(one)\",\"\(two)\"]}")
      #expect(
        try added.json()
          == .list([
            .object(["id": .text(one), "success": .flag(false), "error": .text("duplicate")]),
            .object(["id": .text(two), "success": .flag(true)]),
          ]))
      let changed = try await world.send(.patch, path, [session], body: #"{"albumName":"Sea","order":"asc"}"#)
      #expect(try changed.object()["albumName"] == .text("Sea"))
      #expect(try changed.object()["order"] == .text("asc"))
      let list = try await world.send(.get, "/api/albums?assetId=\(two)", [session]).json().list
      #expect(list?.count == 1)
      #expect(try await world.send(.get, "/api/albums?isShared=true", [session]).json() == .list([]))
      #expect(try await world.send(.get, "/api/albums", [guest]).json() == .list([]))
      #expect(try await world.send(.get, path, [guest]).message == "Not found or no album.read access")
      let removed = try await world.send(
        .delete, path + "/assets", [session], body: "{\"ids\":[\"\(two)\",\"\(two)\"]}")
      #expect(try removed.json().list?.map { $0["success"] } == [.flag(true), .flag(false)])
      #expect(
        try await world.send(.get, "/api/albums/statistics", [session]).object()
          == ["owned": .number(1), "shared": .number(0), "notShared": .number(1)])
      #expect(try await world.send(.delete, path, [session]).status == .noContent)
      #expect(try await world.send(.get, path, [session]).status == .badRequest)
      #expect(try await world.send(.get, "/api/assets/\(one)", [session]).status == .ok)
      let shared = try await world.send(
        .post, "/api/albums", [session], body: #"{"albumName":"x","albumUsers":[{"userId":"y","role":"editor"}]}"#)
      #expect(shared.status == .badRequest && shared.message == "Validation failed")
    }
  }
}
