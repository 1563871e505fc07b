import Foundation
import Ground
import Logging
import MigratedCatalog
import Store

@testable import Backup

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A whole backup in a folder of its own, with the user anna.
final class BackupFixture: Sendable {
  let root: String
  let backup: Backup
  let anna: User

  static func options(_ root: String, role: DataDirectory.Role = .server) -> Backup.Options {
    var options = Backup.Options(dataFolder: root, migrationsFolder: MigratedCatalog.migrationsFolder)
    options.reserve = 0
    options.passwordCost = AccountsFixture.cheap
    // The tests share a machine: nobody is refused because another test was slow. Those about patience set their own.
    (options.uploads.patience, options.uploads.finishPatience) = (120, 120)
    options.role = role
    return options
  }

  private let isTemporary: Bool

  /// - Parameter root: a data directory to open, which stays; nil makes one that goes with the fixture.
  init(
    root: String? = nil, quota: Int64? = nil, _ change: (inout Backup.Options) -> Void = { _ in }
  ) async throws {
    isTemporary = root == nil
    self.root = root ?? FileManager.default.temporaryDirectory.path + "/nightstand-" + Identifier().description
    var options = BackupFixture.options(self.root)
    change(&options)
    if isTemporary { try await MigratedCatalog.settle(in: self.root) }
    backup = try await Backup(options, logger: quiet)
    if let anna = try await backup.accounts.user(email: "anna@example.org") {
      self.anna = anna
    } else {
      anna = try await backup.accounts.add(
        email: "anna@example.org", password: "correct horse", name: "Anna", isAdmin: true, quota: quota)
    }
  }

  deinit { if isTemporary { try? FileManager.default.removeItem(atPath: root) } }

  /// Feeds bytes to a reception on its lane, as a door does.
  func receive(_ bytes: [UInt8], owner: Identifier? = nil) async throws -> Reception {
    let reception = try await backup.desk.open(backup.desk.account(of: owner ?? anna.id), expectedLength: nil)
    var block = backup.desk.blocks.take()
    defer { backup.desk.blocks.give(block) }
    var rest = bytes[...]
    while true {
      let piece = rest.prefix(block.space.count)
      piece.withUnsafeBytes { block.append($0) }
      rest = rest.dropFirst(piece.count)
      if block.count < block.capacity { break }
      block = try await reception.write(block)
    }
    try await reception.writeTail(block, count: block.count)
    return reception
  }

  func facts(_ name: String) -> UploadFacts {
    UploadFacts(
      name: Array(name.utf8), createdAt: WrittenTime("2024-07-31T23:30:00.000-02:00")!,
      modifiedAt: WrittenTime("2024-08-02T10:00:00.123Z")!)
  }

  @discardableResult
  func upload(_ bytes: [UInt8], _ name: String, change: (inout UploadFacts) -> Void = { _ in }) async throws
    -> UploadResult
  {
    var facts = facts(name)
    change(&facts)
    return try await receive(bytes).finish(facts, sidecar: nil)
  }

  /// What lies in staging.
  var staged: [String] { get throws { try FileSystem.names(in: root + "/staging") } }

  var originals: [String] {
    (FileManager.default.enumerator(atPath: root + "/originals")?.compactMap { $0 as? String } ?? [])
      .filter { URL(fileURLWithPath: $0).pathExtension != "" && !$0.hasSuffix(".nightstand") }.sorted()
  }
}

/// Bytes that look random and are the same for the same seed.
func sample(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return UInt8(truncatingIfNeeded: state >> 56)
  }
}

func sha1(_ bytes: [UInt8]) -> SHA1Digest {
  let running = RunningSHA1()
  bytes.withUnsafeBytes { running.update($0) }
  return running.finish()
}
