import CLinux
import Glibc

/// An open file. Closed when the last reference goes; whoever needs the close to be checked calls `close()`.
package final class Descriptor: Sendable {
  package let number: Int32
  /// For messages; never shown to a client.
  package let path: String

  /// Takes over an open file descriptor.
  package init(owning number: Int32, path: String) { (self.number, self.path) = (number, path) }

  package convenience init(open path: String, _ flags: Int32, mode: mode_t = 0o640) throws(SystemError) {
    let number = try system("open", path) { Glibc.open(path, flags | O_CLOEXEC, mode) }
    self.init(owning: number, path: path)
  }

  /// Opens a name inside an open folder.
  package convenience init(open name: String, in folder: Descriptor, _ flags: Int32) throws(SystemError) {
    let path = "\(folder.path)/\(name)"
    let number = try system("openat", path) { openat(folder.number, name, flags | O_CLOEXEC) }
    self.init(owning: number, path: path)
  }

  deinit { Glibc.close(number) }

  package var status: FileStatus {
    get throws(SystemError) {
      var raw = stat()
      try system("fstat", path) { fstat(number, &raw) }
      return FileStatus(raw)
    }
  }

  /// Writes all of `bytes` at `offset`.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      done += try system("pwrite", path) { pwrite(number, rest.baseAddress, rest.count, off_t(offset) + off_t(done)) }
    }
  }

  /// Reads into `buffer` from `offset` until it is full or the file ends; the count that was read.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SystemError) -> Int {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = try system("pread", path) { pread(number, rest.baseAddress, rest.count, off_t(offset) + off_t(done)) }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Cuts the file to `length`, or extends it with a hole.
  package func truncate(to length: Int64) throws(SystemError) {
    try system("ftruncate", path) { ftruncate(number, off_t(length)) }
  }

  /// Copies up to `count` bytes of another file inside the kernel, without a copy on disk where the file system shares
  /// blocks. How many; 0 at the end of `source`.
  /// - Throws: EXDEV, EINVAL, EOPNOTSUPP or ENOSYS where the file systems cannot: the bytes must be read and written then.
  package func copy(
    _ source: Descriptor, from sourceOffset: Int64, to offset: Int64, count: Int
  ) throws(SystemError) -> Int {
    var (input, output) = (off_t(sourceOffset), off_t(offset))
    return try system("copy_file_range", path) {
      copy_file_range(source.number, &input, number, &output, count, 0)
    }
  }

  /// These bytes will not be read again soon. Advice only: where the kernel does not take it, that costs memory, nothing else.
  package func dropCache(from offset: Int64, count: Int) {
    _ = posix_fadvise(number, off_t(offset), off_t(count), POSIX_FADV_DONTNEED)
  }

  /// Content and size are on disk when this returns.
  package func syncData() throws(SystemError) { try system("fdatasync", path) { fdatasync(number) } }
  /// Everything of a file or folder is on disk when this returns; for a folder that is its list of names.
  package func sync() throws(SystemError) { try system("fsync", path) { fsync(number) } }
}

/// What the kernel says of a file.
package struct FileStatus: Sendable {
  package let size: Int64
  package let isFolder: Bool
  package let isRegular: Bool
  package let modified: Instant
  /// When its content, name or attributes changed last; nobody can set it.
  package let changed: Instant
  package let inode: UInt64

  init(_ raw: stat) {
    size = Int64(raw.st_size)
    isFolder = raw.st_mode & S_IFMT == S_IFDIR
    isRegular = raw.st_mode & S_IFMT == S_IFREG
    modified = Instant(milliseconds: Int64(raw.st_mtim.tv_sec) * 1000 + Int64(raw.st_mtim.tv_nsec) / 1_000_000)
    changed = Instant(milliseconds: Int64(raw.st_ctim.tv_sec) * 1000 + Int64(raw.st_ctim.tv_nsec) / 1_000_000)
    inode = UInt64(raw.st_ino)
  }
}

/// The file system, by path.
package enum FileSystem {
  /// Nil where nothing stands at `path`.
  package static func status(_ path: String) throws(SystemError) -> FileStatus? {
    var raw = stat()
    do {
      try system("lstat", path) { lstat(path, &raw) }
      return FileStatus(raw)
    } catch  where error.code == ENOENT || error.code == ENOTDIR {
      return nil
    }
  }

  /// Moves a file within one file system; fails with EEXIST where `target` stands already.
  package static func renameWithoutReplacing(_ source: String, _ target: String) throws(SystemError) {
    try system("renameat2", target) { renameat2(AT_FDCWD, source, AT_FDCWD, target, UInt32(NS_RENAME_NOREPLACE)) }
  }

  package static func rename(_ source: String, _ target: String) throws(SystemError) {
    try system("rename", target) { Glibc.rename(source, target) }
  }

  /// Whether there was a file to remove.
  @discardableResult
  package static func remove(_ path: String) throws(SystemError) -> Bool {
    do {
      try system("unlink", path) { unlink(path) }
      return true
    } catch  where error.code == ENOENT {
      return false
    }
  }

  /// Removes an empty folder; false where it is not there or holds something.
  @discardableResult
  package static func removeFolder(_ path: String) throws(SystemError) -> Bool {
    do {
      try system("rmdir", path) { rmdir(path) }
      return true
    } catch  where error.code == ENOENT || error.code == ENOTEMPTY || error.code == EEXIST {
      return false
    }
  }

  /// Makes the folder and every folder above it that is missing; each new name is on disk when this returns.
  /// - Returns: whether something was made.
  @discardableResult
  package static func makeFolders(_ path: String, mode: mode_t = 0o750) throws(SystemError) -> Bool {
    if let status = try status(path) {
      guard status.isFolder || (try? isFolder(following: path)) == true else {
        throw SystemError("mkdir", ENOTDIR, path)
      }
      return false
    }
    let parent = parent(of: path)
    if parent != path { try makeFolders(parent, mode: mode) }
    do {
      try system("mkdir", path) { mkdir(path, mode) }
    } catch  where error.code == EEXIST {
      return false
    }
    try syncFolder(parent)
    return true
  }

  private static func isFolder(following path: String) throws(SystemError) -> Bool {
    var raw = stat()
    try system("stat", path) { stat(path, &raw) }
    return raw.st_mode & S_IFMT == S_IFDIR
  }

  /// The names in a folder are on disk when this returns.
  package static func syncFolder(_ path: String) throws(SystemError) {
    try Descriptor(open: path, O_RDONLY | O_DIRECTORY).sync()
  }

  /// The names in a folder without `.` and `..`, in no order; empty where the folder is missing.
  package static func names(in path: String) throws(SystemError) -> [String] {
    guard let handle = opendir(path) else {
      if errno == ENOENT { return [] }
      throw SystemError("opendir", errno, path)
    }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// The first bytes of a file, `count` at the most.
  package static func head(_ file: Descriptor, _ count: Int) throws(SystemError) -> [UInt8] {
    var failure: SystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      do throws(SystemError) { used = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0) } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Writes a small file anew; not synced.
  package static func write(_ bytes: [UInt8], to path: String) throws(SystemError) {
    let file = try Descriptor(open: path, O_WRONLY | O_CREAT | O_TRUNC)
    var failure: SystemError?
    bytes.withUnsafeBytes { buffer in
      do throws(SystemError) { try file.write(buffer, at: 0) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Makes a small file that its owner alone may read, on disk when this returns; its name in the folder is not yet.
  /// - Throws: EEXIST where something stands at `path`.
  package static func writeSecret(_ bytes: [UInt8], to path: String) throws(SystemError) {
    let file = try Descriptor(open: path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    var failure: SystemError?
    bytes.withUnsafeBytes { buffer in
      do throws(SystemError) { try file.write(buffer, at: 0) } catch { failure = error }
    }
    if let failure { throw failure }
    try file.sync()
  }

  /// From here on only its owner reads and writes it.
  package static func keepPrivate(_ path: String) throws(SystemError) {
    try system("chmod", path) { chmod(path, 0o600) }
  }

  /// Makes a symbolic link; one that stands at `path` is replaced.
  package static func makeLink(_ path: String, to target: String) throws(SystemError) {
    try remove(path)
    try system("symlink", path) { symlink(target, path) }
  }

  /// The path from the root, links resolved.
  package static func absolute(_ path: String) throws(SystemError) -> String {
    guard let resolved = realpath(path, nil) else { throw SystemError("realpath", errno, path) }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Removes a folder with everything in it, links as links; nothing happens where it is missing.
  package static func removeTree(_ path: String) throws(SystemError) {
    guard let status = try status(path) else { return }
    guard status.isFolder else {
      try remove(path)
      return
    }
    for name in try names(in: path) { try removeTree("\(path)/\(name)") }
    try system("rmdir", path) { rmdir(path) }
  }

  /// The whole of a small file.
  package static func contents(_ path: String, limit: Int = 16 << 20) throws(SystemError) -> [UInt8] {
    try contents(Descriptor(open: path, O_RDONLY), limit: limit)
  }

  package static func contents(_ file: Descriptor, limit: Int = 16 << 20) throws(SystemError) -> [UInt8] {
    let size = Int(try file.status.size)
    guard size <= limit else { throw SystemError("read", EOVERFLOW, file.path) }
    var bytes = [UInt8](repeating: 0, count: size)
    var failure: SystemError?
    let count = bytes.withUnsafeMutableBytes { buffer in
      do throws(SystemError) { return try file.read(into: buffer, at: 0) } catch {
        failure = error
        return 0
      }
    }
    if let failure { throw failure }
    return Array(bytes.prefix(count))
  }

  /// Free and total bytes where `path` lies, as an unprivileged process may use them.
  package static func space(_ path: String) throws(SystemError) -> (free: Int64, total: Int64) {
    var raw = statvfs()
    try system("statvfs", path) { statvfs(path, &raw) }
    let unit = Int64(raw.f_frsize)
    return (Int64(raw.f_bavail) * unit, Int64(raw.f_blocks) * unit)
  }

  /// Sets when the file was last changed, as the owner's camera or phone tells.
  package static func setModified(_ file: Descriptor, _ instant: Instant) throws(SystemError) {
    let seconds = instant.milliseconds >= 0 ? instant.milliseconds / 1000 : (instant.milliseconds - 999) / 1000
    let time = timespec(tv_sec: Int(seconds), tv_nsec: Int(instant.milliseconds - seconds * 1000) * 1_000_000)
    try system("futimens", file.path) {
      withUnsafePointer(to: (time, time)) { pair in
        pair.withMemoryRebound(to: timespec.self, capacity: 2) { futimens(file.number, $0) }
      }
    }
  }

  /// The folder that holds `path`.
  package static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
