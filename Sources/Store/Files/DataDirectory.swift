import Glibc
import Ground

/// The folder that holds everything a server keeps. It is known by its marker, so that a mount that did not come up is
/// never mistaken for a new, empty one, and locked, so that two servers never share it.
package final class DataDirectory: Sendable {
  package enum Role: Sendable {
    /// Receives uploads: holds the lock as long as it lives.
    case server
    /// Works on the catalog alone, beside a running server; holds the lock only while it prepares the folder.
    case commandLine
  }

  package let root: String
  package let role: Role
  /// The marker, locked. Nil where a server runs beside this command line.
  private let lock: Descriptor?

  package var catalog: String { root + "/nightstand.sqlite" }
  package var originals: String { root + "/originals" }
  package var staging: String { root + "/staging" }
  package var derived: String { root + "/derived" }
  package var quarantine: String { root + "/quarantine" }
  package var backups: String { root + "/backups" }
  package var keys: String { root + "/keys" }

  /// Whether this process may change the form of the catalog: nobody else has it open as a server.
  package var isExclusive: Bool { lock != nil }

  private static let marker = ".nightstand"
  private static let layout = "Nightstand data directory, layout 1\n"
  /// What a fresh file system holds by itself.
  private static let ignored: Set<String> = ["lost+found", ".DS_Store", ".snapshot", "#recycle", "@eaDir"]
  /// A restarted server waits this long for the one before it, in seconds.
  private static let patience = 3.0

  /// Whether this made it.
  package let isNew: Bool

  /// Opens the directory.
  /// - Parameter mayCreate: makes it where it is new or empty.
  /// - Throws: `StoreError.notADataDirectory`, `.noDataDirectory`, `.inUse`, `.disk`, `.diskFull`.
  package init(_ path: String, role: Role, mayCreate: Bool = true) throws(StoreError) {
    root = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    self.role = role
    do {
      let isNew = try FileSystem.status("\(root)/nightstand.sqlite") == nil
      self.isNew = isNew
      try DataDirectory.mark(root, mayCreate: mayCreate)
      guard mayCreate || !isNew else { throw StoreError.noDataDirectory(path: root) }
      lock = try DataDirectory.lock(root, role: role)
      // A command line beside a server finds everything made.
      guard lock != nil else { return }
      try DataDirectory.prepare(root)
    } catch let error as StoreError { throw error } catch let error as SystemError { throw StoreError(error) } catch {
      throw .broken("\(error)")
    }
  }

  /// Makes the marker in a new or empty folder, checks it in every other.
  private static func mark(_ root: String, mayCreate: Bool) throws {
    let path = "\(root)/\(marker)"
    if try FileSystem.status(path) != nil {
      let text = String(decoding: try FileSystem.contents(path, limit: 4096), as: UTF8.self)
      // Empty: the machine stopped while the marker was made, before anything else was.
      guard text == layout || text.isEmpty else {
        throw StoreError.notADataDirectory(path: root, reason: "its marker .nightstand is of another layout")
      }
      if text.isEmpty { try write(layout, to: path) }
      return
    }
    let names = try FileSystem.names(in: root).filter { !ignored.contains($0) }
    guard names.isEmpty else {
      throw StoreError.notADataDirectory(
        path: root,
        reason: names.contains("nightstand.sqlite")
          ? "there is a catalog but no marker .nightstand" : "it holds other files and no marker .nightstand")
    }
    guard mayCreate else { throw StoreError.noDataDirectory(path: root) }
    try FileSystem.makeFolders(root)
    try write(layout, to: path)
    try FileSystem.syncFolder(root)
  }

  private static func lock(_ root: String, role: Role) throws -> Descriptor? {
    let file = try Descriptor(open: "\(root)/\(marker)", O_RDONLY)
    let deadline = MonotonicTime.now().adding(seconds: role == .server ? patience : 0)
    while try !isLocked(file) {
      guard MonotonicTime.now() < deadline else {
        if role == .commandLine { return nil }
        throw StoreError.inUse(path: root)
      }
      usleep(50_000)
    }
    return file
  }

  /// Whether the lock could be had.
  private static func isLocked(_ file: Descriptor) throws(SystemError) -> Bool {
    if flock(file.number, LOCK_EX | LOCK_NB) == 0 { return true }
    guard errno == EWOULDBLOCK || errno == EINTR else { throw SystemError("flock", errno, file.path) }
    return false
  }

  /// Makes the folders. `originals/` has a marker of its own: it is often a mount of its own.
  private static func prepare(_ root: String) throws {
    let hasCatalog = try FileSystem.status("\(root)/nightstand.sqlite") != nil
    let originals = "\(root)/originals"
    let isMarked = try FileSystem.status("\(originals)/\(marker)") != nil
    if hasCatalog, !isMarked {
      throw StoreError.notADataDirectory(path: root, reason: "there is a catalog, but originals/ has no marker")
    }
    if !hasCatalog, try !FileSystem.names(in: originals).allSatisfy({ $0 == marker || ignored.contains($0) }) {
      throw StoreError.notADataDirectory(path: root, reason: "there are originals, but no catalog")
    }
    for name in ["originals", "staging", "derived", "quarantine", "backups"] {
      try FileSystem.makeFolders("\(root)/\(name)", mode: 0o750)
    }
    try FileSystem.makeFolders("\(root)/keys", mode: 0o700)
    if !isMarked {
      try write(layout, to: "\(originals)/\(marker)")
      try FileSystem.syncFolder(originals)
    }
  }

  /// A catalog that knows nobody, beside folders of photos, is not theirs: an empty one in the place of one that was lost.
  /// - Throws: `StoreError.notADataDirectory`.
  package func check(against catalog: Catalog) async throws {
    guard try await !catalog.hasUsers() else { return }
    do {
      for name in try FileSystem.names(in: originals)
      where try !DataDirectory.ignored.contains(name) && DataDirectory.holdsFiles("\(originals)/\(name)") {
        throw StoreError.notADataDirectory(
          path: root, reason: "its catalog knows no user, but originals/ holds the files of somebody")
      }
    } catch { throw StoreError.wrap(error) }
  }

  /// Whether a plain file lies in the folder or below it; false for what is no folder.
  private static func holdsFiles(_ folder: String) throws(SystemError) -> Bool {
    guard try FileSystem.status(folder)?.isFolder == true else { return false }
    for name in try FileSystem.names(in: folder) where !ignored.contains(name) {
      let path = "\(folder)/\(name)"
      if try FileSystem.status(path)?.isRegular == true { return true }
      if try holdsFiles(path) { return true }
    }
    return false
  }

  private static func write(_ text: String, to path: String) throws(SystemError) {
    let file = try Descriptor(open: path, O_WRONLY | O_CREAT, mode: 0o640)
    var failure: SystemError?
    Array(text.utf8).withUnsafeBytes { bytes in
      do throws(SystemError) { try file.write(bytes, at: 0) } catch { failure = error }
    }
    if let failure { throw failure }
    try file.sync()
  }

  /// Lets a server start that waits for a command line. The lock also goes when the process ends, however it ends.
  package func unlock() {
    if let lock { _ = flock(lock.number, LOCK_UN) }
  }
}
