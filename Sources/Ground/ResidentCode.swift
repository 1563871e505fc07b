import Glibc

/// The machine code of the program and its libraries, as far as it counts as this process's memory.
package enum ResidentCode {
  /// Gives back what the start has used once and nobody needs again: about 15 MB. Only the map to the pages goes; they
  /// stay in the page cache, and what runs later is mapped again at its first use, some microseconds each.
  /// - Returns: the bytes of address space that were given back.
  @discardableResult
  package static func release() throws(SystemError) -> Int {
    var released = 0
    for segment in try segments() {
      // SAFETY: the range is a file's code, mapped read-only: without relocations in it, the kernel reads the same bytes again.
      guard let start = UnsafeMutableRawPointer(bitPattern: segment.lowerBound) else { continue }
      try system("madvise") { madvise(start, segment.count, MADV_DONTNEED) }
      released += segment.count
    }
    return released
  }

  /// The address ranges that are executable, not writable and backed by a file.
  private static func segments() throws(SystemError) -> [Range<UInt>] {
    let maps = try Descriptor(open: "/proc/self/maps", O_RDONLY)
    var text: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 14)
    while case let count = try system("read", "/proc/self/maps", { Glibc.read(maps.number, &piece, piece.count) }),
      count > 0
    {
      text += piece[..<count]
    }
    return text.split(separator: UInt8(ascii: "\n")).compactMap { line in
      // proc_pid_maps(5): address range, permissions, offset, device, inode, path.
      let fields = String(decoding: line, as: UTF8.self).split(separator: " ")
      guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasPrefix("/") else { return nil }
      let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      guard ends.count == 2, ends[0] < ends[1] else { return nil }
      return ends[0]..<ends[1]
    }
  }
}
