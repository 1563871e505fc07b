import Testing

@testable import HTTPServer

/// Parses bytes that arrive in pieces, as the connection does: everything so far, again and again.
private func parse(_ bytes: [UInt8], cuts: [Int]) throws -> (RequestHead, consumed: Int)? {
  var parser = RequestParser()
  for end in cuts + [bytes.count] {
    let outcome = try bytes[..<end].withUnsafeBytes { try parser.parse($0) }
    if case .head(let head, let consumed) = outcome { return (head, consumed) }
  }
  return nil
}

private func refusal(_ text: String) -> Refusal? {
  do {
    _ = try parse(Array(text.utf8), cuts: [])
    return nil
  } catch { return error as? Refusal }
}

@Suite("Request heads")
struct RequestParserTests {
  static let legal = [
    "GET /api/server/ping HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "POST /a%20b?x=1&y=%C3%BC HTTP/1.1\r\nHost: [::1]:2283\r\nContent-Length: 12\r\nX-Empty:\r\n\r\nhello, world",
    "\r\nGET / HTTP/1.0\r\n\r\n",
    "PUT http://example.org/path HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n5\r\n",
    "OPTIONS * HTTP/1.1\r\nhOsT:x\r\nCookie: a=1\r\nCookie: b=2\r\nX-Utf8: \u{fc} \r\n\r\n",
  ]

  @Test("the same head comes out wherever the bytes are split", arguments: legal)
  func splitAtEveryByte(text: String) throws {
    let bytes = Array(text.utf8)
    let whole = try #require(try parse(bytes, cuts: []))
    for cut in 0..<bytes.count {
      let parts = try #require(try parse(bytes, cuts: [cut]))
      #expect(parts.consumed == whole.consumed)
      #expect(parts.0.target == whole.0.target)
      #expect(parts.0.fields.bytes == whole.0.fields.bytes)
      #expect(parts.0.framing == whole.0.framing)
    }
    let byteByByte = try #require(try parse(bytes, cuts: Array(0..<bytes.count)))
    #expect(byteByByte.consumed == whole.consumed)
  }

  @Test("what a head means")
  func meaning() throws {
    let (head, consumed) = try #require(try parse(Array(Self.legal[1].utf8), cuts: []))
    #expect(consumed == Self.legal[1].utf8.count - 12)
    #expect(head.method == .post)
    #expect(head.target.segments == ["a b"])
    #expect(head.target.query("y") == "ü")
    #expect(head.framing == .length(12))
    #expect(head.keepAlive)
    let chunked = try #require(try parse(Array(Self.legal[3].utf8), cuts: [])).0
    #expect(chunked.framing == .chunked && chunked.expectsContinue && chunked.target.rawPath == "/path")
    let old = try #require(try parse(Array(Self.legal[2].utf8), cuts: [])).0
    #expect(!old.keepAlive && old.minorVersion == 0)
    let cookies = try #require(try parse(Array(Self.legal[4].utf8), cuts: [])).0
    #expect(cookies.fields[.cookie] == "a=1; b=2")
  }

  static let refused: [(String, Int)] = [
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\nHost: x\n\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nA: b\u{0}c\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nA: b\u{7f}\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nA\u{1}: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("GET /\r\n\r\n", 400),
    ("GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400),
    ("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("\u{16}\u{3}\u{1}", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", 417),
    ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chun\u{212A}ed\r\n\r\n", 400),
    ("GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("GET http://y/a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("GET http://u@x/a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("GET /" + String(repeating: "a", count: 20_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    ("GET /" + String(repeating: "a", count: 20_000), 414),
    ("BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    ("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    ("GET /" + String(repeating: "a", count: 9000) + " HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    ("GET /" + String(repeating: "a", count: 9000), 414),
    ("GET / HTTP/1.1\r\nHost: x\r\nA: " + String(repeating: "a", count: 17_000) + "\r\n\r\n", 431),
    ("GET / HTTP/1.1\r\nHost: x\r\nA: " + String(repeating: "a", count: 17_000), 431),
    ("GET / HTTP/1.1\r\nHost: x\r\n" + String(repeating: "A: b\r\n", count: 100) + "\r\n", 431),
  ]

  @Test("illegal heads are refused with the right status", arguments: refused)
  func refuses(text: String, status: Int) {
    #expect(refusal(text)?.status.code == status)
  }

  @Test("a hundred fields and a target of 8 KiB are still legal")
  func atTheLimits() {
    #expect(refusal("GET / HTTP/1.1\r\nHost: x\r\n" + String(repeating: "A: b\r\n", count: 99) + "\r\n") == nil)
    #expect(refusal("GET /" + String(repeating: "a", count: 8191) + " HTTP/1.1\r\nHost: x\r\n\r\n") == nil)
  }

  @Test("random mutations never crash, and what is accepted is framed in one way only")
  func fuzz() {
    var random = SplitMix(seed: 0x5EED)
    for _ in 0..<20_000 {
      var bytes = Array(Self.legal[Int(random.next() % UInt64(Self.legal.count))].utf8)
      for _ in 0...random.next() % 4 {
        let at = Int(random.next() % UInt64(bytes.count))
        switch random.next() % 4 {
        case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.remove(at: at)
        case 2: bytes.insert([13, 10, 0, 32, 58, 9][Int(random.next() % 6)], at: at)
        default: bytes.insert(contentsOf: bytes[at...].prefix(8), at: at)
        }
        if bytes.isEmpty { bytes = [13] }
      }
      guard let (head, consumed) = (try? parse(bytes, cuts: [bytes.count / 2])) ?? nil else { continue }
      #expect(consumed <= bytes.count)
      #expect(head.fields.values(.contentLength).count + head.fields.values(.transferEncoding).count <= 1)
      #expect(!head.fields.bytes[..<max(0, head.fields.bytes.count - 4)].contains(0))
    }
  }
}

/// A small deterministic generator, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
