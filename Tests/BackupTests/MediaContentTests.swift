import Media
import Testing

/// What files are by their first bytes.
@Suite struct MediaContentTests {
  private static func bytes(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
  }

  private static func ftyp(_ brands: String...) -> [UInt8] {
    let size = UInt8(8 + 4 + 4 + 4 * (brands.count - 1))
    return [0, 0, 0, size] + bytes("ftyp" + brands[0]) + [0, 0, 0, 0] + bytes(brands.dropFirst().joined())
  }

  private enum Order { case little, big }

  /// A TIFF head with one directory: 32-bit values, and a maker's name behind it.
  private static func tiff(_ order: Order, _ tags: [(UInt16, UInt32)] = [], maker: String? = nil, magic: UInt16 = 42)
    -> [UInt8]
  {
    func number(_ value: some FixedWidthInteger) -> [UInt8] {
      let units = (0..<(type(of: value).bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
      return order == .little ? units : units.reversed()
    }
    let count = tags.count + (maker == nil ? 0 : 1)
    var out = bytes(order == .little ? "II" : "MM") + number(magic) + number(UInt32(8)) + number(UInt16(count))
    for (tag, value) in tags { out += number(tag) + number(UInt16(4)) + number(UInt32(1)) + number(value) }
    if let maker {
      let place = UInt32(out.count + 12 + 4)
      out += number(UInt16(0x10F)) + number(UInt16(2)) + number(UInt32(maker.utf8.count + 1)) + number(place)
      out += number(UInt32(0)) + bytes(maker) + [0]
    }
    return out + number(UInt32(0))
  }

  private static func stream(packet: Int, lead: Int) -> [UInt8] {
    (0..<4).flatMap { _ in
      [UInt8](repeating: 0, count: lead) + [0x47, 0x40, 0x11, 0x10] + [UInt8](repeating: 0xFF, count: packet - lead - 4)
    }
  }

  private static let asf: [UInt8] = [
    0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, 0xA6, 0xD9, 0x00, 0xAA, 0x00, 0x62, 0xCE, 0x6C,
  ]
  private static let asfVideo: [UInt8] = [
    0xC0, 0xEF, 0x19, 0xBC, 0x4D, 0x5B, 0xCF, 0x11, 0xA8, 0xFD, 0x00, 0x80, 0x5F, 0x5C, 0x44, 0x2B,
  ]

  static let known: [(String, [UInt8])] = [
    (".jpg", [0xFF, 0xD8, 0xFF, 0xE1]), (".png", [0x89] + bytes("PNG\r\n\u{1A}\n")), (".gif", bytes("GIF89a")),
    (".webp", bytes("RIFF\u{10}\0\0\0WEBPVP8 ")),
    (".bmp", bytes("BM") + [0x36, 0, 1, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0]),
    (".psd", bytes("8BPS\0\u{1}\0\0")), (".jp2", [0, 0, 0, 12] + bytes("jP  \r\n") + [0x87, 0x0A]),
    (".jxl", [0, 0, 0, 12] + bytes("JXL \r\n") + [0x87, 0x0A]),
    (".jxl", [0xFF, 0x0A, 0xFA, 0x7F, 0x01, 0x90, 0x08, 0x06, 0x01, 0x00, 0x3C, 0x00]),
    (".raf", bytes("FUJIFILMCCD-RAW 0201")), (".crw", bytes("II\u{1A}\0\0\0HEAPCCDR")), (".mrw", bytes("\0MRM\0\u{1}")),
    (".x3f", bytes("FOVb\0\0\u{2}\0")), (".tif", tiff(.little)), (".tif", tiff(.big)),
    (".tif", [0x49, 0x49, 43, 0, 8, 0, 0, 0]),
    (".tif", tiff(.little, [(0xFE, 0), (0x103, 5)], maker: "SONY")),
    (".cr2", [0x49, 0x49, 42, 0, 16, 0, 0, 0] + bytes("CR") + [2, 0]),
    (".dng", tiff(.little, [(0xC612, 0x0104)], maker: "Apple")),
    (".dng", tiff(.big, [(0xC612, 0x0104)])),
    (".nef", tiff(.big, [(0xFE, 1), (0x14A, 900)], maker: "NIKON CORPORATION")),
    (".arw", tiff(.little, [(0xFE, 1), (0x14A, 900)], maker: "SONY")),
    (".pef", tiff(.big, [(0x103, 65535)], maker: "PENTAX")),
    (".srw", tiff(.little, [(0xFE, 1), (0x14A, 900)], maker: "SAMSUNG")), (".orf", tiff(.little, magic: 0x4F52)),
    (".orf", tiff(.little, magic: 0x5352)), (".orf", bytes("MMOR\0\0\0\u{8}")),
    (".rw2", tiff(.little, maker: "Panasonic", magic: 0x55)),
    (".rwl", tiff(.little, maker: "LEICA CAMERA AG", magic: 0x55)),
    (".iiq", [0x49, 0x49, 42, 0, 8, 0, 0, 0] + bytes("IIII\u{1}waR")),
    (".cr3", ftyp("crx ", "crx ", "isom")), (".heic", ftyp("heic", "mif1", "heic")),
    (".heic", ftyp("mif1", "mif1", "heic")),
    (".heif", ftyp("mif1", "mif1", "miaf")), (".avif", ftyp("mif1", "avif", "miaf")), (".avif", ftyp("avif", "mif1")),
    (".mp4", ftyp("isom", "iso2", "avc1", "mp41")), (".mp4", ftyp("XXXX", "mp42")), (".mov", ftyp("qt  ", "qt  ")),
    (".m4v", ftyp("M4V ", "mp42")), (".3gp", ftyp("3gp4", "isom")),
    (".mov", [0, 0, 0, 8] + bytes("wide") + [0, 0, 0, 0] + bytes("mdat")),
    (".mov", [0, 0, 2, 0] + bytes("moov") + [0, 0, 0, 108] + bytes("mvhd")),
    (".avi", bytes("RIFF\u{10}\0\0\0AVI LIST")),
    (".webm", [0x1A, 0x45, 0xDF, 0xA3, 0x9F, 0x42, 0x86, 0x81, 1, 0x42, 0x82, 0x84] + bytes("webm")),
    (".mkv", [0x1A, 0x45, 0xDF, 0xA3, 0xA3, 0x42, 0x86, 0x81, 1, 0x42, 0x82, 0x88] + bytes("matroska")),
    (".flv", bytes("FLV\u{1}\u{5}\0\0\0\u{9}")), (".wmv", asf + [60, 0, 0, 0, 0, 0, 0, 0] + asfVideo),
    (".mxf", [6, 0x0E, 0x2B, 0x34, 2, 5, 1, 1, 0x0D, 1, 2, 1, 1, 2, 4, 0]), (".mpg", [0, 0, 1, 0xBA, 0x44, 0, 4]),
    (".mpg", [0, 0, 1, 0xB3, 0x16, 0x01, 0x20, 0x13]), (".ts", stream(packet: 188, lead: 0)),
    (".mts", stream(packet: 192, lead: 4)),
  ]

  @Test(arguments: known) func knows(suffix: String, head: [UInt8]) throws {
    for size in [4096, 9000] {
      // What follows the mark must not matter.
      let fill = suffix.hasSuffix("ts") ? [] : [UInt8](repeating: 0x5A, count: size - head.count)
      let found = try #require(MediaType.sniff(head + fill))
      #expect(found.suffix == suffix && found.type == MediaType(fileName: suffix.utf8))
    }
  }

  /// No head that is cut short is a crash, whatever it is then.
  @Test(arguments: known) func bearsTheCut(suffix: String, head: [UInt8]) {
    for count in 0..<head.count {
      if let found = MediaType.sniff(head.prefix(count)) {
        #expect(found.type == MediaType(fileName: found.suffix.utf8))
      }
    }
  }

  @Test(arguments: [
    [], [UInt8](repeating: 0, count: 4096), [UInt8](repeating: 0x47, count: 4096),
    [UInt8](repeating: 0xFF, count: 4096),
    bytes("BMW is a maker of cars, and no bitmap; the quick brown fox"), bytes("<!doctype html><html>"),
    bytes("<svg xmlns='x'/>"),
    bytes("{\"a\": 1}"), bytes("%PDF-1.7\n%"), bytes("PK\u{3}\u{4}\u{14}\0\0\0"), bytes("\u{7F}ELF\u{2}\u{1}\u{1}"),
    bytes("MMA is a sport"), bytes("IIRO, a text"), bytes("II* is a rating"), bytes("All mdat is text here"),
    bytes("RIFF\u{10}\0\0\0WAVEfmt "),
    bytes("FOVbar"), bytes("GIF90a"), bytes("ID3\u{3}\0\0\0"), bytes("OggS\0\u{2}"), bytes("\u{1F}\u{8B}\u{8}\0"),
    ftyp("M4A ", "mp42", "isom"),
    ftyp("aax ", "M4B "), asf + [30, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 64),
    [0x1A, 0x45, 0xDF, 0xA3, 0x42, 0x82, 0x84] + bytes("else"), [0xFF, 0xFE] + bytes("t\0e\0x\0t\0"),
  ])
  func refuses(head: [UInt8]) { #expect(MediaType.sniff(head)?.suffix == nil) }

  @Test func namesAreBelievedAmongLookalikes() throws {
    func type(_ name: String) throws -> MediaType { try #require(MediaType(fileName: name.utf8)) }
    #expect(try type("a.nef").isCompatible(with: type("a.tif")) && type("a.mov").isCompatible(with: type("a.mp4")))
    #expect(try type("a.insp").isCompatible(with: type("a.jpg")) && type("a.mkv").isCompatible(with: type("a.webm")))
    #expect(try !type("a.jpg").isCompatible(with: type("a.heic")) && !type("a.jpg").isCompatible(with: type("a.mp4")))
    #expect(try !type("a.cr3").isCompatible(with: type("a.tif")) && !type("a.png").isCompatible(with: type("a.nef")))
  }
}
