import Glibc
import Ground

/// `SHA1SUMS` in a folder of originals, in the form that `sha1sum -c` reads: a person without this program can check
/// every photo. Names were made safe before, so no line ever needs escaping.
package struct ChecksumList: Sendable {
  package struct Line: Sendable, Hashable {
    package let sha1: SHA1Digest
    package let name: String

    package init(sha1: SHA1Digest, name: String) { (self.sha1, self.name) = (sha1, name) }

    var text: String { "\(sha1.hex)  \(name)\n" }
  }

  static let name = "SHA1SUMS"
  /// Names that no original may have, in lower case: the list, and the file it is rewritten in.
  static let names: Set<String> = ["sha1sums", "sha1sums.new"]

  private let folder: String

  package init(folder: String) { self.folder = folder }

  /// Adds lines; they are on disk when this returns. Where that fails the list is cut back to what it was.
  func append(_ lines: [Line]) throws(SystemError) {
    let file = try Descriptor(open: "\(folder)/\(ChecksumList.name)", O_RDWR | O_CREAT, mode: 0o640)
    let size = try file.status.size
    do throws(SystemError) {
      // Whoever edited the list by hand may have left its last line open.
      let isOpen = size > 0 ? try lastByte(of: file, size) != UInt8(ascii: "\n") : false
      try write((isOpen ? "\n" : "") + lines.map(\.text).joined(), to: file, at: size)
      try file.syncData()
    } catch {
      _ = ftruncate(file.number, off_t(size))
      throw error
    }
  }

  /// Rewrites the list with these lines in it, and without what a crash tore.
  func repair(adding lines: [Line]) throws(SystemError) {
    let added = Set(lines.map(\.name))
    try rewrite(read().filter { !added.contains($0.name) } + lines)
  }

  /// Whether there were lines of these names to remove.
  func remove(_ names: Set<String>) throws(SystemError) -> Bool {
    let lines = try read()
    guard lines.contains(where: { names.contains($0.name) }) else { return false }
    try rewrite(lines.filter { !names.contains($0.name) })
    return true
  }

  /// The lines of these names.
  func lines(_ names: Set<String>) throws(SystemError) -> [Line] { try read().filter { names.contains($0.name) } }

  private func read() throws(SystemError) -> [Line] {
    let path = "\(folder)/\(ChecksumList.name)"
    return try FileSystem.status(path) == nil ? [] : ChecksumList.parse(FileSystem.contents(path, limit: 256 << 20))
  }

  /// Whole or not at all. `sha1sum -c` refuses an empty list: there is none then.
  private func rewrite(_ lines: [Line]) throws(SystemError) {
    let path = "\(folder)/\(ChecksumList.name)"
    if lines.isEmpty {
      try FileSystem.remove(path)
      return try FileSystem.syncFolder(folder)
    }
    let fresh = try Descriptor(open: path + ".new", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o640)
    do throws(SystemError) {
      try write(lines.map(\.text).joined(), to: fresh, at: 0)
      try fresh.syncData()
      try FileSystem.rename(path + ".new", path)
    } catch {
      // On a full disk the catalog needs what half of it takes.
      _ = try? FileSystem.remove(path + ".new")
      throw error
    }
    try FileSystem.syncFolder(folder)
  }

  /// The well-formed lines; the last one of each name counts. A last line without its end was torn by a crash.
  package static func parse(_ bytes: [UInt8]) -> [Line] {
    var lines: [Line] = []
    var seen: Set<String> = []
    let whole = bytes[..<(bytes.lastIndex(of: UInt8(ascii: "\n")) ?? 0)]
    for raw in whole.split(separator: UInt8(ascii: "\n")).reversed() where raw.count > 42 {
      guard let sha1 = SHA1Digest(text: raw.prefix(40)), raw.dropFirst(40).starts(with: "  ".utf8),
        let name = String(validating: raw.dropFirst(42), as: UTF8.self), seen.insert(name).inserted
      else { continue }
      lines.append(Line(sha1: sha1, name: name))
    }
    return lines.reversed()
  }

  private func lastByte(of file: Descriptor, _ size: Int64) throws(SystemError) -> UInt8 {
    let byte = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
    defer { byte.deallocate() }
    byte[0] = 0
    _ = try file.read(into: byte, at: size - 1)
    return byte[0]
  }

  private func write(_ text: String, to file: Descriptor, at offset: Int64) throws(SystemError) {
    var failure: SystemError?
    Array(text.utf8).withUnsafeBytes { bytes in
      do throws(SystemError) { try file.write(bytes, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
