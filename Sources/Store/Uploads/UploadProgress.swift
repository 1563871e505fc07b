import Ground
import Synchronization

/// How far an upload is safe, shared between the lane that receives it and the checkpoint that runs behind it.
final class UploadProgress: Sendable {
  /// A moment to which the file can be taken back.
  struct Point: Sendable {
    var offset: Int64
    /// After `offset` bytes.
    var sha1State: [UInt8]
  }

  private struct State {
    /// On disk and recorded.
    var durable: Point
    /// On disk.
    var synced: Int64
    /// The file's name is on disk.
    var isNamed: Bool
    /// Why nothing more can be trusted: syncing failed.
    var loss: SystemError?
    /// A checkpoint is under way behind the transfer.
    var isBusy = false
    var waiter: CheckedContinuation<Void, Never>?
  }
  private let state: Mutex<State>
  private let number: Int64
  private let file: Descriptor
  private let staging: Staging
  private let catalog: Catalog

  /// - Parameter isNamed: whether the folder was synced since the file was made.
  init(_ durable: Point, isNamed: Bool, number: Int64, file: Descriptor, staging: Staging, catalog: Catalog) {
    state = Mutex(State(durable: durable, synced: durable.offset, isNamed: isNamed))
    (self.number, self.file, self.staging, self.catalog) = (number, file, staging, catalog)
  }

  var durable: Point { state.withLock { $0.durable } }
  var loss: SystemError? { state.withLock { $0.loss } }

  /// Syncs and records: `point` is durable when this returns. Everything before it is written.
  func advance(to point: Point, length: Int64?, expiresAt: Instant) async throws {
    do { try sync(to: point.offset) } catch { throw StoreError(error) }
    CrashPoint.checkpointSynced.pass()
    try await catalog.checkpoint(
      UploadCheckpoint(
        number: number, offset: point.offset, sha1State: point.sha1State, length: length, expiresAt: expiresAt))
    state.withLock { $0.durable = point }
    CrashPoint.checkpointed.pass()
  }

  /// The first `offset` bytes, and the file's name, are on disk when this returns.
  private func sync(to offset: Int64) throws(SystemError) {
    let (loss, isSynced, isNamed) = state.withLock { ($0.loss, $0.synced >= offset, $0.isNamed) }
    if let loss { throw loss }
    do throws(SystemError) {
      if !isSynced { try file.syncData() }
      if !isNamed { try staging.syncFolder() }
    } catch {
      lose(error)
      throw error
    }
    state.withLock {
      $0.synced = max($0.synced, offset)
      $0.isNamed = true
    }
  }

  /// The kernel may have dropped what it could not write, and tells it once: the file is never trusted again.
  func lose(_ error: SystemError) { state.withLock { $0.loss = $0.loss ?? error } }

  /// What lay behind `offset` is not there any more.
  func cut(to offset: Int64) { state.withLock { $0.synced = min($0.synced, offset) } }

  /// Everything before `offset` is on disk by other means.
  func sealed(at offset: Int64) { state.withLock { $0.synced = max($0.synced, offset) } }

  // MARK: Behind

  /// False where one is under way.
  func beginBehind() -> Bool {
    state.withLock { state in
      defer { state.isBusy = true }
      return !state.isBusy
    }
  }

  /// As `advance`, on a lane of its own; a failure shows at the next checkpoint on the transfer's lane.
  func advanceBehind(to offset: Int64, _ sum: Result<[UInt8], SystemError>, length: Int64?, expiresAt: Instant) {
    guard case .success(let sha1State) = sum else { return endBehind() }
    let lane = staging.syncs.next()
    Task { [self] in
      // The task never runs on the lane while it waits for the catalog.
      let isSynced = await lane.run { (try? sync(to: offset)) != nil }
      if isSynced {
        try? await advance(to: Point(offset: offset, sha1State: sha1State), length: length, expiresAt: expiresAt)
      }
      endBehind()
    }
  }

  private func endBehind() {
    let waiter = state.withLock { state in
      state.isBusy = false
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// Returns when none is under way. One waiter at most: the transfer's lane.
  func waitBehind() async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        if state.isBusy { state.waiter = continuation }
        return !state.isBusy
      }
      if isFree { continuation.resume() }
    }
  }
}
