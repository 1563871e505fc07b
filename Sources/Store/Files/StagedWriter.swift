import CLinux
import Glibc
import Ground

/// Puts blocks at the end of a staged file, past the page cache where that works. One thread at a time.
final class StagedWriter {
  let file: Descriptor
  private let mode: Staging.Mode
  private var isDirect = false
  /// In window mode, what was handed to the disk last and is not waited for yet.
  private var pending: (offset: Int64, length: Int)?

  init(file: Descriptor, mode: Staging.Mode) { (self.file, self.mode) = (file, mode) }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SystemError) {
    // Small pieces wait for the final sync in the page cache.
    guard bytes.count >= Staging.bufferedLimit || pending != nil || isDirect else {
      return try buffered(bytes, at: offset)
    }
    switch mode {
    case .direct:
      // Direct I/O takes whole 4096s only; a file's last bytes go the usual way.
      let whole = offset % 4096 == 0 ? bytes.count & ~4095 : 0
      if whole > 0 {
        try setDirect(true)
        try file.write(UnsafeRawBufferPointer(rebasing: bytes[..<whole]), at: offset)
      }
      if whole < bytes.count {
        try buffered(UnsafeRawBufferPointer(rebasing: bytes[whole...]), at: offset + Int64(whole))
      }
    case .window:
      try file.write(bytes, at: offset)
      try slide(offset, bytes.count)
    }
  }

  /// Hands a piece to the disk, and waits for the one before it.
  private func slide(_ offset: Int64, _ length: Int) throws(SystemError) {
    try start(offset, length)
    if let pending { try drop(pending.offset, pending.length) }
    pending = (offset, length)
  }

  /// Copies up to `count` bytes of another file to `offset`; how many, 0 at its end. In the kernel where the file system
  /// can, else through `block`.
  func copy(
    _ source: Descriptor, from sourceOffset: Int64, to offset: Int64, count: Int, _ block: Block
  ) throws(SystemError) -> Int {
    try setDirect(false)
    var done = 0
    do throws(SystemError) {
      done = try file.copy(source, from: sourceOffset, to: offset, count: count)
    } catch {
      guard [EXDEV, EINVAL, EOPNOTSUPP, ENOSYS].contains(error.code) else { throw error }
      let room = UnsafeMutableRawBufferPointer(rebasing: block.memory[..<min(count, block.capacity)])
      done = try source.read(into: room, at: sourceOffset)
      try file.write(UnsafeRawBufferPointer(rebasing: room[..<done]), at: offset)
    }
    guard done > 0 else { return 0 }
    try slide(offset, done)
    return done
  }

  private func buffered(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SystemError) {
    try setDirect(false)
    try file.write(bytes, at: offset)
  }

  private func setDirect(_ wanted: Bool) throws(SystemError) {
    guard wanted != isDirect else { return }
    try Staging.setDirect(file, wanted)
    isDirect = wanted
  }

  /// Begins writing a piece back without waiting.
  private func start(_ offset: Int64, _ length: Int) throws(SystemError) {
    try system("sync_file_range", file.path) {
      sync_file_range(file.number, off_t(offset), off_t(length), UInt32(NS_SYNC_WRITE))
    }
  }

  /// Waits until a piece is written back, so that an upload never fills the page cache, and drops it there.
  private func drop(_ offset: Int64, _ length: Int) throws(SystemError) {
    let flags = UInt32(NS_SYNC_WAIT_BEFORE | NS_SYNC_WRITE | NS_SYNC_WAIT_AFTER)
    try system("sync_file_range", file.path) { sync_file_range(file.number, off_t(offset), off_t(length), flags) }
    file.dropCache(from: offset, count: length)
  }
}
