import Foundation
import Ground
import Media
import Store
import Synchronization

@testable import Backup

/// A clock that stands still until a test moves it.
final class TestClock: Sendable {
  private let seconds = Mutex(0.0)
  private let start = Instant.now()

  func advance(_ more: Double) { seconds.withLock { $0 += more } }

  var clock: Accounts.Clock {
    Accounts.Clock(
      monotonic: { [self] in MonotonicTime(nanoseconds: UInt64((1000 + seconds.withLock { $0 }) * 1e9)) },
      wall: { [self] in Instant(milliseconds: start.milliseconds + Int64(seconds.withLock { $0 } * 1000)) })
  }
}

/// Counts how often a connection was hung up.
final class HangUps: Sendable {
  private let state = Mutex<(count: Int, action: (@Sendable () -> Void)?)>((0, nil))
  var count: Int { state.withLock { $0.count } }
  func part(at offset: Int64, then action: (@Sendable () -> Void)? = nil) -> UploadPart {
    UploadPart(offset: offset) { [self] in
      state.withLock { $0.count += 1 }
      action?()
    }
  }
}

extension BackupFixture {
  var uploads: Uploads { backup.uploads }

  /// Anna as she is now: every request reads her anew.
  var principal: Principal {
    get async throws {
      let anna = try await backup.accounts.user(email: anna.email) ?? anna
      return Principal(user: anna, credential: .session(session(of: anna)))
    }
  }

  func session(of user: User, _ id: Identifier = Identifier()) -> Session {
    Session(
      id: id, user: user.id, device: LoginDevice(type: "Android", system: "Pixel 8", appVersion: nil),
      createdAt: .now(), updatedAt: .now(), needsSyncReset: false)
  }

  static func creation(
    _ rule: CompletionRule = .length, length: Int64? = nil, name: String? = "a.jpg", kind: UploadKind = .raw
  ) -> UploadCreation {
    var creation = UploadCreation(kind: kind, rule: rule)
    creation.length = length
    creation.facts.name = name.map { Array($0.utf8) }
    creation.facts.typeByContent = name == nil
    return creation
  }

  /// - Returns: the new upload's status.
  func open(_ creation: UploadCreation, by principal: Principal? = nil) async throws -> UploadStatus {
    var who = principal
    if who == nil { who = try await self.principal }
    guard let who, case .opened(let status) = try await uploads.create(creation, by: who) else {
      throw BackupError.invalid("answered without an upload")
    }
    return status
  }

  /// Feeds bytes to a writer on its lane, as a door does.
  func feed(_ bytes: [UInt8], _ writer: UploadWriter) async throws {
    try await writer.lane.run {
      var block = backup.desk.blocks.take()
      defer { backup.desk.blocks.give(block) }
      var rest = bytes[...]
      while true {
        let wanted = writer.wanted(block)
        let piece = rest.prefix(max(0, wanted - block.count))
        piece.withUnsafeBytes { block.append($0) }
        rest = rest.dropFirst(piece.count)
        guard block.count >= wanted else { break }
        block = try await writer.write(block, wanted)
      }
      if block.count > 0 { block = try await writer.write(block, block.count) }
    }
  }

  /// One whole request.
  @discardableResult
  func send(
    _ bytes: [UInt8], to token: UploadToken, at offset: Int64, _ change: (inout UploadPart) -> Void = { _ in },
    authorize: @Sendable () async throws -> Void = {}
  ) async throws -> UploadStatus {
    var part = UploadPart(offset: offset) {}
    part.count = Int64(bytes.count)
    change(&part)
    let writer = try await uploads.append(part, to: token)
    do { try await feed(bytes, writer) } catch {
      await writer.lane.run { _ = await writer.cut() }
      throw error
    }
    return try await writer.lane.run { try await writer.end(authorize: authorize) }
  }

  /// The connection brings these bytes and breaks off.
  @discardableResult
  func sendCut(_ bytes: [UInt8], to token: UploadToken, at offset: Int64) async throws -> UploadStatus? {
    let writer = try await uploads.append(UploadPart(offset: offset) {}, to: token)
    try await feed(bytes, writer)
    return await writer.lane.run { await writer.cut() }
  }

  /// The digest of a stored asset's file.
  func stored(_ id: Identifier) async throws -> SHA1Digest {
    try SHA1Digest(reading: try await backup.assets.openOriginal(id, by: Reader(anna.id, opensLocked: true)).file)
  }
}

extension UploadStatus {
  var outcome: UploadOutcome? { if case .complete(let outcome) = state { outcome } else { nil } }
  var failure: UploadFailure? { if case .failed(let failure) = state { failure } else { nil } }
}
