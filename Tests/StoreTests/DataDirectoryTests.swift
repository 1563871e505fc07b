import Foundation
import Ground
import Testing

@testable import Store

@Suite struct DataDirectoryTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/data" }

  init() throws { folder = try TemporaryFolder() }

  private func isRefused(_ role: DataDirectory.Role = .server) -> Bool {
    do {
      _ = try DataDirectory(path, role: role)
      return false
    } catch {
      guard case .notADataDirectory = error else { return false }
      return true
    }
  }

  private func touch(_ name: String) throws {
    let file = URL(fileURLWithPath: "\(path)/\(name)")
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data("x".utf8).write(to: file)
  }

  @Test func newFolderGetsMarkerAndFolders() throws {
    _ = try DataDirectory(path + "/", role: .server)
    #expect(
      try Set(FileSystem.names(in: path))
        == [".nightstand", "originals", "staging", "derived", "quarantine", "backups", "keys"])
    let keys = try FileManager.default.attributesOfItem(atPath: path + "/keys")[.posixPermissions] as? Int
    #expect(keys == 0o700)
    _ = try DataDirectory(path, role: .server)
  }

  @Test func folderOfSomethingElseIsRefused() throws {
    try touch("holiday.jpg")
    #expect(isRefused())
    #expect(try FileSystem.names(in: path) == ["holiday.jpg"], "nothing is written there")
  }

  @Test func freshFileSystemIsTaken() throws {
    try FileManager.default.createDirectory(atPath: path + "/lost+found", withIntermediateDirectories: true)
    #expect(!isRefused())
  }

  @Test func catalogWithoutMarkerIsRefused() throws {
    try touch("nightstand.sqlite")
    #expect(isRefused())
  }

  @Test func missingMountOfOriginalsIsRefused() throws {
    _ = try DataDirectory(path, role: .server)
    try touch("nightstand.sqlite")
    try FileManager.default.removeItem(atPath: path + "/originals")
    #expect(isRefused())
    #expect(isRefused(.commandLine))
  }

  @Test func originalsWithoutCatalogAreRefused() throws {
    _ = try DataDirectory(path, role: .server)
    try touch("originals/anna/2024/2024-07/a.jpg")
    #expect(isRefused())
  }

  @Test func onlyWhoMayCreateDoes() throws {
    #expect(throws: StoreError.noDataDirectory(path: path)) {
      try DataDirectory(path, role: .commandLine, mayCreate: false)
    }
    #expect(try FileSystem.status(path) == nil)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(throws: StoreError.noDataDirectory(path: path)) {
      try DataDirectory(path, role: .commandLine, mayCreate: false)
    }
    #expect(try FileSystem.names(in: path).isEmpty, "nothing is written there")
    #expect(try DataDirectory(path, role: .server).isNew)
    // Marked, but nobody was ever known there.
    #expect(throws: StoreError.noDataDirectory(path: path)) {
      try DataDirectory(path, role: .commandLine, mayCreate: false)
    }
    try touch("nightstand.sqlite")
    #expect(try !DataDirectory(path, role: .commandLine, mayCreate: false).isNew)
  }

  @Test func unknownLayoutIsRefused() throws {
    _ = try DataDirectory(path, role: .server)
    try Data("Nightstand data directory, layout 2\n".utf8).write(to: URL(fileURLWithPath: path + "/.nightstand"))
    #expect(isRefused())
  }

  @Test func secondServerIsRefusedCommandLineIsNot() throws {
    var first: DataDirectory? = try DataDirectory(path, role: .server)
    #expect(throws: StoreError.inUse(path: path)) { try DataDirectory(path, role: .server) }
    let beside = try DataDirectory(path, role: .commandLine)
    #expect(!beside.isExclusive)
    #expect(first?.isExclusive == true)
    first = nil
    let alone = try DataDirectory(path, role: .commandLine)
    #expect(alone.isExclusive)
    alone.unlock()
    _ = try DataDirectory(path, role: .server)
  }
}
