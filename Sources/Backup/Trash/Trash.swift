import Ground
import Logging
import Store

/// What people throw away. It lies in the trash first, from where they take it back; then it is deleted: at once gone for
/// everybody, its file in quarantine, from where the operator can put it back; and in the end its bytes are gone.
package final class Trash: Sendable {
  package struct Limits: Sendable {
    /// How long something lies in the trash.
    package var trashDays = 30
    /// How long a deleted file lies in quarantine. It leaves with the first day that is older.
    package var quarantineDays = 30
    /// How long a deleted person can be restored.
    package var userDays = 7

    package init() {}
  }

  /// Ids in one call.
  package static let idsPerCall = 65_000
  /// Seconds between two looks at what is due.
  static let sweepInterval: Int64 = 3600

  package let limits: Limits
  private let catalog: Catalog
  private let originals: Originals
  /// Nil for a command line, which moves no files.
  private let remover: Remover?
  private let logger: Logger
  private let live: LiveSignal?
  private let now: @Sendable () -> Instant
  /// Told when there is work before the hour is over.
  private let bell: AsyncStream<Void>.Continuation
  private let worker: Task<Void, Never>?
  private let timer: Task<Void, Never>?

  init(
    limits: Limits, catalog: Catalog, originals: Originals, remover: Remover?, logger: Logger,
    live: LiveSignal? = nil, now: @escaping @Sendable () -> Instant = { .now() }
  ) {
    (self.limits, self.catalog, self.originals, self.remover) = (limits, catalog, originals, remover)
    (self.logger, self.live, self.now) = (logger, live, now)
    let (calls, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    self.bell = bell
    guard let remover else {
      (worker, timer) = (nil, nil)
      return
    }
    let removal = Removal(limits: limits, catalog: catalog, originals: originals, remover: remover, logger: logger)
    // Detached: at the priority of work that nobody waits for, and with nothing of whoever started the server.
    worker = Task.detached(priority: .utility) {
      for await _ in calls { await removal.run(now()) }
    }
    timer = Task.detached(priority: .utility) {
      while !Task.isCancelled {
        bell.yield()
        do { try await Task.sleep(for: .seconds(Trash.sweepInterval)) } catch { return }
      }
    }
  }

  deinit {
    timer?.cancel()
    worker?.cancel()
    bell.finish()
  }

  /// Lets the batch under way end.
  func close() async {
    timer?.cancel()
    worker?.cancel()
    bell.finish()
    await worker?.value
  }

  /// Looks for what is due now, as it does every hour.
  package func ring() { bell.yield() }

  // MARK: Into the trash and out of it

  /// Moves assets to the trash; all ids must be the owner's or nothing changes (`.noAccess(permission: "asset.delete")`).
  /// Many are moved in several transactions: others write between them.
  package func put(_ ids: [Identifier], owner: Identifier, device: Int64? = nil) async throws {
    try await put(try await named(ids, owner), by: TrashedBy(device: device))
  }

  private func put(_ assets: [NamedAsset], by: TrashedBy?) async throws {
    let now = now()
    defer { live?.ring() }
    for chunk in Trash.chunks(assets) { try await speaking { try await catalog.trash(chunk, by: by, now: now) } }
  }

  private static func chunks(_ assets: [NamedAsset]) -> [[NamedAsset]] {
    stride(from: 0, to: assets.count, by: Catalog.trashChunk).map {
      Array(assets[$0..<min($0 + Catalog.trashChunk, assets.count)])
    }
  }

  /// Brings assets back from the trash; the count of those that were in it. All ids must be the owner's, as above.
  package func restore(_ ids: [Identifier], owner: Identifier, device: Int64? = nil) async throws -> Int {
    let now = now()
    var count = 0
    defer { live?.ring() }
    for chunk in Trash.chunks(try await named(ids, owner)) {
      count += try await speaking { try await catalog.restore(chunk, by: TrashedBy(device: device), now: now) }
    }
    return count
  }

  /// Brings back everything that lay there when it was asked.
  package func restoreAll(owner: Identifier, device: Int64? = nil) async throws -> Int {
    try await speaking {
      let start = now()
      var count = 0
      while case let assets = try await catalog.trashed(owner: owner, before: start), !assets.isEmpty {
        // None of them where another call was faster; what is left is listed again.
        count += try await catalog.restore(assets, before: start, by: TrashedBy(device: device), now: start)
      }
      return count
    }
  }

  // MARK: For good

  /// Deletes assets for good, whether or not they lie in the trash, and motion parts with their last still. Gone for
  /// everybody when this returns, but for what somebody restored meanwhile; the files follow into quarantine. All ids must
  /// be the owner's.
  package func delete(_ ids: [Identifier], owner: Identifier, device: Int64? = nil) async throws {
    let assets = try await named(ids, owner)
    // If this stops in the middle, the rest lies where it would have gone from in the end.
    try await put(assets, by: nil)
    for chunk in Trash.chunks(assets) { _ = try await deleteForGood(chunk, device) }
    ring()
  }

  /// Deletes everything that lay in the trash when it was asked, and was not restored since.
  /// - Returns: how many.
  package func empty(owner: Identifier, device: Int64? = nil) async throws -> Int {
    let start = now()
    var count = 0
    while case let assets = try await speaking({ try await catalog.trashed(owner: owner, before: start) }),
      !assets.isEmpty
    {
      count += try await deleteForGood(assets, before: start, device)
    }
    ring()
    return count
  }

  /// - Returns: how many are gone of these.
  private func deleteForGood(_ assets: [NamedAsset], before: Instant? = nil, _ device: Int64?) async throws -> Int {
    let gone = try await speaking {
      try await catalog.deleteTrashed(assets, before: before, by: TrashedBy(device: device), now: now())
    }
    for id in gone { originals.lost.remove(id) }
    live?.ring()
    return Set(gone).intersection(assets.map(\.id)).count
  }

  private func named(_ ids: [Identifier], _ owner: Identifier) async throws -> [NamedAsset] {
    guard ids.count <= Trash.idsPerCall else {
      throw BackupError.invalid("there must be at most \(Trash.idsPerCall) ids")
    }
    guard let assets = try await speaking({ try await catalog.named(ids, owner: owner) }) else {
      throw BackupError.noAccess(permission: "asset.delete")
    }
    return assets
  }
}
