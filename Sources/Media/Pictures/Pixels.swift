/// A tiny picture's pixels, as libvips writes them into a `.v` file: a head of 64 bytes, then one byte per band.
struct Pixels: Sendable {
  let width: Int
  let height: Int
  /// 1 grey, 2 grey and opacity, 3 red green blue, 4 with opacity.
  private let bands: Int
  private let bytes: [UInt8]

  static let limit = 100

  init(width: Int, height: Int, bands: Int, bytes: [UInt8]) {
    (self.width, self.height, self.bands, self.bytes) = (width, height, bands, bytes)
  }

  /// Nil for anything but 1 to 100 by 1 to 100 pixels of bytes.
  init?(vips file: [UInt8]) {
    func word(_ offset: Int) -> Int { file[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | Int($1) } }
    // The magic number in this order says little-endian, as all machines are that this runs on.
    guard file.count > 64, file.starts(with: [0xB6, 0xA6, 0xF2, 0x08]) else { return nil }
    let (width, height, bands) = (word(4), word(8), word(12))
    // Format 0: bytes; coding 0: none.
    guard (1...Pixels.limit).contains(width), (1...Pixels.limit).contains(height), (1...4).contains(bands),
      word(20) == 0, word(24) == 0, file.count >= 64 + width * height * bands
    else { return nil }
    self.init(width: width, height: height, bands: bands, bytes: Array(file[64..<64 + width * height * bands]))
  }

  /// From 0 to 1 each.
  func colour(_ index: Int) -> (red: Double, green: Double, blue: Double, alpha: Double) {
    func band(_ number: Int) -> Double { Double(bytes[index * bands + number]) / 255 }
    return switch bands {
    case 1: (band(0), band(0), band(0), 1)
    case 2: (band(0), band(0), band(0), band(1))
    case 3: (band(0), band(1), band(2), 1)
    default: (band(0), band(1), band(2), band(3))
    }
  }
}
