import Ground

/// The records of a zip archive of stored files (PKWARE's APPNOTE, sections 4.3 to 4.5): sizes are known beforehand, sums
/// only behind each file, in a data descriptor. Names are UTF-8. Zip64 where a number needs it.
struct ZipFormat {
  struct Entry {
    let name: [UInt8]
    let size: Int64
    /// MS-DOS time and date.
    let time: UInt16
    let date: UInt16
    /// Of the local header, from the archive's start.
    let offset: Int64
    var crc: UInt32 = 0

    var needsLargeSize: Bool { size >= ZipFormat.small }
    var needsLargeOffset: Bool { offset >= ZipFormat.small }
  }

  /// From here on a number stands in the zip64 extra field.
  private static let small: Int64 = 0xFFFF_FFFF
  /// Bit 3: the sum follows the file; bit 11: the name is UTF-8.
  private static let flags: UInt16 = 1 << 3 | 1 << 11

  // MARK: Sizes

  static func localSize(_ entry: Entry) -> Int64 {
    30 + Int64(entry.name.count) + (entry.needsLargeSize ? 20 : 0)
  }

  static func descriptorSize(_ entry: Entry) -> Int64 { entry.needsLargeSize ? 24 : 16 }

  static func centralSize(_ entry: Entry) -> Int64 { 46 + Int64(entry.name.count) + Int64(extraSize(entry)) }

  static func endSize(count: Int, start: Int64, size: Int64) -> Int64 { needsLargeEnd(count, start, size) ? 98 : 22 }

  private static func extraSize(_ entry: Entry) -> Int {
    let fields = (entry.needsLargeSize ? 16 : 0) + (entry.needsLargeOffset ? 8 : 0)
    return fields == 0 ? 0 : 4 + fields
  }

  private static func needsLargeEnd(_ count: Int, _ start: Int64, _ size: Int64) -> Bool {
    count >= 0xFFFF || start >= small || size >= small
  }

  // MARK: Records

  /// Sum and sizes are zero: they follow in the descriptor. A large file says so by an empty zip64 field, which makes the
  /// descriptor's sizes 8 bytes wide (section 4.3.9.2).
  static func local(_ entry: Entry) -> [UInt8] {
    var out: [UInt8] = []
    out.number(0x0403_4B50 as UInt32)
    out.number(version(entry))
    out.number(flags)
    out.number(0 as UInt16)
    out.number(entry.time)
    out.number(entry.date)
    out.number(0 as UInt32)
    out.number(entry.needsLargeSize ? UInt32.max : 0)
    out.number(entry.needsLargeSize ? UInt32.max : 0)
    out.number(UInt16(entry.name.count))
    out.number(entry.needsLargeSize ? 20 : 0 as UInt16)
    out += entry.name
    if entry.needsLargeSize {
      out.number(1 as UInt16)
      out.number(16 as UInt16)
      out.number(0 as UInt64)
      out.number(0 as UInt64)
    }
    return out
  }

  static func descriptor(_ entry: Entry) -> [UInt8] {
    var out: [UInt8] = []
    out.number(0x0807_4B50 as UInt32)
    out.number(entry.crc)
    for _ in 0..<2 {
      if entry.needsLargeSize { out.number(UInt64(entry.size)) } else { out.number(UInt32(entry.size)) }
    }
    return out
  }

  static func central(_ entry: Entry) -> [UInt8] {
    var out: [UInt8] = []
    out.number(0x0201_4B50 as UInt32)
    // Made on Unix, so that the mode below counts.
    out.number(3 << 8 | version(entry))
    out.number(version(entry))
    out.number(flags)
    out.number(0 as UInt16)
    out.number(entry.time)
    out.number(entry.date)
    out.number(entry.crc)
    for _ in 0..<2 { out.number(entry.needsLargeSize ? UInt32.max : UInt32(entry.size)) }
    out.number(UInt16(entry.name.count))
    out.number(UInt16(extraSize(entry)))
    out.number(0 as UInt16)
    out.number(0 as UInt16)
    out.number(0 as UInt16)
    // A plain file that its owner may write and everybody read.
    out.number(0o100644 << 16 as UInt32)
    out.number(entry.needsLargeOffset ? UInt32.max : UInt32(entry.offset))
    out += entry.name
    if extraSize(entry) > 0 {
      out.number(1 as UInt16)
      out.number(UInt16(extraSize(entry) - 4))
      if entry.needsLargeSize {
        out.number(UInt64(entry.size))
        out.number(UInt64(entry.size))
      }
      if entry.needsLargeOffset { out.number(UInt64(entry.offset)) }
    }
    return out
  }

  /// What ends the archive.
  /// - Parameters:
  ///   - start: where the central directory begins.
  ///   - size: the directory's.
  static func end(count: Int, start: Int64, size: Int64) -> [UInt8] {
    var out: [UInt8] = []
    if needsLargeEnd(count, start, size) {
      out.number(0x0606_4B50 as UInt32)
      out.number(44 as UInt64)
      out.number(3 << 8 | 45 as UInt16)
      out.number(45 as UInt16)
      out.number(0 as UInt32)
      out.number(0 as UInt32)
      out.number(UInt64(count))
      out.number(UInt64(count))
      out.number(UInt64(size))
      out.number(UInt64(start))
      out.number(0x0706_4B50 as UInt32)
      out.number(0 as UInt32)
      out.number(UInt64(start + size))
      out.number(1 as UInt32)
    }
    out.number(0x0605_4B50 as UInt32)
    out.number(0 as UInt16)
    out.number(0 as UInt16)
    for _ in 0..<2 { out.number(UInt16(min(count, 0xFFFF))) }
    out.number(UInt32(min(size, small)))
    out.number(UInt32(min(start, small)))
    out.number(0 as UInt16)
    return out
  }

  /// 4.5 where zip64 is used, else 2.0.
  private static func version(_ entry: Entry) -> UInt16 {
    entry.needsLargeSize || entry.needsLargeOffset ? 45 : 20
  }

  /// MS-DOS knows the years 1980 to 2107 in steps of two seconds.
  static func clock(_ time: CalendarTime) -> (time: UInt16, date: UInt16) {
    guard time.year >= 1980 else { return (0, 1 << 5 | 1) }
    guard time.year <= 2107 else { return (23 << 11 | 59 << 5 | 29, 127 << 9 | 12 << 5 | 31) }
    return (
      UInt16(time.hour << 11 | time.minute << 5 | time.second / 2),
      UInt16((time.year - 1980) << 9 | time.month << 5 | time.day)
    )
  }
}

extension [UInt8] {
  /// Little-endian.
  fileprivate mutating func number(_ value: some FixedWidthInteger & UnsignedInteger) {
    for shift in stride(from: 0, to: value.bitWidth, by: 8) {
      append(UInt8(truncatingIfNeeded: value >> type(of: value).init(shift)))
    }
  }
}
