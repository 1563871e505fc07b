import Glibc
import Ground

extension RunningSHA1 {
  /// Goes on over `count` bytes of a file, through the memory of `block`.
  /// - Throws: `SystemError`; EIO where the file ends before.
  func update(reading file: Descriptor, from offset: Int64, count: Int, _ block: Block) throws(SystemError) {
    var done = 0
    while done < count {
      let room = UnsafeMutableRawBufferPointer(rebasing: block.memory[..<min(count - done, block.capacity)])
      let read = try file.read(into: room, at: offset + Int64(done))
      guard read > 0 else { throw SystemError("pread", EIO, file.path) }
      update(UnsafeRawBufferPointer(rebasing: room[..<read]))
      done += read
    }
  }
}

extension RunningSHA1 {
  /// As above, for a stretch of any length: other work of the lane takes turns with it.
  func update(reading file: Descriptor, from start: Int64, to end: Int64, _ block: Block) async throws(SystemError) {
    var offset = start
    while offset < end {
      let count = Int(min(end - offset, 8 << 20))
      try update(reading: file, from: offset, count: count, block)
      offset += Int64(count)
      await Task.yield()
    }
  }
}

extension SHA1Digest {
  /// The digest of an open file from its start.
  package init(reading file: Descriptor) throws(SystemError) {
    let running = RunningSHA1()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
    defer { buffer.deallocate() }
    var offset: Int64 = 0
    while true {
      let count = try file.read(into: buffer, at: offset)
      if count == 0 { break }
      running.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += Int64(count)
    }
    self = running.finish()
  }
}
