import Dispatch
import GRDB
import Ground
import Logging
import Synchronization

/// A file that is synced in staging and agrees with what its client claimed.
package struct FinishRequest: Sendable {
  package var asset: NewAsset
  /// In `staging/`; the finisher owns it from here on.
  package var staged: String
  package var sidecarStaged: String?
  /// `upload.number` of a resumable upload: its row ends in the same transaction that makes the asset or finds the
  /// duplicate. Where finishing fails, the staged file stays where it is and the row stays open.
  package var upload: Int64?

  package init(asset: NewAsset, staged: String, sidecarStaged: String? = nil, upload: Int64? = nil) {
    (self.asset, self.staged, self.sidecarStaged, self.upload) = (asset, staged, sidecarStaged, upload)
  }
}

package enum FinishOutcome: Sendable, Equatable {
  case created(Identifier)
  /// The owner's asset with the same bytes.
  case duplicate(Identifier)
}

/// Makes finished uploads durable in groups: whoever waits when a batch ends is the next batch. No timer, so a lone
/// upload waits for nobody, and a hundred share three syncs.
package final class Finisher: Sendable {
  /// Uploads in one batch.
  package static let batchLimit = 64

  private struct Waiting: Sendable {
    let request: FinishRequest
    let continuation: CheckedContinuation<FinishOutcome, any Error>
  }
  private struct State {
    var waiting: [Waiting] = []
    var isRunning = false
    var isClosed = false
    /// The catalog failed in the middle of recording: what it holds is known only after a restart.
    var isBroken = false
    /// Pieces of other work that wait for the queue.
    var guests = 0
  }
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "finish", qos: .userInitiated)
  private let steps: FinishSteps
  private let stored: @Sendable (Int) -> Void

  /// - Parameter stored: called after a batch in which something new was stored, with how many; must return at once.
  package init(
    catalog: Catalog, staging: Staging, originals: Originals, logger: Logger,
    stored: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.stored = stored
    steps = FinishSteps(catalog: catalog, staging: staging, originals: originals, logger: logger)
  }

  /// Moves the file into originals and records it. Durable when this returns; when it throws, nothing is stored and the
  /// staged files are gone, but for that of an upload, which is in staging again.
  /// - Throws: `FinishError`, `StoreError`; after `FinishError.unavailable` of a batch that broke, a restart may find it
  ///   stored after all.
  package func finish(_ request: FinishRequest) async throws -> FinishOutcome {
    try await withCheckedThrowingContinuation { continuation in
      enum Turn {
        case start, wait
        case refuse(FinishError)
      }
      let turn: Turn = state.withLock { state in
        if state.isBroken { return .refuse(Finisher.broken) }
        if state.isClosed { return .refuse(.unavailable("The server is stopping")) }
        state.waiting.append(Waiting(request: request, continuation: continuation))
        if state.isRunning { return .wait }
        state.isRunning = true
        return .start
      }
      switch turn {
      case .start: queue.async { self.run() }
      case .wait: break
      case .refuse(let error):
        steps.discard(request, .failure(error))
        continuation.resume(throwing: error)
      }
    }
  }

  /// Whether everything is refused until a restart.
  package var isBroken: Bool { state.withLock { $0.isBroken } }

  private static let broken = FinishError.unavailable("The server's catalog failed; it must be restarted")

  /// Lets running batches end; refuses what comes later.
  package func close() async {
    state.withLock { $0.isClosed = true }
    repeat {
      await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
    } while state.withLock { $0.isRunning }
  }

  /// Runs `work` between two batches: nobody else moves a file in originals or writes a checksum list meanwhile.
  /// - Throws: `FinishError.unavailable` where the server stops or the catalog failed, and what `work` throws.
  func between<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
    let refusal: FinishError? = state.withLock { state in
      if state.isBroken { return Finisher.broken }
      if state.isClosed { return .unavailable("The server is stopping") }
      state.guests += 1
      return nil
    }
    if let refusal { throw refusal }
    return try await withCheckedThrowingContinuation { continuation in
      queue.async {
        let result = Result { try work() }
        self.state.withLock { $0.guests -= 1 }
        continuation.resume(with: result)
      }
    }
  }

  /// Tries again to undo what could not be undone: no upload may come that would.
  package func settleLeftovers() async throws {
    guard !steps.leftovers.isEmpty else { return }
    try await between { [steps] in steps.settleLeftovers() }
  }

  private func run() {
    var batch = nextBatch()
    var members = batch.map { FinishMember(request: $0.request) }
    steps.intend(&members)
    while !batch.isEmpty {
      var following: [Waiting] = []
      let (next, breakdown) = steps.finishIntended(&members) {
        // Whoever waits for the queue finds no batch half done.
        following = state.withLock { $0.guests > 0 } ? [] : nextBatch()
        return following.map { FinishMember(request: $0.request) }
      }
      if breakdown != nil {
        // Those that were to follow wait again. Should their intents be on disk all the same, the next start finds no
        // files to them, or completes uploads.
        state.withLock { state in
          state.isBroken = true
          state.waiting.insert(contentsOf: following, at: 0)
        }
        settle(batch, members)
        return refuseWaiting()
      }
      settle(batch, members)
      (batch, members) = (following, next)
    }
    // Behind whoever waits for the queue: uploads that never pause must not keep them out.
    let isDone = state.withLock { state in
      state.isRunning = !state.waiting.isEmpty
      return !state.isRunning
    }
    if !isDone { queue.async { self.run() } }
  }

  /// Tells whoever waits for members of a batch what became of them.
  private func settle(_ batch: [Waiting], _ members: [FinishMember]) {
    var again: [Waiting] = []
    var created = 0
    for (member, waiting) in zip(members, batch) {
      switch member.phase {
      case .done(let result):
        if case .success(.created) = result { created += 1 }
        waiting.continuation.resume(with: result)
      // Equal bytes in one batch: the next batch finds the winner's row, or its own chance.
      case .deferred: again.append(waiting)
      // Their files and intents stay for the next start.
      case .new, .lost, .intended: waiting.continuation.resume(throwing: Finisher.broken)
      }
    }
    if created > 0 { stored(created) }
    state.withLock { $0.waiting.insert(contentsOf: again, at: 0) }
  }

  /// Nothing may be written any more: whoever waits is refused, and leaves nothing.
  private func refuseWaiting() {
    let refused = state.withLock { state in
      state.isRunning = false
      defer { state.waiting = [] }
      return state.waiting
    }
    for waiting in refused {
      steps.discard(waiting.request, .failure(Finisher.broken))
      waiting.continuation.resume(throwing: Finisher.broken)
    }
  }

  private func nextBatch() -> [Waiting] {
    state.withLock { state in
      let batch = Array(state.waiting.prefix(Finisher.batchLimit))
      state.waiting.removeFirst(batch.count)
      return batch
    }
  }
}

/// One upload in a batch.
struct FinishMember {
  enum Phase {
    case new
    case deferred
    /// The owner has an asset with these bytes, and its file is gone.
    case lost(StoredOriginal)
    /// The catalog knows what is to be done.
    case intended(Intent, isMoved: Bool)
    case done(Result<FinishOutcome, any Error>)
  }
  let request: FinishRequest
  var phase = Phase.new
  /// Its upload had ended before the duplicate was found.
  var hadEnded = false
}
