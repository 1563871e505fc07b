import Testing

@testable import HTTPServer

@Suite("Delimiter search")
struct DelimiterSearchTests {
  /// What the search must say, by looking everywhere.
  private func expected(_ delimiter: [UInt8], _ bytes: [UInt8]) -> Int? {
    guard bytes.count >= delimiter.count else { return nil }
    return (0...bytes.count - delimiter.count).first { bytes[$0..<$0 + delimiter.count].elementsEqual(delimiter) }
  }

  private func found(_ delimiter: [UInt8], _ bytes: [UInt8]) -> Int? {
    bytes.withUnsafeBytes { raw in
      raw.baseAddress.flatMap { base in DelimiterSearch(delimiter).first(base, raw.count).map { $0 - base } }
    }
  }

  @Test("A delimiter is found wherever it stands, and not where a byte of it is missing", arguments: 5...74)
  func everyPlace(length: Int) {
    let delimiter = Array("\r\n--".utf8) + (4..<length).map { UInt8(0x30 + $0) }
    for place in 0...2 * length {
      let bytes = [UInt8](repeating: 0x2D, count: place) + delimiter
      #expect(found(delimiter, bytes + [0x2D]) == place)
      #expect(found(delimiter, bytes) == place)
      #expect(found(delimiter, Array(bytes.dropLast())) == nil)
    }
  }

  @Test("Few different bytes, which make near misses and overlaps the rule, are searched like many")
  func nearMisses() {
    var generator = SplitMix(seed: 11)
    for _ in 0..<20_000 {
      let letters = UInt8.random(in: 1...3, using: &generator)
      func text(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0..<letters, using: &generator) } }
      let delimiter = text(Int.random(in: 2...8, using: &generator))
      let bytes = text(Int.random(in: 1...60, using: &generator))
      #expect(found(delimiter, bytes) == expected(delimiter, bytes), "\(delimiter) in \(bytes)")
    }
  }
}
