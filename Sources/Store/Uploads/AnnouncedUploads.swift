import FoundationEssentials
import GRDB
import Ground
import Synchronization

/// Uploads that began and whose rows are still in memory: their address stands in an interim answer, no byte of them was
/// acknowledged. A row goes to disk in the first transaction that speaks of its upload (a checkpoint, the finish, an end),
/// when anybody looks for it, and by itself after `patience`; so a photo that comes in one piece costs no commit
/// before its own. A crash before that forgets the upload, which is then unknown (404), and its client begins anew.
package final class AnnouncedUploads: Sendable {
  /// Seconds that a row waits for a transaction that is made anyway.
  package static let patience = 0.25
  /// Rows in memory; what comes on top is recorded at once.
  static let limit = 1024

  private struct State {
    var rows: [Int64: UploadRow] = [:]
    /// The next free `upload.number`; nil before the catalog was asked.
    var next: Int64?
    /// Somebody sees to it that old rows are recorded.
    var isWatched = false
  }
  private let state = Mutex(State())
  let patience: Double

  init(patience: Double) { self.patience = patience }

  // MARK: Numbers

  /// A number that no upload has: given by this process, for the rows in memory need theirs before they have a place.
  func number(_ db: Database) throws -> Int64 {
    try state.withLock { state in
      let next = try state.next ?? (Int64.fetchOne(db, sql: "SELECT coalesce(max(number), 0) + 1 FROM upload") ?? 1)
      state.next = next + 1
      return next
    }
  }

  // MARK: Rows in memory

  enum Place {
    case added(mustWatch: Bool)
    case full
  }

  func add(_ row: UploadRow) -> Place {
    state.withLock { state in
      guard state.rows.count < AnnouncedUploads.limit else { return .full }
      state.rows[row.number] = row
      defer { state.isWatched = true }
      return .added(mustWatch: !state.isWatched)
    }
  }

  /// Those that nobody recorded yet.
  func all(_ isWanted: (UploadRow) -> Bool) -> [UploadRow] {
    state.withLock { state in state.rows.values.filter(isWanted) }
  }

  /// Their rows are on disk, or never will be; which of them were here.
  @discardableResult
  func forget(_ numbers: [Int64]) -> [UploadRow] {
    state.withLock { state in numbers.compactMap { state.rows.removeValue(forKey: $0) } }
  }

  /// Whether nothing is left: whoever watched goes then.
  func isDone() -> Bool {
    state.withLock { state in
      if state.rows.isEmpty { state.isWatched = false }
      return state.rows.isEmpty
    }
  }

  // MARK: In a transaction

  /// Writes the row of an upload that is only here; call `forget` when the transaction is committed. Somebody else's
  /// transaction may have been faster.
  func record(_ number: Int64, _ db: Database) throws {
    guard let row = state.withLock({ $0.rows[number] }) else { return }
    try row.insert(db)
  }
}

extension Catalog {
  /// Begins an upload without waiting for the disk: see `AnnouncedUploads`. Nil where the owner has `limit` open ones.
  package func announce(_ upload: NewUpload, ownerID: Identifier, unlessOpen limit: Int) async throws -> UploadRow? {
    let waiting = announced.all { $0.ownerID == ownerID }
    let number: Int64? = try await read { [announced] db in
      // One that is both in memory and on disk counts twice for a moment: the limit is no exact science.
      guard try UploadRow.countOpen(db, owner: upload.owner) + waiting.count < limit else { return nil }
      return try announced.number(db)
    }
    guard let number else { return nil }
    let row = UploadRow(upload, number: number, ownerID: ownerID, boot: boot, at: .now())
    switch announced.add(row) {
    case .added(let mustWatch): if mustWatch { watchAnnounced() }
    case .full: try await writeTogether { db in try row.insert(db) }
    }
    CrashPoint.uploadInserted.pass()
    return row
  }

  /// Takes back an announced upload that came to nothing before anybody heard of it; false where it is recorded by now.
  package func withdraw(announced number: Int64) -> Bool { !announced.forget([number]).isEmpty }

  /// Puts those rows on disk: somebody looks for them.
  func recordAnnounced(_ isWanted: (UploadRow) -> Bool) async throws {
    let numbers = announced.all(isWanted).map(\.number)
    guard !numbers.isEmpty else { return }
    try await writeTogether { [announced] db in for number in numbers { try announced.record(number, db) } }
    announced.forget(numbers)
  }

  /// Records what waited for long enough, all of it in one transaction, until nothing waits any more.
  private func watchAnnounced() {
    Task { [weak self, announced] in
      repeat {
        do { try await Task.sleep(for: .seconds(announced.patience)) } catch { return }
      } while await self?.recordPatient() ?? false
    }
  }

  /// Whether more rows wait.
  private func recordPatient() async -> Bool {
    let due = Instant(milliseconds: Instant.now().milliseconds - Int64(announced.patience * 1000))
    // A disk without room now may have some later; whoever looks for the row meanwhile hears of it.
    try? await recordAnnounced { $0.createdAt <= due }
    return !announced.isDone()
  }
}
