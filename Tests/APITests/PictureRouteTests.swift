import FoundationEssentials
import Glibc
import Ground
import HTTPTypes
import Testing

@testable import API
@testable import Backup
@testable import HTTPServer

@Suite struct PictureRouteTests {
  /// A picture of three bytes, in one size.
  private struct OnePicture: PictureSource {
    let path: String

    func picture(of asset: Asset, _ size: PictureSize) async throws -> Picture? {
      guard size == .preview else { return nil }
      return Picture(file: try Descriptor(open: path, O_RDONLY), size: 3, mimeType: "image/webp", version: "v1-preview")
    }
  }

  @Test(
    "A picture has its own type, name and tag, may be kept, and is not sent twice; where there is none, nothing is kept"
  )
  func picture() async throws {
    try await World.with { world in
      let session = try await world.login()
      let upload = try await world.upload(World.dates + [("assetData", "a.jpg", Array("x".utf8))], [session])
      let id = try #require(try upload.object()["id"]?.text)
      let path = world.folder + "/public/picture"
      #expect(FileManager.default.createFile(atPath: path, contents: Data("abc".utf8)))
      let handlers = MediaHandlers(
        assets: world.backup.assets, pictures: OnePicture(path: path),
        originals: AssetHandlers(assets: world.backup.assets, holdings: world.backup.holdings))
      let authentication = Authentication(accounts: world.backup.accounts, forwarding: Forwarding(trustedProxies: []))

      func ask(_ query: String, _ fields: [(String, String)] = []) async throws -> Response {
        var request = try makeRequest(.get, "/api/assets/\(id)/thumbnail\(query)", [session] + fields)
        request.parameters = ["id": id]
        return try await handlers.thumbnail(request, try await authentication.principal(of: request))
      }
      let seen = try await ask("?size=preview&edited=true&c=abc")
      #expect(seen.status == .ok && seen.fields[.contentType] == "image/webp")
      #expect(seen.fields[.eTag] == "\"v1-preview\"")
      #expect(seen.fields[.contentDisposition] == "inline; filename=\"\(id)_preview.webp\"")
      #expect(seen.fields[.cacheControl]?.contains("max-age=86400") == true)
      guard case .file(_, 0, 3) = seen.body else {
        Issue.record("not the file")
        return
      }
      #expect(try await ask("?size=preview", [("If-None-Match", "\"v1-preview\"")]).status == .notModified)
      await #expect(throws: Refusal.self) { try await ask("") }
      await #expect(throws: ValidationFailure.self) { try await ask("?size=huge") }
      await #expect(throws: ValidationFailure.self) { try await ask("?size=preview&edited=maybe") }
      // The credential may stand in the address: it goes along.
      let original = try await ask("?apiKey=secret&size=original&edited=true")
      #expect(original.status == .found)
      #expect(original.fields[.location] == "/api/assets/\(id)/original?apiKey=secret&edited=true")
      #expect(original.fields[.cacheControl] == "no-store")
    }
  }
}
