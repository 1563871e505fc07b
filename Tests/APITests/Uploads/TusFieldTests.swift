import Backup
import Ground
import HTTPTypes
import Testing

@testable import API

/// What tus's fields may say, and what they may not.
@Suite struct TusFieldTests {
  private static func base64(_ text: String) -> String { Base64.encode(Array(text.utf8)) }

  @Test func metadata() throws {
    let text = "filename \(Self.base64("été.jpg")),flag, isFavorite \(Self.base64("true")) ,other \(Self.base64("x"))"
    let facts = try TusMetadata(text).facts()
    #expect(facts.name == Array("été.jpg".utf8) && facts.isFavorite && facts.typeByContent)
    #expect(try TusMetadata("").values.isEmpty && TusMetadata("flag").values == ["flag": []])
    #expect(try TusMetadata("flag ").values == ["flag": []])
    #expect(try TusMetadata("name \(Self.base64("b.mov"))").facts().name == Array("b.mov".utf8))
  }

  @Test("The file name is what tus clients call filename; name is only for those that know no better")
  func names() throws {
    let text = "name \(Self.base64("a.jpg")),filename \(Self.base64("b.jpg"))"
    #expect(try TusMetadata(text).facts().name == Array("b.jpg".utf8))
  }

  @Test(arguments: ["sha1", "checksum"]) func digests(key: String) throws {
    let digest = try #require(SHA1Digest(text: "8843d7f92416211de9ebb963ff4ce28125932878"))
    for value in [digest.bytes, Array(digest.hex.utf8), Array(digest.base64.utf8)] {
      #expect(try TusMetadata("\(key) \(Base64.encode(value))").facts().claimedChecksum == digest)
    }
    #expect(throws: ValidationFailure.self) { try TusMetadata("\(key) \(Self.base64("8843"))").facts() }
    let long = [UInt8](repeating: 7, count: 32)
    for value in [long, Array(Hex.encode(long).utf8), Array(Base64.encode(long).utf8)] {
      #expect(try TusMetadata("sha256 \(Base64.encode(value))").claimedSHA256() == long)
    }
    #expect(throws: ValidationFailure.self) { try TusMetadata("sha256 \(Self.base64("7"))").claimedSHA256() }
  }

  @Test(arguments: ["a b64", "a YQ", "a YQ==,a YQ==", ",", "a YQ==,", "é YQ==", "a  YQ==", "a YQ== b"])
  func badMetadata(text: String) {
    #expect(throws: ValidationFailure.self) { try TusMetadata(text) }
  }

  @Test(arguments: [
    ("fileCreatedAt", "yesterday"), ("isFavorite", "1"), ("livePhotoVideoId", "x"), ("visibility", "all"),
  ])
  func badFacts(key: String, value: String) {
    #expect(throws: ValidationFailure.self) { try TusMetadata("\(key) \(Self.base64(value))").facts() }
  }

  @Test(arguments: ["", " ", "+5", "-1", "5 ", "0x10", "1,2", "9223372036854775808", "1e3", "٣"])
  func badNumbers(text: String) throws {
    let request = try makeRequest(.patch, "/", [("Upload-Offset", text)])
    #expect(throws: ValidationFailure.self) { try request.byteCount("Upload-Offset") }
  }

  @Test(arguments: [("0", Int64(0)), ("007", 7), ("4294967297", 4_294_967_297), ("9223372036854775807", .max)])
  func numbers(text: String, value: Int64) throws {
    #expect(try makeRequest(.patch, "/", [("Upload-Offset", text)]).byteCount("Upload-Offset") == value)
    #expect(try makeRequest(.patch, "/").byteCount("Upload-Offset") == nil)
  }

  @Test func checksums() throws {
    func claim(_ text: String) throws -> PartClaim? {
      try makeRequest(.patch, "/", [("Upload-Checksum", text)]).partClaim()
    }
    let crc = try #require(try claim("crc32 \(Base64.encode([1, 2, 3, 4]))"))
    #expect(crc.algorithm == .crc32 && crc.digest == [1, 2, 3, 4])
    #expect(try claim("sha1 \(Base64.encode([UInt8](repeating: 1, count: 20)))")?.algorithm == .sha1)
    #expect(try claim("sha256 \(Base64.encode([UInt8](repeating: 1, count: 32)))")?.algorithm == .sha256)
    #expect(try makeRequest(.patch, "/").partClaim() == nil)
    for bad in [
      "", "sha1", "md5 AAAA", "SHA1 AAAA", "sha1 AAAA", "crc32 AQIDBA", "crc32 AQIDBA== x", "crc32  AQIDBA==",
    ] {
      #expect(throws: ValidationFailure.self) { try claim(bad) }
    }
  }

  @Test func concatenation() throws {
    let (one, two) = (UploadToken(), UploadToken())
    #expect(try TusConcatenation("partial") == .partial)
    let list = "final;/api/backup/uploads/\(one.text) https://photos.example.org/files/api/backup/uploads/\(two.text)"
    #expect(try TusConcatenation("\(list) /api/backup/uploads/\(one.text)") == .final([one, two, one]))
    for bad in ["", "final", "final;", "final; ", "Partial", "partial;x"] {
      #expect(throws: ValidationFailure.self) { try TusConcatenation(bad) }
    }
    for foreign in [
      "final;/files/\(one.text)", "final;/api/backup/uploads/x", "final;/api/backup/uploads/\(one.text)/",
    ] {
      #expect(throws: BackupError.unknownUpload) { try TusConcatenation(foreign) }
    }
  }

  @Test func addresses() {
    let token = UploadToken()
    let relative = UploadAddress(publicURL: nil).location(token)
    let absolute = UploadAddress(publicURL: "https://example.org/nightstand").location(token)
    #expect(relative == "/api/backup/uploads/\(token.text)")
    #expect(absolute == "https://example.org/nightstand/api/backup/uploads/\(token.text)")
    #expect(UploadAddress.token(relative) == token && UploadAddress.token(absolute) == token)
    #expect(UploadAddress.token("/api/backup/uploads/") == nil && UploadAddress.token(token.text) == nil)
  }
}
