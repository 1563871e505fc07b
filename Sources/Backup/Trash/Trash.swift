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
  private let now: @Sendable () -> Instant
  /// Told when there is work before the hour is over.
  private let bell: AsyncStream<Void>.Continuation
  private let worker: Task<Void, Never>?
  private let timer: Task<Void, Never>?

  init(
    limits: Limits, catalog: Catalog, originals: Originals, remover: Remover?, logger: Logger,
    now: @escaping @Sendable () -> Instant = { .now() }
  ) {
    (self.limits, self.catalog, self.originals, self.remover) = (limits, catalog, originals, remover)
    (self.logger, self.now) = (logger, now)
    let (calls, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    self.bell = bell
    guard let remover else {
      (worker, timer) = (nil, nil)
      return
    }
    let removal = Removal(limits: limits, catalog: catalog, originals: originals, remover: remover, logger: logger)
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
  package func put(_ ids: [Identifier], owner: Identifier) async throws {
    let numbers = try await numbers(ids, owner)
    try await speaking { try await catalog.trash(numbers, now: now()) }
  }

  /// Brings assets back from the trash; the count of those that were in it. All ids must be the owner's, as above.
  package func restore(_ ids: [Identifier], owner: Identifier) async throws -> Int {
    let numbers = try await numbers(ids, owner)
    return try await speaking { try await catalog.restore(numbers, now: now()) }
  }

  /// Brings back everything that lay there when it was asked.
  package func restoreAll(owner: Identifier) async throws -> Int {
    try await speaking {
      let start = now()
      var count = 0
      while case let numbers = try await catalog.trashed(owner: owner, before: start), !numbers.isEmpty {
        let restored = try await catalog.restore(numbers, now: start)
        guard restored > 0 else { break }
        count += restored
      }
      return count
    }
  }

  // MARK: For good

  /// Deletes assets for good, whether or not they lie in the trash, and motion parts with their last still. Gone for
  /// everybody when this returns; the files follow into quarantine. All ids must be the owner's.
  package func delete(_ ids: [Identifier], owner: Identifier) async throws {
    let numbers = try await numbers(ids, owner)
    // If this stops in the middle, the rest lies where it would have gone from in the end.
    try await speaking { try await catalog.trash(numbers, now: now()) }
    for start in stride(from: 0, to: numbers.count, by: Catalog.trashChunk) {
      try await deleteForGood(Array(numbers[start..<min(start + Catalog.trashChunk, numbers.count)]))
    }
    ring()
  }

  /// Deletes everything that lay in the trash when it was asked.
  /// - Returns: how many.
  package func empty(owner: Identifier) async throws -> Int {
    let start = now()
    var count = 0
    while case let numbers = try await speaking({ try await catalog.trashed(owner: owner, before: start) }),
      !numbers.isEmpty
    {
      try await deleteForGood(numbers)
      count += numbers.count
    }
    ring()
    return count
  }

  private func deleteForGood(_ numbers: [Int64]) async throws {
    for id in try await speaking({ try await catalog.delete(numbers, now: now()) }) { originals.lost.remove(id) }
  }

  private func numbers(_ ids: [Identifier], _ owner: Identifier) async throws -> [Int64] {
    guard ids.count <= Trash.idsPerCall else {
      throw BackupError.invalid("there must be at most \(Trash.idsPerCall) ids")
    }
    guard let numbers = try await speaking({ try await catalog.numbers(of: ids, owner: owner) }) else {
      throw BackupError.noAccess(permission: "asset.delete")
    }
    return numbers
  }
}
