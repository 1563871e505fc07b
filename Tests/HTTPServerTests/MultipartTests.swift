import Ground
import Testing

@testable import HTTPServer

@Suite struct MultipartTests {
  private func boundary(_ text: String) throws -> MultipartBoundary {
    try #require(MultipartBoundary(contentType: "multipart/form-data; boundary=\(text)"))
  }

  /// Four producers' framing as captured or written by their libraries.
  private static let producers: [(String, String, [SeenPart])] = [
    (
      "dart-http-boundary-+_-.Aa",
      "--dart-http-boundary-+_-.Aa\r\ncontent-disposition: form-data; name=\"fileCreatedAt\"\r\n\r\n2024-01-01\r\n"
        + "--dart-http-boundary-+_-.Aa\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-transfer-encoding: binary\r\n"
        + "content-disposition: form-data; name=\"filename\"\r\n\r\nÜ.jpg\r\n"
        + "--dart-http-boundary-+_-.Aa\r\ncontent-type: application/octet-stream\r\n"
        + "content-disposition: form-data; name=\"assetData\"; filename=\"a%22b ü.jpg\"\r\n\r\nBYTES\r\n\r\n-\r\n"
        + "--dart-http-boundary-+_-.Aa--\r\n",
      [
        SeenPart(name: "fileCreatedAt", content: Array("2024-01-01".utf8)),
        SeenPart(name: "filename", content: Array("Ü.jpg".utf8)),
        SeenPart(
          name: "assetData", filename: Array("a\"b ü.jpg".utf8), content: Array("BYTES\r\n\r\n-".utf8)),
      ]
    ),
    (
      "go",
      "--go\r\nContent-Disposition: form-data; name=\"assetData\"; filename=\"a\\\"b\\\\c.jpg\"\r\n"
        + "Content-Type: application/octet-stream\r\n\r\n\r\n--go\r\n"
        + "Content-Disposition: form-data; name=\"isFavorite\"\r\n\r\nfalse\r\n--go--\r\n",
      [
        SeenPart(name: "assetData", filename: Array("a\"b\\c.jpg".utf8), content: []),
        SeenPart(name: "isFavorite", content: Array("false".utf8)),
      ]
    ),
    (
      "5a105e8b9d40e1329780d62ea2265d8a",
      "--5a105e8b9d40e1329780d62ea2265d8a\r\nContent-Type: image/jpeg\r\n"
        + "Content-Disposition: form-data; name=assetData; filename=IMG%20%C3%BCn.jpg\r\n\r\nx\r\n"
        + "--5a105e8b9d40e1329780d62ea2265d8a--",
      [SeenPart(name: "assetData", filename: Array("IMG%20%C3%BCn.jpg".utf8), content: Array("x".utf8))]
    ),
    (
      "x",
      "a preamble\r\n--x \t\r\nContent-Disposition: form-data; name=\"assetData\"; filename=\"ascii\"; "
        + "filename*=UTF-8''%E2%82%AC%20rates\r\n\r\n--y\r\n--x--\r\nan epilogue",
      [SeenPart(name: "assetData", filename: Array("€ rates".utf8), content: Array("--y".utf8))]
    ),
    // A part without a body: its delimiter begins with the blank line's own CRLF.
    (
      "e", "--e\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n--e--",
      [SeenPart(name: "n", content: [])]
    ),
  ]

  @Test("Every producer's body is read the same however it is cut", arguments: producers)
  func cuts(_ name: String, _ text: String, _ expected: [SeenPart]) async throws {
    let boundary = try boundary("\"\(name)\"")
    for size in 1...(text.utf8.count + 1) {
      let seen = try await readParts(Array(text.utf8), boundary: boundary, pieceSize: size)
      #expect(seen == expected, "pieces of \(size)")
    }
  }

  @Test("The scanner says the same at every split of the bytes in two")
  func splitInTwo() throws {
    let (name, text, _) = MultipartTests.producers[0]
    let bytes = Array(text.utf8)
    let whole = try events(bytes, cutAt: bytes.count, boundary: try boundary(name))
    for cut in 0..<bytes.count {
      #expect(try events(bytes, cutAt: cut, boundary: try boundary(name)) == whole, "cut at \(cut)")
    }
  }

  /// Heads and bodies as text, in order.
  private func events(_ bytes: [UInt8], cutAt cut: Int, boundary: MultipartBoundary) throws -> [String] {
    var scanner = MultipartScanner(boundary)
    var buffer = Array(bytes[..<cut])
    var isWhole = false
    var out: [String] = []
    var body: [UInt8] = []
    while true {
      switch try buffer.withUnsafeBytes({ try scanner.next($0) }) {
      case .needMore:
        try #require(!isWhole)
        buffer += bytes[cut...]
        isWhole = true
      case .skip(let count): buffer.removeFirst(count)
      case .head(let count):
        out.append("head " + String(decoding: buffer[..<count], as: UTF8.self))
        buffer.removeFirst(count)
      case .data(let count):
        body += buffer[..<count]
        buffer.removeFirst(count)
        scanner.took(count)
      case .partEnd(let count, let delimiter):
        out.append("body " + String(decoding: body + buffer[..<count], as: UTF8.self))
        body = []
        buffer.removeFirst(count + delimiter)
      case .end: return out
      }
    }
  }

  @Test("Files of every length around a block's size come out whole")
  func blockEdges() async throws {
    let boundary = try boundary("edge")
    let block = 16 << 10
    let head = "--edge\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n"
    for length in [
      0, 1, block - 80, block - 1, block, block + 1, block + 9, 2 * block, 2 * block + 4095, 3 * block + 7,
    ] {
      let content = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
      let bytes = Array(head.utf8) + content + Array("\r\n--edge--\r\n".utf8)
      for size in [1000, block, block + Block.slack, 1 << 20] {
        let seen = try await readParts(bytes, boundary: boundary, pieceSize: size)
        #expect(seen == [SeenPart(name: "f", filename: [0x66], content: content)], "\(length) in pieces of \(size)")
      }
    }
  }

  @Test("Bytes that look like the start of a delimiter are never handed over as the file's before it is sure")
  func almostDelimiters() async throws {
    var generator = SplitMix(seed: 20_240_717)
    let boundary = try boundary("bb")
    // Content drawn from the delimiter's own letters: near misses everywhere.
    let letters: [[UInt8]] = ["\r", "\n", "\r\n", "-", "--", "b", "\r\n--b", "\r\n-"].map { Array($0.utf8) }
    for round in 0..<300 {
      var content: [UInt8] = []
      let length = Int.random(in: 0...20_000, using: &generator)
      while content.count < length { content += letters.randomElement(using: &generator)! }
      // The real one must not be inside, nor at the start without its CRLF.
      let text = String(decoding: content, as: UTF8.self)
      if text.contains("\r\n--bb") || text.hasPrefix("--bb") { continue }
      let bytes =
        Array("--bb\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n".utf8) + content
        + Array("\r\n--bb--\r\n".utf8)
      let size = Int.random(in: 1...9000, using: &generator)
      let seen = try await readParts(bytes, boundary: boundary, pieceSize: size)
      #expect(seen.first?.content == content, "round \(round), pieces of \(size)")
    }
  }

  @Test("Random damage is an error or a reading, never a crash, and does not depend on the cuts")
  func damage() async throws {
    var generator = SplitMix(seed: 42)
    for round in 0..<600 {
      let (name, text, _) = MultipartTests.producers.randomElement(using: &generator)!
      var bytes = Array(text.utf8)
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[place] = [0x00, 0x0A, 0x0D, 0x22, 0x2D, 0x3A, 0x3B].randomElement(using: &generator)!
        case 1: bytes.remove(at: place)
        default: bytes.insert(bytes[place], at: place)
        }
      }
      let boundary = try boundary("\"\(name)\"")
      let whole = await outcome(bytes, boundary, bytes.count)
      let cut = await outcome(bytes, boundary, Int.random(in: 1...20, using: &generator))
      #expect(whole == cut, "round \(round)")
    }
  }

  private func outcome(_ bytes: [UInt8], _ boundary: MultipartBoundary, _ size: Int) async -> [SeenPart]? {
    do {
      return try await readParts(bytes, boundary: boundary, pieceSize: size)
    } catch is BodyError {
      return nil
    } catch {
      Issue.record("unexpected \(error)")
      return nil
    }
  }

  @Test(
    "Broken and abusive bodies are refused",
    arguments: [
      "--x\nContent-Disposition: form-data; name=\"a\"\n\n1\n--x--\n",
      "--x\r\nContent-Disposition: form-data; name=\"a\"\nX: y\r\n\r\n1\r\n--x--",
      "--x\r\n\r\n1\r\n--x--", "--x\r\nContent-Type: text/plain\r\n\r\n1\r\n--x--",
      "--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
      "--x\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--x--",
      "--x\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\n1\r\n--x--",
      "--x\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--x--",
      "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n folded\r\n\r\n1\r\n--x--",
      "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xy\r\n\r\n--x--",
      "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1", "", "--x", "--x-",
      String(repeating: "p", count: 9000) + "\r\n--x--",
      "--x\r\nContent-Disposition: form-data; name=\"\(String(repeating: "n", count: 9000))\"\r\n\r\n1\r\n--x--",
      String(repeating: "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", count: 65) + "--x--",
      "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--" + String(repeating: "e", count: 9000),
    ].map(BrokenBody.init))
  func refusals(_ body: BrokenBody) async throws {
    let boundary = try boundary("x")
    await #expect(throws: BodyError.self) {
      try await readParts(Array(body.text.utf8), boundary: boundary, pieceSize: 700)
    }
  }

  /// Shown shortened in the test's output.
  struct BrokenBody: CustomTestStringConvertible, Sendable {
    let text: String
    var testDescription: String { String(text.prefix(120)).debugDescription }
  }

  @Test("A text field has a limit, and all of them together another")
  func textLimits() async throws {
    let boundary = try boundary("x")
    let field = { (length: Int) in
      "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + String(repeating: "1", count: length) + "\r\n"
    }
    let long = MultipartReader(
      pieces(Array((field(70_000) + "--x--").utf8), of: 5000), boundary: boundary, block: Block(capacity: 16 << 10))
    _ = try await long.nextPart()
    await #expect(throws: BodyError.tooLarge(limit: 64 << 10)) { try await long.text() }
    let many = MultipartReader(
      pieces(Array((String(repeating: field(60_000), count: 40) + "--x--").utf8), of: 50_000), boundary: boundary,
      block: Block(capacity: 16 << 10))
    // Skipped fields count too.
    await #expect(throws: BodyError.tooLarge(limit: 2 << 20)) { while try await many.nextPart() != nil {} }
  }

  @Test(
    "Boundaries: RFC 2046's characters, 1 to 70 of them, quoted or not",
    arguments: [
      ("multipart/form-data; boundary=abc", true), ("Multipart/Form-Data;boundary=\"a b\"", true),
      ("multipart/form-data; charset=utf-8; boundary=a+_-.b", true),
      ("multipart/form-data; boundary=\(String(repeating: "a", count: 70))", true),
      ("multipart/form-data; boundary=\(String(repeating: "a", count: 71))", false),
      ("multipart/form-data; boundary=", false), ("multipart/form-data; boundary=\"\"", false),
      ("multipart/form-data; boundary=\"a \"", false), ("multipart/form-data; boundary=a[b", false),
      ("multipart/form-data", false), ("multipart/mixed; boundary=a", false), ("text/plain; boundary=a", false),
      ("multipart/form-data boundary=a", false), ("multipart/form-data; boundary=\"a", false),
    ])
  func boundaries(_ contentType: String, _ isLegal: Bool) {
    #expect((MultipartBoundary(contentType: contentType) != nil) == isLegal)
  }
}
