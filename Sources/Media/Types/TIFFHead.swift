/// The head and the first directory of a TIFF file, or of one of the raw formats that are TIFF files: as much as tells
/// them apart. A directory behind the first 4 KiB is not seen; the file is then simply TIFF.
struct TIFFHead {
  /// Such as `.nef`.
  let suffix: String

  private enum Tag {
    static let subfileType: UInt64 = 0x00FE
    static let compression: UInt64 = 0x0103
    static let maker: UInt64 = 0x010F
    static let subdirectories: UInt64 = 0x014A
    static let dngVersion: UInt64 = 0xC612
    static let dngPrivateData: UInt64 = 0xC634
  }

  /// Nil where it is none.
  init?(_ head: FileHead) {
    let isLittle = head.has("II")
    guard isLittle || head.has("MM"), let magic = head.number(2, at: 2, isLittle: isLittle) else { return nil }
    switch magic {
    case 42: suffix = TIFFHead.suffix(head, isLittle)
    // BigTIFF: offsets of eight bytes.
    case 43 where head.number(2, at: 4, isLittle: isLittle) == 8: suffix = ".tif"
    // Olympus and Panasonic put letters in the number's place.
    case 0x4F52, 0x5352:
      guard let start = head.number(4, at: 4, isLittle: isLittle), start < 1 << 24 else { return nil }
      suffix = ".orf"
    case 0x55 where isLittle:
      suffix = TIFFHead.entries(head, isLittle).maker.hasPrefix("leica") ? ".rwl" : ".rw2"
    default: return nil
    }
  }

  private static func suffix(_ head: FileHead, _ isLittle: Bool) -> String {
    if head.has("CR", at: 8), head.byte(10) == 2 { return ".cr2" }
    // Phase One's own block, in its own byte order.
    for offset in 8..<32 {
      if head.has("IIII", at: offset), head.has("waR", at: offset + 5) { return ".iiq" }
      if head.has("MMMMRaw", at: offset) { return ".iiq" }
    }
    let (values, maker) = entries(head, isLittle)
    if values[Tag.dngVersion] != nil { return ".dng" }
    // A photo that was developed and saved as TIFF keeps its camera's name; a raw one has a preview first, or a coding
    // that no TIFF reader knows.
    let hasPreview = values[Tag.subfileType] == 1 && values[Tag.subdirectories] != nil
    let codings: Set<UInt64> = [32767, 32769, 32770, 34713, 65000, 65535]
    let isRaw =
      hasPreview || values[Tag.dngPrivateData] != nil || values[Tag.compression].map(codings.contains) ?? false
    guard isRaw else { return ".tif" }
    return makers.first { maker.hasPrefix($0.name) }?.suffix ?? ".tif"
  }

  private static let makers: [(name: String, suffix: String)] = [
    ("nikon", ".nef"), ("sony", ".arw"), ("pentax", ".pef"), ("ricoh", ".pef"), ("samsung", ".srw"),
    ("seiko epson", ".erf"), ("mamiya", ".mef"), ("hasselblad", ".3fr"), ("leaf", ".mos"), ("kodak", ".dcr"),
    ("eastman kodak", ".dcr"), ("phase one", ".iiq"),
  ]

  /// The first directory: a tag's first value, and the maker's name in lower case, as far as it lies in the head.
  private static func entries(_ head: FileHead, _ isLittle: Bool) -> (values: [UInt64: UInt64], maker: String) {
    var values: [UInt64: UInt64] = [:]
    var maker = ""
    func number(_ count: Int, _ offset: Int) -> UInt64? { head.number(count, at: offset, isLittle: isLittle) }
    guard let start = number(4, 4), start >= 8, start < FileHead.limit, let count = number(2, Int(start)) else {
      return (values, maker)
    }
    for index in 0..<Int(count) {
      let entry = Int(start) + 2 + index * 12
      guard let tag = number(2, entry), let type = number(2, entry + 2), let length = number(4, entry + 4),
        let value = number(4, entry + 8)
      else { break }
      // Two bytes stand at the front of the four.
      values[tag] = type == 3 ? number(2, entry + 8) : value
      if tag == Tag.maker, length > 4 {
        let name = head.bytes.dropFirst(Int(value)).prefix(Int(min(length, 32))).prefix { $0 != 0 }
        maker = String(decoding: name, as: UTF8.self).lowercased()
      }
    }
    return (values, maker)
  }
}
