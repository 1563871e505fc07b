import Backup
import Ground
import HTTPTypes
import Testing

@testable import API

@Suite struct RawFactsTests {
  private func facts(_ target: String = "/", _ fields: [(String, String)] = []) throws -> UploadFacts {
    try RawFacts(try makeRequest(.post, target, fields)).facts
  }

  @Test("Nothing is required; the content decides what it is")
  func nothing() throws {
    let facts = try facts()
    #expect(facts.name == nil && facts.createdAt == nil && facts.modifiedAt == nil && facts.claimedChecksum == nil)
    #expect(facts.typeByContent && !facts.isFavorite && facts.visibility == .timeline)
  }

  @Test("The query beats the fields, those beat Content-Disposition; both spellings of a field are read")
  func precedence() throws {
    let disposition = ("Content-Disposition", "inline; filename=\"c.jpg\"; filename*=UTF-8''%C3%BC.jpg")
    #expect(try facts("/", [disposition]).name == Array("ü.jpg".utf8))
    #expect(try facts("/", [("Content-Disposition", "attachment; filename=\"c.jpg\"")]).name == Array("c.jpg".utf8))
    #expect(try facts("/", [disposition, ("X-Filename", "b.jpg")]).name == Array("b.jpg".utf8))
    #expect(try facts("/?filename=a%20.jpg", [disposition, ("X-Filename", "b.jpg")]).name == Array("a .jpg".utf8))
    #expect(try facts("/?filename=", [("X-Filename", "b.jpg")]).name == Array("b.jpg".utf8))
    for name in ["X-fileCreatedAt", "X-File-Created-At", "x-filecreatedat"] {
      #expect(try facts("/", [(name, "2024-07-17T20:15:30+02:00")]).createdAt?.wallClock.hour == 20)
    }
    let all = try facts(
      "/?isFavorite=true&visibility=archive&duration=1500&livePhotoVideoId=\(Identifier())&metadata=%5B%5D")
    #expect(all.isFavorite && all.visibility == .archive && all.durationMilliseconds == 1500)
    #expect(all.livePhotoVideo != nil && all.metadata == "[]")
    #expect(try facts("/", [("X-Is-Favorite", "true")]).isFavorite)
  }

  @Test("Without a time of its own, a file was taken when it was last written")
  func times() throws {
    let facts = try facts("/", [("Last-Modified", "Wed, 17 Jul 2024 18:15:30 GMT")])
    #expect(facts.modifiedAt?.instant.iso8601 == "2024-07-17T18:15:30.000Z")
    #expect(facts.createdAt == facts.modifiedAt)
    #expect(try self.facts("/", [("Last-Modified", "yesterday")]).modifiedAt == nil)
  }

  @Test("Checksums: every spelling, and no two that contradict each other")
  func checksums() throws {
    let digest = try #require(SHA1Digest(bytes: (0..<20).map { UInt8($0) }))
    let other = try #require(SHA1Digest(bytes: (1...20).map { UInt8($0) }))
    for fields in [
      [("x-immich-checksum", digest.hex)], [("X-Immich-Checksum", digest.base64)], [("X-Checksum", digest.hex)],
      [("Repr-Digest", "sha=:\(digest.base64):")],
      [("Repr-Digest", "sha=:\(digest.base64):"), ("x-immich-checksum", digest.hex)],
    ] {
      #expect(try facts("/", fields).claimedChecksum == digest)
    }
    #expect(try facts("/?checksum=\(digest.hex)").claimedChecksum == digest)
    #expect(throws: ValidationFailure.self) {
      try facts("/?checksum=\(digest.hex)", [("x-immich-checksum", other.hex)])
    }
    #expect(throws: ValidationFailure.self) { try facts("/?checksum=abc") }
    #expect(throws: ValidationFailure.self) { try facts("/?fileCreatedAt=yesterday") }
    #expect(throws: ValidationFailure.self) { try facts("/?isFavorite=maybe") }
  }

  @Test("X-Immich-Asset-Data: a dictionary or base64 of JSON, both understood alike")
  func upstream() throws {
    let json = #"{"filename":"ü.jpg","fileCreatedAt":"2024-07-17T18:15:30Z","isFavorite":true,"duration":7,"x":null}"#
    for text in [
      "filename=:\(Base64.encode(Array("ü.jpg".utf8))):, file-created-at=\"2024-07-17T18:15:30Z\", is-favorite, duration=7, icloud-id=\"a\"",
      Base64.encode(Array(json.utf8)),
    ] {
      var facts = UploadFacts()
      try UpstreamAssetData(text).apply(to: &facts)
      #expect(facts.name == Array("ü.jpg".utf8) && facts.isFavorite && facts.durationMilliseconds == 7)
      #expect(facts.createdAt?.instant.iso8601 == "2024-07-17T18:15:30.000Z")
    }
    #expect(throws: ValidationFailure.self) { try UpstreamAssetData("%%%") }
    var facts = UploadFacts()
    #expect(throws: ValidationFailure.self) { try UpstreamAssetData("file-created-at=\"x\"").apply(to: &facts) }
  }
}
