import CLinux
import Glibc
import Ground
import Synchronization

/// Where uploads are written until they are whole. On the same file system as `originals/`, so that a finished file
/// moves by a rename.
package final class Staging: Sendable {
  /// How large blocks reach the disk.
  package enum Mode: Sendable, Equatable {
    /// Past the page cache: fastest, and memory stays free for others.
    case direct
    /// Through the page cache with a sliding window that is written back and dropped behind, where the file system
    /// refuses direct I/O.
    case window
  }

  /// Uploads that may hash and write on queues of their own at once; with two cores more would only be in their way.
  package static let pipelines = 2
  /// Checkpoints that wait for the disk at once.
  static let syncLanes = 2
  /// From here on an upload is large.
  package static let pipelineThreshold: Int64 = 8 << 20
  /// Below this a file is written through the page cache: one small write gains nothing from direct I/O.
  package static let bufferedLimit = 128 << 10
  /// Free space is looked at again whenever an upload has written this much: others use the disk too.
  package static let spaceInterval: Int64 = 64 << 20
  /// Where an upload's length is unknown, room is promised to it in slices of this size.
  package static let slice: Int64 = 8 << 20

  package let mode: Mode
  package let blocks: BlockPool
  private let root: String
  private let reserve: Int64
  /// Bytes that files under way may still write: free space that is no longer free.
  private let promised = Mutex<Int64>(0)
  /// Names of files on their way in that the catalog does not know.
  private let live = Mutex<Set<String>>([])
  let slots = PipelineSlots(limit: Staging.pipelines)
  /// Where checkpoints wait for the disk while their transfers go on.
  let syncs = Lanes(label: "staging.sync", count: Staging.syncLanes)

  /// - Parameters:
  ///   - reserve: bytes of free space that uploads may not touch.
  ///   - mode: nil finds out what the file system takes.
  /// - Throws: `StoreError.notADataDirectory` where `originals` lies on another file system or neither can rename
  ///   without replacing.
  package init(root: String, originals: String, blocks: BlockPool, reserve: Int64, mode: Mode? = nil) throws {
    (self.root, self.blocks, self.reserve) = (root, blocks, reserve)
    do {
      try Staging.probeRename(from: root, to: originals)
      self.mode = try mode ?? Staging.probeMode(root)
    } catch { throw StoreError.wrap(error) }
  }

  /// Starts a file.
  /// - Parameter expected: its length, where known.
  /// - Throws: `StoreError.diskFull` where it cannot fit beside the reserve.
  package func open(expected: Int64?) throws(StoreError) -> StagedFile {
    try promise(expected ?? 0)
    let name = Identifier().description
    do {
      let file = try Descriptor(open: path(name), O_RDWR | O_CREAT | O_EXCL, mode: 0o640)
      return StagedFile(name: name, file: file, staging: self, promised: expected ?? 0)
    } catch {
      settle(expected ?? 0)
      throw StoreError(error)
    }
  }

  /// Whether a file of `bytes` fits now, beside the reserve and what files under way may still write.
  /// - Throws: `StoreError.diskFull` where it does not.
  package func checkRoom(_ bytes: Int64) throws(StoreError) {
    try promise(bytes)
    settle(bytes)
  }

  /// - Throws: `StoreError.diskFull` where the reserve is touched.
  func checkReserve() throws(StoreError) {
    guard try room() >= 0 else { throw .diskFull }
  }

  /// Sets `bytes` of the free space aside for one file; with 0, asks whether earlier promises can still be kept.
  /// - Throws: `StoreError.diskFull` where that would touch the reserve.
  func promise(_ bytes: Int64) throws(StoreError) {
    try promised.withLock { promised throws(StoreError) in
      let room = try room()
      guard room >= promised, bytes <= room - promised else { throw .diskFull }
      promised += bytes
    }
  }

  /// Promised bytes that are written by now, or never will be.
  func settle(_ bytes: Int64) { promised.withLock { $0 -= bytes } }

  /// Promised and not settled, in bytes.
  var outstanding: Int64 { promised.withLock { $0 } }

  /// Free bytes beside the reserve; negative where it is touched.
  private func room() throws(StoreError) -> Int64 {
    do { return try FileSystem.space(root).free - reserve } catch { throw StoreError(error) }
  }

  func path(_ name: String) -> String { "\(root)/\(name)" }

  /// The names in the folder are on disk when this returns.
  func syncFolder() throws(SystemError) { try FileSystem.syncFolder(root) }

  /// Removes files that belong to nothing: no upload's, no intent's, and not on their way in. Only what nobody touched for
  /// an hour: the time of a file's last change tells, for that of its content is set to the photo's own.
  /// - Returns: how many.
  package func sweepOrphans(in catalog: Catalog, now: Instant) async throws -> Int {
    let limit = now.adding(seconds: -Staging.orphanAge)
    var old: [String] = []
    do throws(SystemError) {
      for name in try FileSystem.names(in: root) {
        if let status = try FileSystem.status(path(name)), status.changed < limit { old.append(name) }
      }
    } catch { throw StoreError(error) }
    guard !old.isEmpty else { return 0 }
    // In this order: what is on its way in is recorded before it is live no more.
    let live = live.withLock { $0 }
    let known = try await catalog.stagedNames()
    let kept = live.union(known).union(known.map(PartialFile.claim))
    var removed = 0
    do {
      for name in old where !kept.contains(name) { removed += try FileSystem.remove(path(name)) ? 1 : 0 }
    } catch { throw StoreError.wrap(error) }
    return removed
  }

  /// Seconds.
  static let orphanAge: Int64 = 3600

  /// A file is on its way in.
  func enter(_ name: String) { live.withLock { _ = $0.insert(name) } }
  /// It is removed, or somebody else's.
  func exit(_ name: String) { live.withLock { _ = $0.remove(name) } }

  /// Removes everything in the folder but `kept`; the count of what went.
  func sweep(keeping kept: Set<String>) throws -> Int {
    var removed = 0
    for name in try FileSystem.names(in: root) where !kept.contains(name) {
      if try FileSystem.remove(path(name)) { removed += 1 }
    }
    return removed
  }

  private static let probe = "probe"

  private static func probeMode(_ root: String) throws(SystemError) -> Mode {
    let path = "\(root)/\(probe)"
    try FileSystem.remove(path)
    let file = try Descriptor(open: path, O_RDWR | O_CREAT | O_EXCL)
    defer { _ = try? FileSystem.remove(path) }
    let block = Block(capacity: 8192)
    do throws(SystemError) {
      try setDirect(file, true)
      // Offset and length as the byte path uses them at the least: multiples of 4096.
      try file.write(UnsafeRawBufferPointer(rebasing: block.memory[..<4096]), at: 0)
      try file.write(UnsafeRawBufferPointer(rebasing: block.memory[..<8192]), at: 4096)
      try setDirect(file, false)
      return .direct
    } catch {
      if error.code == EINVAL || error.code == EOPNOTSUPP { return .window }
      throw error
    }
  }

  private static func probeRename(from staging: String, to originals: String) throws {
    let (source, target) = ("\(staging)/\(probe)", "\(originals)/.\(probe)")
    try FileSystem.remove(source)
    try FileSystem.remove(target)
    _ = try Descriptor(open: source, O_RDWR | O_CREAT | O_EXCL)
    defer { _ = try? FileSystem.remove(source) }
    do throws(SystemError) {
      try FileSystem.renameWithoutReplacing(source, target)
      try FileSystem.remove(target)
    } catch {
      guard [EXDEV, EINVAL, ENOSYS].contains(error.code) else { throw error }
      throw StoreError.notADataDirectory(
        path: staging,
        reason: error.code == EXDEV
          ? "staging/ and originals/ must lie on one file system" : "its file system cannot rename without replacing")
    }
  }

  static func setDirect(_ file: Descriptor, _ isDirect: Bool) throws(SystemError) {
    let flags = try system("fcntl", file.path) { fcntl(file.number, F_GETFL) }
    let wanted = isDirect ? flags | Int32(NS_O_DIRECT) : flags & ~Int32(NS_O_DIRECT)
    if wanted != flags { try system("fcntl", file.path) { fcntl(file.number, F_SETFL, wanted) } }
  }
}
