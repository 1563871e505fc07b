import Foundation
import GRDB
import Ground

@testable import Store

/// Uploads of `anna` in a store whose process, or machine, can be restarted.
/// Used by one test at a time, whose parallel parts only read it.
final class UploadFixture: @unchecked Sendable {
  private let owned: TemporaryFolder?
  private let path: String
  private(set) var store: StoreFixture
  private(set) var boot = "first boot"
  private let mode: Staging.Mode?

  static let far = Instant(milliseconds: Instant.now().milliseconds + 86_400_000)

  /// - Parameter path: of the data directory; nil makes one that is removed with this.
  init(path: String? = nil, mode: Staging.Mode? = nil, patience: Double = 3600) async throws {
    owned = path == nil ? try TemporaryFolder() : nil
    self.path = path ?? owned!.path + "/data"
    self.mode = mode
    store = try await StoreFixture(path: self.path, mode: mode, boot: boot, patience: patience)
  }

  /// The process is gone without a word, and a new one runs its recovery; the machine too where it got another boot.
  @discardableResult
  func restart(reboot: Bool = false) async throws -> Recovery.Report {
    try store.catalog.close()
    store.directory.unlock()
    if reboot { boot = "another boot" }
    store = try await StoreFixture(path: path, mode: mode, boot: boot)
    return try store.recovery.run()
  }

  func create(
    length: Int64? = nil, sha1: SHA1Digest? = nil, owner: Owner? = nil, expiresAt: Instant = far, kind: String = "raw"
  ) async throws -> UploadRow {
    var upload = NewUpload(
      token: randomBytes(32), asset: Identifier(), owner: owner ?? store.anna, kind: kind, rule: "length",
      details: #"{"a":1}"#, expiresAt: expiresAt)
    (upload.length, upload.claimedSHA1) = (length, sha1)
    return try await store.catalog.insert(upload)
  }

  func row(_ upload: UploadRow) async throws -> UploadRow? { try await store.catalog.upload(token: upload.token) }

  func open(_ upload: UploadRow) async throws -> PartialFile {
    try await store.staging.open(upload, in: store.catalog)
  }

  /// Writes block by block as a transfer does; the last block may be short.
  func feed(_ bytes: some Collection<UInt8>, to file: PartialFile) async throws {
    let bytes = Array(bytes)
    var block = store.staging.blocks.take()
    defer { store.staging.blocks.give(block) }
    var start = 0
    while start < bytes.count {
      let wanted = min(file.wanted(block), bytes.count - start)
      // Some blocks come with more than was wanted, as from a socket.
      let more = min(wanted + Int(start / 4096 % 2) * 100, bytes.count - start)
      bytes[start + block.count..<start + max(more, block.count)].withUnsafeBytes { block.append($0) }
      block = try await file.write(block, wanted)
      start += wanted
    }
  }

  func checkpoint(_ file: PartialFile) async throws {
    try await file.checkpoint(length: nil, expiresAt: UploadFixture.far)
  }

  func size(_ upload: UploadRow) throws -> Int64? {
    try FileSystem.status(store.staging.path(upload.staged ?? "none"))?.size
  }

  func contents(_ upload: UploadRow) throws -> [UInt8] {
    try FileSystem.contents(store.staging.path(upload.staged ?? "none"), limit: 64 << 20)
  }

  /// Seals and asks the finisher, as a whole upload does.
  func request(_ upload: UploadRow, _ file: PartialFile, name: String = "a.jpg") async throws -> FinishRequest {
    let sha1 = try await file.seal(modified: Instant(milliseconds: 1_600_000_000_000))
    var time = CalendarTime(year: 2024, month: 7, day: 3)
    time.hour = 12
    let asset = NewAsset(
      id: upload.asset, owner: upload.owner, sha1: sha1, size: file.length, kind: "IMAGE", mimeType: "image/jpeg",
      originalName: Array(name.utf8), wallClock: time, fileCreatedAt: time.instant, fileModifiedAt: time.instant)
    return FinishRequest(asset: asset, staged: file.name, upload: upload.number)
  }
}

func sha1(_ bytes: some Collection<UInt8>) -> SHA1Digest {
  let running = RunningSHA1()
  Array(bytes).withUnsafeBytes { running.update($0) }
  return running.finish()
}
