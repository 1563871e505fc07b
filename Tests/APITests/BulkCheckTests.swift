import FoundationEssentials
import Ground
import Testing

@testable import Wire

@Suite struct BulkCheckTests {
  private let digest = "da39a3ee5e6b4b0d3255bfef95601890afd80709"

  @Test("Any order of keys, unknown keys, escapes, both spellings of a digest; ids come back as they were written")
  func reading() throws {
    let text = """
       { "x" : [1, {"y": null}, -1.5e+3, "\\"]"], "ass\\u0065ts" : [
        {"id":"a\\u00e9\\/b \\"","checksum":"\(digest)"},
        {"more":{"id":"no"},"checksum":"2jmj7l5rSw0yVb\\/vlWAYkK\\/YBwk=","id":"日本"},
        {"checksum":"2jmj7l5rSw0yVb/vlWAYkK/YBwk=","id":""} ] , "z":true }
      """
    let request = try BulkCheckRequest(Array(text.utf8))
    #expect(request.digests.map(\.hex) == [digest, digest, digest])
    var response = BulkCheckResponse(to: request)
    let id = try #require(Identifier("0f9a1b2c-3d4e-4f60-8a7b-9c0d1e2f3a4b"))
    response.wanted()
    response.present(id, isTrashed: true)
    response.present(id, isTrashed: false)
    let expected =
      #"{"results":[{"id":"a\u00e9\/b \"","action":"accept"},"#
      + #"{"id":"日本","action":"reject","reason":"duplicate","assetId":"0f9a1b2c-3d4e-4f60-8a7b-9c0d1e2f3a4b","isTrashed":true},"#
      + #"{"id":"","action":"reject","reason":"duplicate","assetId":"0f9a1b2c-3d4e-4f60-8a7b-9c0d1e2f3a4b","isTrashed":false}]}"#
    #expect(String(decoding: response.finish(), as: UTF8.self) == expected)
  }

  @Test("No entries are no results")
  func empty() throws {
    let request = try BulkCheckRequest(Array(#"{"assets":[]}"#.utf8))
    #expect(String(decoding: BulkCheckResponse(to: request).finish(), as: UTF8.self) == #"{"results":[]}"#)
  }

  @Test(
    "What is wrong is named with its place",
    arguments: [
      (#"[]"#, [], "must be a JSON object"), ("", [], "must be a JSON object"),
      (#"{}"#, [.key("assets")], "must be an array"), (#"{"assets":{}}"#, [.key("assets")], "must be an array"),
      (#"{"assets":[1]}"#, [.key("assets"), .index(0)], "must be an object"),
      (#"{"assets":[{"id":1,"checksum":"x"}]}"#, [.key("assets"), .index(0), .key("id")], "must be a string"),
      (#"{"assets":[{"id":"1"}]}"#, [.key("assets"), .index(0), .key("checksum")], "must be a string"),
      (
        #"{"assets":[{"id":"1","checksum":"zz"}]}"#, [.key("assets"), .index(0), .key("checksum")],
        "must be a SHA-1 digest, 40 hexadecimal or 28 base64 characters"
      ),
      (#"{"assets":[]} x"#, [], "the JSON is broken at byte 14"),
      (#"{"assets":[],"assets":[]}"#, [.key("assets")], "must not be repeated"),
    ] as [(String, [BulkCheckRequest.Failure.Step], String)])
  func failures(_ text: String, _ path: [BulkCheckRequest.Failure.Step], _ message: String) {
    #expect(throws: BulkCheckRequest.Failure(path: path, message: message)) {
      _ = try BulkCheckRequest(Array(text.utf8))
    }
  }

  @Test("Bytes that are no UTF-8, values that nest without end, and too many entries are refused")
  func abuse() {
    #expect(throws: BulkCheckRequest.Failure.self) {
      _ = try BulkCheckRequest(
        Array(#"{"assets":[{"id":""#.utf8) + [0xFF] + Array(#"","checksum":"\#(digest)"}]}"#.utf8))
    }
    let deep = #"{"x":"# + String(repeating: "[", count: 100_000)
    #expect(throws: BulkCheckRequest.Failure.self) { _ = try BulkCheckRequest(Array(deep.utf8)) }
    let entry = #"{"id":"","checksum":"\#(digest)"}"#
    let many = #"{"assets":["# + Array(repeating: entry, count: 50_001).joined(separator: ",") + "]}"
    #expect(throws: BulkCheckRequest.Failure(path: [.key("assets")], message: "must not have more than 50000 entries"))
    {
      _ = try BulkCheckRequest(Array(many.utf8))
    }
  }

  private struct Model: Decodable {
    struct Entry: Decodable {
      let id: String
      let checksum: String
    }
    let assets: [Entry]
  }

  /// Visits every value: Foundation's decoder does not look into what nobody asks for.
  private struct Tree: Decodable {
    private struct Key: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init?(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      if let object = try? decoder.container(keyedBy: Key.self) {
        for key in object.allKeys { _ = try object.decode(Tree.self, forKey: key) }
      } else if var array = try? decoder.unkeyedContainer() {
        while !array.isAtEnd { _ = try array.decode(Tree.self) }
      } else {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() || (try? value.decode(Bool.self)) != nil || (try? value.decode(Double.self)) != nil {
          return
        }
        _ = try value.decode(String.self)
      }
    }
  }

  // Foundation's decoder as the judge: same verdict, same digests, same ids.
  @Test("Random requests, whole and damaged, are read as JSONDecoder reads them")
  func fuzz() throws {
    var generator = Seeded(seed: 7_777)
    var accepted = 0
    for round in 0..<4000 {
      var bytes = Array(randomRequest(&generator).utf8)
      for _ in 0..<Int.random(in: 0...2, using: &generator) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &generator)
        case 1: bytes.remove(at: place)
        default: bytes.removeLast(bytes.count - place)
        }
      }
      let mine = try? BulkCheckRequest(bytes)
      let isJSON = (try? JSONDecoder().decode(Tree.self, from: Data(bytes))) != nil
      let judge =
        !isJSON
        ? nil
        : (try? JSONDecoder().decode(Model.self, from: Data(bytes))).flatMap { model -> Model? in
          model.assets.allSatisfy { SHA1Digest(text: $0.checksum) != nil } ? model : nil
        }
      let text = String(decoding: bytes, as: UTF8.self)
      #expect((mine == nil) == (judge == nil), "round \(round): \(text)")
      guard let mine, let judge else { continue }
      accepted += 1
      #expect(mine.digests == judge.assets.compactMap { SHA1Digest(text: $0.checksum) }, "round \(round): \(text)")
      let ids = try mine.ids.map { range in
        try JSONDecoder().decode(String.self, from: Data([0x22] + mine.body[range] + [0x22]))
      }
      #expect(ids == judge.assets.map(\.id), "round \(round): \(text)")
    }
    // Otherwise the test would compare refusals only.
    #expect(accepted > 1000)
  }

  private func randomRequest(_ generator: inout Seeded) -> String {
    func blank() -> String { ["", " ", "\n\t", "\r\n  "].randomElement(using: &generator)! }
    func string() -> String {
      let pieces = ["a", "/", "\\/", "\\n", "\\u0041", "\\ud83d\\ude00", "é", "😀", "\\\"", "\\\\", " ", "{", "]"]
      return (0..<Int.random(in: 0...6, using: &generator)).map { _ in pieces.randomElement(using: &generator)! }
        .joined()
    }
    func value(_ depth: Int) -> String {
      switch Int.random(in: 0..<(depth > 3 ? 5 : 7), using: &generator) {
      case 0: return "null"
      case 1: return ["true", "false"].randomElement(using: &generator)!
      case 2: return ["0", "-1", "12.5", "1e3", "-0.25E-2"].randomElement(using: &generator)!
      case 3, 4: return "\"\(string())\""
      case 5: return "[\(blank())" + (0..<2).map { _ in value(depth + 1) }.joined(separator: ",") + "]"
      default: return "{\"k\(depth)\":\(value(depth + 1))\(blank())}"
      }
    }
    func checksum() -> String {
      let raw = (0..<20).map { _ in UInt8.random(in: 0...255, using: &generator) }
      switch Int.random(in: 0..<8, using: &generator) {
      case 0..<4: return Hex.encode(raw)
      case 4..<7: return Base64.encode(raw).replacing("/", with: "\\/")
      default: return string()
      }
    }
    let entries = (0..<Int.random(in: 0...4, using: &generator)).map { _ -> String in
      var keys = ["\"id\"\(blank()):\(blank())\"\(string())\"", "\"checksum\":\(blank())\"\(checksum())\""]
      if Bool.random(using: &generator) { keys.append("\"other\":\(value(0))") }
      return "{\(blank())" + keys.shuffled(using: &generator).joined(separator: "\(blank()),") + "}"
    }
    var keys = ["\"assets\":\(blank())[" + entries.joined(separator: ",\(blank())") + "\(blank())]"]
    if Bool.random(using: &generator) { keys.append("\"extra\":\(value(0))") }
    return blank() + "{" + keys.shuffled(using: &generator).joined(separator: ",") + "}" + blank()
  }
}

/// Random numbers from a seed: SplitMix64 (Steele, Lea, Flood 2014).
struct Seeded: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
