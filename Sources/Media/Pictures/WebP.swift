/// The chunks of a WebP file (RFC 9649). `strip` of libvips 8.14, which Debian 12 has, leaves EXIF in WebP: a shared
/// thumbnail would tell where it was taken.
enum WebP {
  /// The file without EXIF, XMP and colour profile, which is sRGB by then; nil for what is no whole WebP file.
  static func withoutMetadata(_ file: [UInt8]) -> [UInt8]? {
    func number(_ offset: Int) -> Int { file[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | Int($1) } }
    func name(_ offset: Int) -> String { String(decoding: file[offset..<offset + 4], as: UTF8.self) }
    guard file.count >= 12, name(0) == "RIFF", name(8) == "WEBP" else { return nil }
    var kept = Array(file[..<12])
    var offset = 12
    while offset < file.count {
      guard file.count - offset >= 8 else { return nil }
      // Chunks are padded to even lengths.
      let length = 8 + number(offset + 4) + (number(offset + 4) & 1)
      guard length <= file.count - offset else { return nil }
      if !["EXIF", "XMP ", "ICCP"].contains(name(offset)) {
        let start = kept.count
        kept += file[offset..<offset + length]
        // Its flags say which of them there are.
        if name(offset) == "VP8X", length > 8 { kept[start + 8] &= ~(0x20 | 0x08 | 0x04) }
      }
      offset += length
    }
    let size = kept.count - 8
    for index in 0..<4 { kept[4 + index] = UInt8(truncatingIfNeeded: size >> (8 * index)) }
    return kept
  }
}
