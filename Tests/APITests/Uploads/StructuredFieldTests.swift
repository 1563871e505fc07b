import Ground
import Testing

@testable import API

@Suite struct StructuredFieldTests {
  @Test(
    "Items are read with their parameters, and what is malformed is nothing",
    arguments: [
      ("?1", .boolean(true)), ("?0", .boolean(false)), (" ?1 ", .boolean(true)), ("?1;a=2;b", .boolean(true)),
      ("?0; q=\"x;y\"", .boolean(false)), ("?2", nil), ("?", nil), ("?1x", nil), ("1", .integer(1)),
      ("true", .token("true")),
      ("", nil), ("0", .integer(0)), ("-7", .integer(-7)), ("007", .integer(7)), ("+5", nil), ("5 5", nil),
      ("5,5", nil),
      ("999999999999999", .integer(999_999_999_999_999)), ("1000000000000000", nil), ("1.5", .decimal(1.5)),
      ("1.", nil),
      ("1.2345", nil), ("1234567890123.1", nil), ("5;", nil), ("5;A=1", nil), ("\"a\\\"b\"", .string("a\"b")),
      ("\"a", nil), ("\"\\x\"", nil), ("\"é\"", nil), (":AQID:", .bytes([1, 2, 3])), (":AQID", nil), (":?:", nil),
      ("::", .bytes([])), ("*a/b", .token("*a/b")), ("(a b)", nil), ("\t5", nil),
      ("@1659578233", .date(1_659_578_233)), ("@-5;a", .date(-5)), ("@1.5", nil), ("@", nil), ("@x", nil),
      ("%\"f%c3%bc\"", .display("fü")), ("%\"\"", .display("")), ("%\"%C3%BC\"", nil), ("%\"%c3\"", nil),
      ("%\"a", nil), ("%a", nil),
    ] as [(String, StructuredItem?)])
  func items(_ text: String, _ expected: StructuredItem?) {
    #expect(StructuredField.item(text) == expected)
  }

  @Test("A field of another type counts as absent")
  func types() {
    #expect(StructuredField.boolean("1") == nil && StructuredField.boolean(nil) == nil)
    #expect(StructuredField.integer("?1") == nil && StructuredField.integer("1.0") == nil)
  }

  @Test(
    "Dictionaries are read whole or not at all; the last of equal keys counts",
    arguments: [
      (
        "max-size=10, min-size=0;x=1,flag", ["max-size": .integer(10), "min-size": .integer(0), "flag": .boolean(true)]
      ),
      ("", [:]), ("a=1,\t a=2", ["a": .integer(2)]), ("a=(1 \"x\");p, b=?0", ["a": .innerList, "b": .boolean(false)]),
      ("sha=:AQ==:, sha-256=:Ag==:", ["sha": .bytes([1]), "sha-256": .bytes([2])]), ("a=1,", nil), ("A=1", nil),
      ("a=1 b=2", nil), ("a=", nil), ("=1", nil), ("a=(1", nil), ("a=(1,2)", nil),
      ("flag;q=1", ["flag": .boolean(true)]),
    ] as [(String, [String: StructuredItem]?)])
  func dictionaries(_ text: String, _ expected: [String: StructuredItem]?) {
    #expect(StructuredField.dictionary(text) == expected)
  }

  @Test("Every number of at most 15 digits and every byte sequence is read back, whatever parameters follow")
  func roundTrip() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let limit: Int64 = 999_999_999_999_999
      let number = Int64.random(in: -limit...limit, using: &generator) >> Int64.random(in: 0...50, using: &generator)
      let tail = ["", ";a", ";a=1;b=\"\\\\\"", "; key=:AA==:"].randomElement(using: &generator) ?? ""
      #expect(StructuredField.integer("\(number)\(tail)") == number)
      let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      #expect(StructuredField.item(":\(Base64.encode(bytes)):\(tail)") == .bytes(bytes))
      #expect(
        StructuredField.dictionary("x=\(number)\(tail), y=:\(Base64.encode(bytes)):") == [
          "x": .integer(number), "y": .bytes(bytes),
        ])
    }
  }

  @Test("Whatever bytes come, reading ends, and an item that was read is also read as a member of a dictionary")
  func garbage() {
    var generator = SystemRandomNumberGenerator()
    let letters = Array("?10;=,.:\"\\-az*() \té+5")
    for _ in 0..<20_000 {
      let text = String(
        (0..<Int.random(in: 0...12, using: &generator)).map { _ in letters.randomElement(using: &generator) ?? "a" })
      guard let item = StructuredField.item(text) else { continue }
      let bare = text.drop { $0 == " " }
      #expect(StructuredField.dictionary("k=\(bare)") == ["k": item], "\(text)")
    }
    #expect(StructuredField.item(String(repeating: "1", count: 9000)) == nil)
    #expect(StructuredField.item("\"" + String(repeating: "a", count: 9000) + "\"") == nil)
  }
}
