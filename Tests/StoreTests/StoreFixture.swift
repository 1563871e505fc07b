import Foundation
import GRDB
import Glibc
import Ground
import Logging
import MigratedCatalog

@testable import Store

/// A folder of one test, removed with it.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/nightstand-" + Identifier().description
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A whole store in a folder of its own: real SQLite, real files, one user `anna`.
final class StoreFixture: Sendable {
  let folder: TemporaryFolder?
  let directory: DataDirectory
  let catalog: Catalog
  let staging: Staging
  let originals: Originals
  let finisher: Finisher
  let anna: Owner
  let annaID: Identifier

  /// - Parameters:
  ///   - path: a data directory to open again; nil makes one.
  ///   - boot: the kernel's boot, for tests that restart the machine.
  init(
    path: String? = nil, reserve: Int64 = 0, mode: Staging.Mode? = nil, boot: String = ThisProcess.bootID,
    patience: Double = 3600
  ) async throws {
    folder = path == nil ? try TemporaryFolder() : nil
    directory = try DataDirectory(path ?? folder!.path + "/data", role: .server)
    try await MigratedCatalog.put(at: directory.catalog)
    catalog = try Catalog(path: directory.catalog, boot: boot, patience: patience)
    staging = try Staging(
      root: directory.staging, originals: directory.originals, blocks: BlockPool(), reserve: reserve, mode: mode)
    originals = Originals(root: directory.originals, quarantine: directory.quarantine)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    finisher = Finisher(catalog: catalog, staging: staging, originals: originals, logger: logger)
    (annaID, anna) = try await StoreFixture.addUser("anna", to: catalog)
  }

  @discardableResult
  static func addUser(_ name: String, quota: Int64? = nil, to catalog: Catalog) async throws -> (Identifier, Owner) {
    try await catalog.write { db in
      if let row = try Row.fetchOne(db, sql: "SELECT id, number FROM user WHERE folder = ?", arguments: [name]) {
        return (row["id"], Owner(number: row["number"], folder: name))
      }
      let id = Identifier()
      try db.execute(
        sql: """
          INSERT INTO user (id, email, name, folder, avatar_color, password_hash, quota, created_at, updated_at)
          VALUES (?, ?, ?, ?, 'primary', 'x', ?, 0, 0)
          """, arguments: [id, name + "@example.org", name, name, quota])
      return (id, Owner(number: db.lastInsertedRowID, folder: name))
    }
  }

  var recovery: Recovery {
    Recovery(
      catalog: catalog, staging: staging, originals: originals,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  /// Stages bytes block by block, as a transfer does.
  func stage(_ bytes: [UInt8]) async throws -> StagedFile {
    let file = try staging.open(expected: nil)
    try await feed(bytes, to: file)
    return file
  }

  /// Fills blocks beyond their capacity where it can, so that what lies in the slack has to be moved.
  func feed(_ bytes: [UInt8], to file: StagedFile) async throws {
    var block = staging.blocks.take()
    defer { staging.blocks.give(block) }
    var rest = bytes[...]
    while true {
      let piece = rest.prefix(block.space.count)
      piece.withUnsafeBytes { block.append($0) }
      rest = rest.dropFirst(piece.count)
      if block.count < block.capacity { break }
      block = try await file.write(block)
    }
    try await file.writeTail(block, count: block.count)
  }

  func request(_ bytes: [UInt8], name: String, owner: Owner? = nil, sidecar: [UInt8]? = nil) async throws
    -> FinishRequest
  {
    let file = try await stage(bytes)
    let sha1 = try await file.seal(modified: Instant(milliseconds: 1_600_000_000_000))
    file.handOver()
    var time = CalendarTime(year: 2024, month: 7, day: 3)
    time.hour = 12
    var asset = NewAsset(
      id: Identifier(), owner: owner ?? anna, sha1: sha1, size: file.length, kind: "IMAGE", mimeType: "image/jpeg",
      originalName: Array(name.utf8), wallClock: time, fileCreatedAt: time.instant, fileModifiedAt: time.instant)
    var sidecarName: String?
    if let sidecar {
      let staged = try await stage(sidecar)
      asset.sidecarSHA1 = try await staged.seal(modified: time.instant)
      asset.sidecarSize = staged.length
      staged.handOver()
      sidecarName = staged.name
    }
    return FinishRequest(asset: asset, staged: file.name, sidecarStaged: sidecarName)
  }

  func store(_ bytes: [UInt8], name: String, owner: Owner? = nil, sidecar: [UInt8]? = nil) async throws -> FinishOutcome
  {
    try await finisher.finish(request(bytes, name: name, owner: owner, sidecar: sidecar))
  }

  func row(_ id: Identifier) async throws -> AssetRow? { try await catalog.asset(id, owner: annaID) }

  /// Whether all are the owner's; nothing is trashed otherwise.
  func trash(_ ids: [Identifier], owner: Identifier, now: Instant = .now()) async throws -> Bool {
    guard let assets = try await catalog.named(ids, owner: owner) else { return false }
    try await catalog.trash(assets, now: now)
    return true
  }

  func restore(_ ids: [Identifier], owner: Identifier) async throws -> Int? {
    guard let assets = try await catalog.named(ids, owner: owner) else { return nil }
    return try await catalog.restore(assets, now: .now())
  }

  func count(_ table: String) async throws -> Int {
    try await catalog.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table)") ?? -1 }
  }

  var used: Int64 {
    get async throws {
      try await catalog.read { [anna] db in
        try Int64.fetchOne(db, sql: "SELECT used FROM user WHERE number = ?", arguments: [anna.number]) ?? -1
      }
    }
  }

  /// Keys of all originals on disk, without lists and markers, sorted.
  var files: [String] {
    let all = FileManager.default.enumerator(atPath: directory.originals)?.compactMap { $0 as? String } ?? []
    return all.filter { path in
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: directory.originals + "/" + path, isDirectory: &isFolder)
      return !isFolder.boolValue && !path.hasSuffix("SHA1SUMS") && path != ".nightstand"
    }.sorted()
  }

  var staged: [String] { get throws { try FileSystem.names(in: directory.staging) } }

  /// What must hold whenever nothing is running: a file for each row, a row for each file, sums that agree, no leftovers.
  func problems() async throws -> [String] {
    var problems: [String] = []
    let rows = try await catalog.read { db in try Row.fetchAll(db, sql: AssetRow.selection).map(AssetRow.init) }
    for row in rows where try originals.digest(row.originalKey) != row.sha1 {
      problems.append("bad file \(row.originalKey)")
    }
    let keys = (rows.map(\.originalKey) + rows.compactMap(\.sidecarKey)).sorted()
    if keys != files { problems.append("rows \(keys) files \(files)") }
    if try await count("intent") != 0 { problems.append("intents are left") }
    if try !staged.isEmpty { problems.append("staged files are left: \(try staged)") }
    if try await used != rows.filter({ $0.owner == annaID }).map({ $0.size + $0.sidecarSize }).reduce(0, +) {
      problems.append("used is wrong")
    }
    for folder in Set(keys.map { splitKey($0).folder }) {
      let path = "\(directory.originals)/\(folder)"
      let names = Set(keys.filter { splitKey($0).folder == folder }.map { splitKey($0).name })
      let listed = ChecksumList.parse(try FileSystem.contents("\(path)/SHA1SUMS")).map(\.name)
      if Set(listed) != names || listed.count != names.count { problems.append("list of \(folder) holds \(listed)") }
      if try run("sha1sum", ["--check", "--strict", "--quiet", "SHA1SUMS"], in: path) != 0 {
        problems.append("sha1sum refuses \(folder)")
      }
    }
    return problems
  }
}

/// Runs a program found in PATH, silently; its exit code. Not by Foundation's `Process`: that one reads the list of open
/// files with a fixed-size copy per entry, and runs past its buffer's end where this process has some 1,300 files open.
func run(_ program: String, _ arguments: [String], in folder: String = "/") throws -> Int32 {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  for number: Int32 in 1...2 { posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_WRONLY, 0) }
  // `env` goes into the folder: not every toolchain shows posix_spawn's own way to Swift.
  let command = ["env", "--chdir=\(folder)", program] + arguments
  var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
  defer { for word in words { free(word) } }
  var child: pid_t = 0
  let failure = posix_spawnp(&child, "env", &actions, nil, &words, environ)
  guard failure == 0 else { throw SystemError("posix_spawnp", failure, program) }
  var status: Int32 = 0
  while waitpid(child, &status, 0) < 0, errno == EINTR {}
  return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
}

/// Bytes that look random and are the same for the same seed.
func sample(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  var out = [UInt8]()
  out.reserveCapacity(count + 8)
  while out.count < count {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    withUnsafeBytes(of: state) { out.append(contentsOf: $0) }
  }
  return Array(out.prefix(count))
}
