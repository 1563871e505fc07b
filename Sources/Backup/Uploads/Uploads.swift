import Ground
import Logging
import Media
import Store

/// Uploads that survive interruptions: one resource and state machine behind every door that can resume.
package final class Uploads: Sendable {
  package struct Limits: Sendable {
    /// Open uploads of one person.
    package var open = 1000
    /// Uploads of one person that receive at once.
    package var writers = 32
    /// Seconds from the last activity to expiry: 7 days.
    package var lifetime: Int64 = 7 * 86_400
    /// Bytes of one upload: 1 TiB.
    package var size: Int64 = 1 << 40
    /// Bytes a second below which a connection is cut, measured over `slowWindow` seconds.
    package var slowest = 1024.0
    package var slowWindow = 60.0
    /// Seconds that a newcomer waits for the writer before it.
    package var patience = 5.0
    /// Seconds that a newcomer waits for an upload that is being stored.
    package var finishPatience = 25.0
    /// Seconds without a byte after which a newcomer that appends hangs up the writer before it.
    package var courtesy = 1.0
    /// Bytes, and seconds, of one transfer after which what came is put on disk.
    package var checkpointBytes: Int64 = 16 << 20
    package var checkpointSeconds = 2.0

    package init() {}
  }

  /// What an API key needs to bring photos.
  package static let permission = "asset.upload"

  /// Bytes of an open upload that make it worth going on with.
  static let worthResuming: Int64 = 1 << 20

  package let limits: Limits
  let desk: ReceiveDesk
  let catalog: Catalog
  /// Nil for a command line, which receives nothing.
  let staging: Staging?
  let finisher: Finisher?
  let clock: Accounts.Clock
  let logger: Logger
  let registry: UploadRegistry

  init(
    limits: Limits, desk: ReceiveDesk, catalog: Catalog, staging: Staging?, finisher: Finisher?, logger: Logger,
    clock: Accounts.Clock = .system
  ) {
    (self.limits, self.desk, self.catalog, self.staging) = (limits, desk, catalog, staging)
    (self.finisher, self.clock, self.logger) = (finisher, clock, logger)
    registry = UploadRegistry(limits: limits, clock: clock)
  }

  // MARK: Looking

  /// The upload as it is recorded, without disturbing its writer.
  /// - Throws: `.unknownUpload`, `.uploadGone`.
  package func find(_ token: UploadToken) async throws -> UploadStatus { try await status(row(token)) }

  /// By the future asset's id; only the owner's.
  package func find(asset: Identifier, owner: Identifier) async throws -> UploadStatus {
    guard let row = try await speaking({ try await catalog.upload(asset: asset) }), row.ownerID == owner else {
      throw BackupError.unknownUpload
    }
    return try status(checked(row))
  }

  /// The owner's open uploads, newest first.
  package func list(owner: Identifier) async throws -> [UploadStatus] {
    let now = clock.wall()
    return try await speaking { try await catalog.openUploads(owner: owner) }
      .filter { $0.expiresAt > now || registry.isReceiving(UploadToken(bytes: $0.token)) }.map { try status($0) }
  }

  /// An open upload of the same person and bytes of which at least 1 MiB is here: a client can go on there.
  package func partlyHere(_ sha1: SHA1Digest, owner: Identifier) async throws -> UploadStatus? {
    guard let row = try await speaking({ try await catalog.openUpload(sha1: sha1, owner: owner) }),
      row.kind == UploadKind.raw.rawValue, row.offset >= Uploads.worthResuming, row.expiresAt > clock.wall()
    else { return nil }
    return try status(row)
  }

  // MARK: Rights

  /// Whoever created the upload may upload still: asked before an append that comes with the address alone.
  /// - Throws: `.invalidSessionToken`, `.invalidAPIKey`, `.missingPermission`, and what `find` throws.
  package func requireCreatorStillMayUpload(_ token: UploadToken) async throws {
    try await requireCreatorStillMayUpload(find(token))
  }

  /// As above.
  package func requireCreatorStillMayUpload(_ upload: UploadStatus) async throws {
    switch upload.creator {
    case .session(let id):
      guard try await speaking({ try await catalog.hasSession(id, of: upload.owner) }) else {
        throw BackupError.invalidSessionToken
      }
    case .apiKey(let id):
      guard let key = try await speaking({ try await catalog.apiKey(id, of: upload.owner) }) else {
        throw BackupError.invalidAPIKey
      }
      guard key.permissions.contains(Permissions.all) || key.permissions.contains(Uploads.permission) else {
        throw BackupError.missingPermission(Uploads.permission)
      }
    }
  }

  // MARK: Rows

  /// - Throws: `.unknownUpload`, `.uploadGone`.
  func row(_ token: UploadToken) async throws -> UploadRow {
    guard let row = try await speaking({ try await catalog.upload(token: token.bytes) }) else {
      throw BackupError.unknownUpload
    }
    return try checked(row)
  }

  private func checked(_ row: UploadRow) throws(BackupError) -> UploadRow {
    if row.state == .gone { throw .uploadGone }
    // The sweep comes later.
    if row.state == .open, row.expiresAt <= clock.wall(), !registry.isReceiving(UploadToken(bytes: row.token)) {
      throw .uploadGone
    }
    return row
  }

  func status(_ row: UploadRow) throws -> UploadStatus { try status(row, UploadDetails(json: row.details)) }

  /// - Parameter details: the row's, where they are read already.
  func status(_ row: UploadRow, _ details: UploadDetails) throws -> UploadStatus {
    try UploadStatus(row, details, isReceiving: registry.isReceiving(UploadToken(bytes: row.token)))
  }

  /// When an upload that is active now expires.
  var expiry: Instant { clock.wall().adding(seconds: limits.lifetime) }
}
