import Foundation
import Ground
import Testing

@testable import Media

/// What is made of bytes without any tool: against another encoder's answers, and against broken input.
@Suite struct MediaPictureTests {
  private func pixels(_ width: Int, _ height: Int) -> Pixels {
    var bytes: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        bytes += [(x * 7 + y * 3) % 256, (x * 2 + y * 11) % 256, (255 - x * 5 + y + 1024) % 256].map { UInt8($0) }
      }
    }
    return Pixels(width: width, height: height, bands: 3, bytes: bytes)
  }

  /// The answers of the Python package `thumbhash` 0.1.2 for the same pixels.
  @Test(arguments: [
    (40, 30, "e0060a3590095765689996737878897980277270f6"),
    (30, 40, "e3160a2d080356767b57872878989877f403159070"),
    (100, 20, "e0f709218a794a80578667a750275668bf"),
  ])
  func thumbhashIsThatOfAnotherEncoder(width: Int, height: Int, expected: String) {
    #expect(Hex.encode(Thumbhash.encode(pixels(width, height))) == expected)
  }

  @Test func clearPixelsGiveAHashWithOpacity() {
    let half = Pixels(width: 2, height: 1, bands: 4, bytes: [255, 0, 0, 255, 0, 0, 0, 0])
    let hash = Thumbhash.encode(half)
    #expect(hash[2] & 0x80 != 0)
    // Brightness stands for red alone: what is clear takes the average colour.
    #expect(hash[0] & 63 == 21)
    let clear = Thumbhash.encode(Pixels(width: 1, height: 1, bands: 2, bytes: [9, 0]))
    #expect(clear.count > 6 && clear[5] & 15 == 0)
  }

  @Test func brokenPixelFilesAreRefused() {
    var file = [UInt8](repeating: 0, count: 64 + 12)
    file.replaceSubrange(0..<4, with: [0xB6, 0xA6, 0xF2, 0x08])
    (file[4], file[8], file[12]) = (2, 2, 3)
    #expect(Pixels(vips: file)?.width == 2)
    #expect(Pixels(vips: Array(file.dropLast())) == nil)
    for (offset, value) in [(0, 0), (4, 0), (5, 255), (7, 255), (8, 101), (12, 5), (20, 1)] {
      var broken = file
      broken[offset] = UInt8(value)
      #expect(Pixels(vips: broken) == nil, "byte \(offset)")
    }
    for count in 0..<64 { #expect(Pixels(vips: Array(file.prefix(count))) == nil) }
  }

  @Test func webPLosesItsMetadataAndNothingElse() throws {
    func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
      Array(name.utf8) + [UInt8(data.count), 0, 0, 0] + data + (data.count % 2 == 1 ? [0] : [])
    }
    func file(_ chunks: [[UInt8]]) -> [UInt8] {
      let body = Array("WEBP".utf8) + chunks.flatMap { $0 }
      return Array("RIFF".utf8) + [UInt8(body.count), 0, 0, 0] + body
    }
    let picture = chunk("VP8 ", [1, 2, 3])
    let whole = file([
      chunk("VP8X", [0x3C, 0, 0, 0, 9, 0, 0, 9, 0, 0]), chunk("ICCP", [1]), picture, chunk("EXIF", [7, 7]),
      chunk("XMP ", [8, 8, 8]),
    ])
    #expect(WebP.withoutMetadata(whole) == file([chunk("VP8X", [0x10, 0, 0, 0, 9, 0, 0, 9, 0, 0]), picture]))
    // A file that is cut anywhere but between two chunks is no file.
    for count in 13..<whole.count {
      if let cut = WebP.withoutMetadata(Array(whole.prefix(count))) { #expect(cut.count < whole.count) }
    }
    #expect(WebP.withoutMetadata(Array(whole.dropLast())) == nil)
    #expect(WebP.withoutMetadata([]) == nil)
  }

  private func facts(_ json: String, _ mimeType: String = "image/jpeg") throws -> MediaFacts {
    let answer = try #require(ExifAnswer(json: Array(json.utf8)))
    return MediaFacts(answer, mimeType: mimeType, now: try #require(WrittenTime("2026-01-01T00:00:00Z")).instant)
  }

  @Test func zonesAndWallClocks() throws {
    let written = try facts(#"[{"SubSecDateTimeOriginal":"2022:02:16 12:55:41.762+05:30"}]"#).taken
    #expect(written?.zone == "UTC+5:30")
    #expect(written?.instant == WrittenTime("2022-02-16T07:25:41.762Z")?.instant)
    #expect(written?.wallClock == WrittenTime("2022-02-16T12:55:41.762Z")?.instant)
    let satellites = try facts(
      #"[{"DateTimeOriginal":"2022:02:16 12:55:41","GPSDateTime":"2022:02:16 17:54:50Z"}]"#
    ).taken
    #expect(satellites?.zone == "UTC-5")
    let unknown = try facts(#"[{"DateTimeOriginal":"2022:02:16 12:55:41","GPSDateTime":"2022:02:14 17:04:50Z"}]"#).taken
    #expect(unknown?.zone == nil && unknown?.instant == unknown?.wallClock)
    #expect(try facts(#"[{"CreateDate":"2022:02:16 12:55:41"}]"#, "video/mp4").taken?.zone == "UTC")
  }

  @Test(arguments: [
    "0000:00:00 00:00:00", "2022:13:01 00:00:00", "1801:01:01 00:00:00", "2099:01:01 00:00:00", "x", "",
  ])
  func nonsenseDatesAreDropped(date: String) throws {
    #expect(try facts(#"[{"DateTimeOriginal":"\#(date)"}]"#).taken == nil)
  }

  @Test func strangeValuesAreDropped() throws {
    let odd = try facts(
      #"[{"GPSLatitude":91,"GPSLongitude":3,"ISO":-1,"FNumber":"inf","Make":["a"],"Model":5,"Orientation":9,"ImageSize":"-4 9"}]"#
    )
    #expect(odd.latitude == nil && odd.longitude == nil && odd.iso == nil && odd.fNumber == nil && odd.make == nil)
    #expect(odd.model == "5" && odd.orientation == nil && odd.width == nil)
    for json in ["", "[]", "{}", "[{}", "[{},{}]", "[1]", "\u{0}"] {
      #expect(ExifAnswer(json: Array(json.utf8)) == nil)
    }
  }

  @Test func sizeIsAsShown() throws {
    let turned = try facts(#"[{"ImageSize":"4032 3024","Orientation":6}]"#)
    #expect(turned.width == 3024 && turned.height == 4032)
    // HEIF is turned by its own property, whatever EXIF says.
    let heic = try facts(#"[{"ImageSize":"4032 3024","Orientation":6,"Rotation":0}]"#, "image/heic")
    #expect(heic.width == 4032)
    #expect(try facts(#"[{"ExposureTime":0.004}]"#).exposureTime == "1/250")
    #expect(try facts(#"[{"ExposureTime":2.5}]"#).exposureTime == "2.5")
    #expect(try facts(#"[{"Duration":"00:01:02.5"}]"#, "video/x-matroska").durationMilliseconds == 62_500)
  }
}
