import FoundationEssentials
import Ground
import Testing

@testable import Wire

@Suite struct JSONWriterTests {
  private func text(_ write: (inout JSONWriter) -> Void) -> String {
    // No room is promised: the buffer grows under every kind of value.
    var json = JSONWriter()
    write(&json)
    return String(decoding: json.take(), as: UTF8.self)
  }

  @Test("Commas stand between members and elements, and nowhere else")
  func structure() {
    let written = text { json in
      json.beginObject()
      json.key("list")
      json.beginArray()
      json.integer(1)
      json.null()
      json.beginObject()
      json.endObject()
      json.beginArray()
      json.endArray()
      json.flag(true)
      json.endArray()
      json.string("text", "a")
      json.string("none", nil)
      json.key("raw")
      json.raw("[0]")
      json.integer("count", 7 as Int?)
      json.number("ratio", 1.5)
      json.number("endless", Double.infinity)
      json.endObject()
      json.newLine()
      json.beginObject()
      json.endObject()
    }
    let first = #"{"list":[1,null,{},[],true],"text":"a","none":null,"raw":[0],"count":7,"ratio":1.5,"endless":null}"#
    #expect(written == first + "\n{}")
  }

  @Test("Any text comes back from a JSON reader as it was, and stays on its line")
  func strings() throws {
    var chance = SystemRandomNumberGenerator()
    let alphabet: [Character] =
      (0..<128).map { Character(Unicode.Scalar(UInt8($0))) } + ["é", "e\u{301}", "日", "👩‍👩‍👧", "\u{2028}", "\u{FFFD}"]
    for length in Array(0...40) + [1000, 70_000] {
      let original = String((0..<length).map { _ in alphabet.randomElement(using: &chance) ?? "x" })
      let written = text { json in
        json.beginArray()
        json.string(original)
        json.string(original)
        json.endArray()
      }
      #expect(!written.utf8.contains { $0 < 0x20 })
      let read = try JSONDecoder().decode([String].self, from: Data(written.utf8))
      let units = Array(original.utf8)
      #expect(read.map { Array($0.utf8) } == [units, units], "\(original.debugDescription)")
    }
  }

  @Test("Integers of every size", arguments: [0, 1, -1, 9, 10, -10, 99, 100, 12_345, Int64.max, Int64.min])
  func integers(_ number: Int64) {
    #expect(text { $0.integer(number) } == "\(number)")
  }

  @Test("Moments and identifiers are written as they are everywhere")
  func moments() {
    for _ in 0..<2000 {
      // From year 0 to 9999.
      let moment = Instant(milliseconds: .random(in: -62_167_219_200_000...253_402_300_799_999))
      #expect(text { $0.time(moment) } == "\"\(moment.iso8601)\"")
      let id = Identifier()
      #expect(text { $0.id(id) } == "\"\(id)\"")
    }
  }

  @Test("What was taken does not come again")
  func taking() {
    var json = JSONWriter(capacity: 100)
    json.integer(1)
    #expect(String(decoding: json.take(), as: UTF8.self) == "1")
    json.integer(2)
    #expect(String(decoding: json.take(), as: UTF8.self) == "2")
  }
}
