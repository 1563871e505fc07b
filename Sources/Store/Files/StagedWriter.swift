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
      try start(offset, bytes.count)
      if let pending { try drop(pending.offset, pending.length) }
      pending = (offset, bytes.count)
    }
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
    // Advice only: an answer other than 0 costs memory, nothing else.
    _ = posix_fadvise(file.number, off_t(offset), off_t(length), POSIX_FADV_DONTNEED)
  }
}
