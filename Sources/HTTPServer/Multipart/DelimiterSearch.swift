import Glibc

/// Finds a delimiter in bytes that have nothing to do with it: a photo's. It looks at one pair of bytes in as many as the
/// delimiter has pairs, because every whole delimiter has one there, and looks closer only where the pair is one of its
/// own. (`memmem` does the same with a table of 256 entries, and takes every sixth place of random bytes for one.)
struct DelimiterSearch: Sendable {
  private let delimiter: [UInt8]
  /// A bit for each of the 65,536 pairs of bytes: whether the delimiter has it. 8 KiB.
  private let ownPairs: [UInt64]

  /// - Parameter delimiter: two bytes at the least.
  init(_ delimiter: [UInt8]) {
    precondition(delimiter.count >= 2)
    self.delimiter = delimiter
    var ownPairs = [UInt64](repeating: 0, count: 1 << 10)
    for (first, second) in zip(delimiter, delimiter.dropFirst()) {
      let pair = UInt16(first) | UInt16(second) << 8
      ownPairs[Int(pair >> 6)] |= 1 << UInt64(pair & 63)
    }
    self.ownPairs = ownPairs
  }

  /// Where the delimiter first stands in the `count` bytes from `start` on.
  func first(_ start: UnsafeRawPointer, _ count: Int) -> UnsafeRawPointer? {
    let pairs = delimiter.count - 1
    return ownPairs.withUnsafeBufferPointer { ownPairs in
      // The last pair of a delimiter that stands at the very front.
      var place = pairs - 1
      // A pair's second byte lies inside the bytes.
      while place + 1 < count {
        let pair = UInt16(littleEndian: start.loadUnaligned(fromByteOffset: place, as: UInt16.self))
        // A pair has 16 bits, and the table as many.
        if ownPairs[Int(pair >> 6)] >> UInt64(pair & 63) & 1 == 1, let found = around(place, start, count) {
          return start + found
        }
        place += pairs
      }
      return nil
    }
  }

  /// The first delimiter that has one of its pairs at `place`.
  @inline(never)
  private func around(_ place: Int, _ start: UnsafeRawPointer, _ count: Int) -> Int? {
    for offset in max(0, place - delimiter.count + 2)...place where offset + delimiter.count <= count {
      // Inside the bytes: the delimiter ends at `count` at the latest.
      if memcmp(start + offset, delimiter, delimiter.count) == 0 { return offset }
    }
    return nil
  }
}
