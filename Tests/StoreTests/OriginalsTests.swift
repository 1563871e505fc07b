import Foundation
import Ground
import Synchronization
import Testing

@testable import Store

@Suite struct OriginalsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A folder that stands already may never have been synced: the first file in it syncs all names above it.
  @Test func firstUseOfAFolderSyncsTheFoldersAbove() throws {
    let root = folder.path + "/originals"
    try FileManager.default.createDirectory(atPath: root + "/anna/2024/2024-07", withIntermediateDirectories: true)
    let synced = Mutex<[String]>([])
    let originals = Originals(root: root, quarantine: folder.path) { path in synced.withLock { $0.append(path) } }
    for name in ["a.jpg", "b.jpg"] {
      try Data("x".utf8).write(to: URL(fileURLWithPath: folder.path + "/staged"))
      #expect(try originals.moveIn(folder.path + "/staged", "anna/2024/2024-07/" + name))
      #expect(synced.withLock { $0 } == [root + "/anna/2024", root + "/anna", root], "once, before \(name)")
    }
  }

  @Test func folderThatCannotBeSyncedTakesNothing() throws {
    let originals = Originals(root: folder.path, quarantine: folder.path) { throw SystemError("fsync", EIO, $0) }
    try Data("x".utf8).write(to: URL(fileURLWithPath: folder.path + "/staged"))
    for _ in 0..<2 {
      #expect(throws: SystemError.self) { try originals.moveIn(folder.path + "/staged", "anna/2024/2024-07/a.jpg") }
      #expect(try originals.size("anna/2024/2024-07/a.jpg") == nil)
    }
  }

  /// Names that a file system may take for one: other case, or the same letters composed in another way.
  @Test func equalLookingKeysShareAPlace() {
    let place = Originals.place(of: "anna/2024/2024-07/Z\u{FC}rich.JPG")
    #expect(Originals.place(of: "anna/2024/2024-07/zu\u{308}rich.jpg") == place)
    #expect(Originals.place(of: "anna/2024/2024-07/zurich.jpg") != place)
  }
}
