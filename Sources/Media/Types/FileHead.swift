/// The first bytes of a file. Reading beyond them gives nil, never a trap: they come from strangers.
struct FileHead {
  /// As much as is looked at, in bytes.
  static let limit = 4096

  let bytes: [UInt8]

  init(_ bytes: some Collection<UInt8>) { self.bytes = Array(bytes.prefix(FileHead.limit)) }

  func byte(_ offset: Int) -> UInt8? { bytes.indices.contains(offset) ? bytes[offset] : nil }

  func has(_ mark: [UInt8], at offset: Int = 0) -> Bool {
    offset >= 0 && offset <= bytes.count && bytes[offset...].starts(with: mark)
  }

  func has(_ mark: String, at offset: Int = 0) -> Bool { has(Array(mark.utf8), at: offset) }

  /// Whether the mark occurs anywhere before `end`.
  func contains(_ mark: [UInt8], before end: Int = FileHead.limit) -> Bool {
    let last = min(end, bytes.count) - mark.count
    return last >= 0 && (0...last).contains { has(mark, at: $0) }
  }

  /// A number of `count` bytes, eight at the most.
  func number(_ count: Int, at offset: Int, isLittle: Bool) -> UInt64? {
    guard offset >= 0, offset <= bytes.count - count else { return nil }
    let units = bytes[offset..<offset + count]
    return (isLittle ? Array(units.reversed()) : Array(units)).reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Whether all of these could stand in a plain text.
  func isText(_ range: Range<Int>) -> Bool {
    bytes[range.clamped(to: bytes.indices)].allSatisfy { (0x20...0x7E).contains($0) || (0x09...0x0D).contains($0) }
  }
}
