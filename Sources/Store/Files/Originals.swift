import GRDB
import Glibc
import Ground
import Synchronization

/// Where the photos lie: plain files in folders that a person can read. The only room that knows their paths; a key such
/// as `anna/2024/2024-07/IMG_0001.JPG` crosses its door.
package final class Originals: Sendable {
  private let root: String
  private let quarantine: String
  /// Assets whose file was found missing.
  package let lost = LostOriginals()

  /// Folders whose own names, up to the root, this process has put on disk.
  private let anchored = Mutex<Set<String>>([])
  private static let anchoredLimit = 10_000
  private let syncFolder: @Sendable (_ path: String) throws -> Void

  /// - Parameters:
  ///   - quarantine: where files go that have no business under a key; on the same file system.
  ///   - syncFolder: another way to sync, for tests.
  package init(
    root: String, quarantine: String,
    syncFolder: @escaping @Sendable (_ path: String) throws -> Void = { try FileSystem.syncFolder($0) }
  ) {
    (self.root, self.quarantine, self.syncFolder) = (root, quarantine, syncFolder)
  }

  /// A key's last part is `name` after it was made safe, numbered from 1 where that is taken.
  package static func key(folder: String, time: CalendarTime, name: String, number: Int) -> String {
    let year = padded(time.year, 4)
    return "\(folder)/\(year)/\(year)-\(padded(time.month, 2))/\(SafeName.numbered(name, number))"
  }

  /// A hash of the key in lower case and decomposed: two keys that differ only by case, or by how an accent is composed,
  /// have the same place. macOS takes both for one name, and so may a share.
  package static func place(of key: String) -> Int64 {
    let digest = sha256(Array(key.lowercased().decomposed.utf8))
    return digest.prefix(8).reduce(into: Int64(0)) { $0 = $0 << 8 | Int64($1) }
  }

  /// `place(of:)` in SQL, for migrations.
  static var placeFunction: DatabaseFunction {
    DatabaseFunction("place_of", argumentCount: 1, pure: true) { values in
      values.first.flatMap { String.fromDatabaseValue($0) }.map { place(of: $0) }
    }
  }

  /// The open file of a key; nil where it is missing or not a plain file.
  package func open(_ key: String) throws(StoreError) -> Descriptor? {
    do {
      let file = try Descriptor(open: try path(key), O_RDONLY | O_NOFOLLOW)
      return try file.status.isRegular ? file : nil
    } catch let error as SystemError where error.code == ENOENT || error.code == ENOTDIR || error.code == ELOOP {
      return nil
    } catch let error as SystemError { throw StoreError(error) } catch let error as StoreError { throw error } catch {
      throw .broken("\(error)")
    }
  }

  /// The size of the file of a key; nil where it is missing.
  package func size(_ key: String) throws -> Int64? {
    guard let status = try FileSystem.status(path(key)), status.isRegular else { return nil }
    return status.size
  }

  func inode(_ key: String) throws -> UInt64? { try FileSystem.status(path(key))?.inode }

  func exists(_ key: String) throws -> Bool { try FileSystem.status(path(key)) != nil }

  /// The digest of a key's file, which is also put on disk; nil where it is missing.
  func digest(_ key: String) throws -> SHA1Digest? {
    guard let file = try open(key) else { return nil }
    try file.sync()
    return try SHA1Digest(reading: file)
  }

  /// Moves a file in; never replaces one: false where the name is taken.
  func moveIn(_ source: String, _ key: String) throws -> Bool {
    let target = try path(key)
    try anchor(splitKey(key).folder)
    do throws(SystemError) {
      try FileSystem.renameWithoutReplacing(source, target)
      return true
    } catch {
      guard error.code == EEXIST else { throw error }
      return false
    }
  }

  /// Makes the folder where it is missing. One that stands may have been made by a process that died before its name was
  /// on disk, and would vanish with everything in it: its first use here syncs every folder above it.
  private func anchor(_ folder: String) throws {
    try FileSystem.makeFolders(path(folder))
    if anchored.withLock({ $0.contains(folder) }) { return }
    var above = folder
    while !above.isEmpty {
      above = splitKey(above).folder
      try syncFolder(above.isEmpty ? root : path(above))
    }
    anchored.withLock { anchored in
      if anchored.count >= Originals.anchoredLimit { anchored = [] }
      anchored.insert(folder)
    }
  }

  func remove(_ key: String) throws { try FileSystem.remove(path(key)) }

  /// Takes a file out again, to `target`.
  func moveOut(_ key: String, _ target: String) throws { try FileSystem.renameWithoutReplacing(path(key), target) }

  /// As `moveOut`, telling a name that is taken from other failures.
  func moveAway(_ key: String, _ target: String) throws(SystemError) {
    let source: String
    do throws(StoreError) { source = try path(key) } catch { throw SystemError("rename", EINVAL, key) }
    try FileSystem.renameWithoutReplacing(source, target)
  }

  /// Takes what lies under a key, whatever it is, out of the way; nothing is ever deleted there.
  func setAside(_ key: String) throws {
    try FileSystem.makeFolders(quarantine)
    try FileSystem.renameWithoutReplacing(path(key), "\(quarantine)/\(Identifier())-\(splitKey(key).name)")
    try FileSystem.syncFolder(quarantine)
  }

  func sync(folder: String) throws { try syncFolder(path(folder)) }

  func list(folder: String) throws -> ChecksumList { ChecksumList(folder: try path(folder)) }

  private func path(_ key: String) throws(StoreError) -> String {
    // Keys come from the catalog, which made them; a wrong one there must still not reach outside.
    guard key.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(SafeName.isComponent) else {
      throw StoreError.broken("the catalog holds an unsafe key")
    }
    return "\(root)/\(key)"
  }

  private static func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

/// The folder of a key, and its last part.
func splitKey(_ key: String) -> (folder: String, name: String) {
  guard let slash = key.lastIndex(of: "/") else { return ("", key) }
  return (String(key[..<slash]), String(key[key.index(after: slash)...]))
}
