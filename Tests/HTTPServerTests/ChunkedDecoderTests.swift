import Testing

@testable import HTTPServer

/// Decodes a body that arrives in the given pieces; the body, what was left over, and whether it ended.
private func decode(_ pieces: [[UInt8]]) throws -> (body: [UInt8], surplus: [UInt8], isDone: Bool) {
  var decoder = ChunkedDecoder()
  var body: [UInt8] = []
  var surplus: [UInt8] = []
  for var piece in pieces {
    guard !decoder.isDone else {
      surplus += piece
      continue
    }
    let (decoded, consumed) = try piece.withUnsafeMutableBytes { try decoder.decode($0) }
    surplus += consumed < piece.count ? Array(piece[consumed...]) : []
    body += piece[..<decoded]
  }
  return (body, surplus, decoder.isDone)
}

@Suite("Chunked bodies")
struct ChunkedDecoderTests {
  static let wire = "4\r\nWiki\r\n6;name=value\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nTrailer: x\r\n\r\nGET /next"

  @Test("the same body comes out wherever the bytes are split, and the next request stays untouched")
  func splitAtEveryByte() throws {
    let bytes = Array(Self.wire.utf8)
    for cut in 0...bytes.count {
      let (body, surplus, isDone) = try decode([Array(bytes[..<cut]), Array(bytes[cut...])])
      #expect(String(decoding: body, as: UTF8.self) == "Wikipedia in \r\n\r\nchunks.")
      #expect(String(decoding: surplus, as: UTF8.self) == "GET /next")
      #expect(isDone)
    }
    #expect(try decode(bytes.map { [$0] }).body.count == 24)
  }

  @Test(
    "broken framing is refused",
    arguments: [
      "\r\n", "x\r\n", "-1\r\n", "4\nWiki\r\n", "4\r\nWikiX\r\n", "4\r\nWiki\n", " 4\r\nWiki\r\n", "0\r\n\n",
      "0\r\n: x\r\n\r\n",
      "FFFFFFFFFFFFFFFF\r\n", "4;\u{0}\r\n", "4\rX", "0x4\r\nWiki\r\n", "2 zz\r\nab\r\n", "0\r\na\r\n\r\n",
    ])
  func refuses(text: String) {
    #expect(throws: BodyError.self) { _ = try decode([Array(text.utf8)]) }
  }

  @Test("endless extensions and trailers are refused")
  func overhead() {
    #expect(throws: BodyError.self) { try decode([Array(("4;" + String(repeating: "a", count: 20_000)).utf8)]) }
    #expect(throws: BodyError.self) { try decode([Array(("0\r\n" + String(repeating: "a: b\r\n", count: 5000)).utf8)]) }
  }

  @Test("random bodies in random chunks and pieces come out as they went in")
  func property() throws {
    var random = SplitMix(seed: 7)
    for _ in 0..<300 {
      let body = (0..<Int(random.next() % 5000)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      var wire: [UInt8] = []
      var index = 0
      while index < body.count {
        let size = min(body.count - index, Int(random.next() % 700) + 1)
        wire +=
          Array(String(size, radix: 16, uppercase: size % 2 == 0).utf8) + [13, 10] + body[index..<index + size] + [
            13, 10,
          ]
        index += size
      }
      wire += "0\r\n\r\n".utf8
      var pieces: [[UInt8]] = []
      var at = 0
      while at < wire.count {
        let size = min(wire.count - at, Int(random.next() % 900) + 1)
        pieces.append(Array(wire[at..<at + size]))
        at += size
      }
      let result = try decode(pieces)
      #expect(result.body == body && result.isDone && result.surplus.isEmpty)
    }
  }
}
