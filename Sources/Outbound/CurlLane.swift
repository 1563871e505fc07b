import CCurl
import Dispatch
import Ground
import Synchronization

/// One queue on which libcurl moves all transfers at once. It has a thread only while something is under way; a while
/// later its connections and what it read of the certificates are given back too.
final class CurlLane: Sendable {
  /// Connections that are kept for the next request.
  private static let kept = 16
  /// Seconds without work after which they are closed.
  private static let rest = 60

  private struct State {
    var waiting: [CurlTransfer] = []
    var isRunning = false
    var isClosed = false
    /// Under this lock, because others wake it; only the queue moves and removes it.
    var multi: CurlMulti?
    /// Runs so far: whether one began since.
    var runs: UInt64 = 0
  }
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "outbound", qos: .utility)

  /// Takes a transfer on; it ends by itself, with `.busy` where there is no place for it.
  func begin(_ transfer: CurlTransfer) {
    let (isTaken, mustStart) = state.withLock { state -> (Bool, Bool) in
      guard !state.isClosed, state.waiting.count < Outbound.waiting else { return (false, false) }
      state.waiting.append(transfer)
      if state.isRunning {
        if let multi = state.multi { CurlLibrary.shared?.wake(multi.pointer) }
        return (true, false)
      }
      (state.isRunning, state.runs) = (true, state.runs + 1)
      return (true, true)
    }
    guard isTaken else { return transfer.finish(.failure(.busy)) }
    if mustStart { queue.async { self.run() } }
  }

  /// Cuts everything.
  func close() async {
    state.withLock { state in
      state.isClosed = true
      if let multi = state.multi { CurlLibrary.shared?.wake(multi.pointer) }
    }
    await withCheckedContinuation { continuation in
      queue.async {
        self.release(unless: nil)
        continuation.resume()
      }
    }
  }

  // MARK: On the queue

  private func run() {
    guard let curl = CurlLibrary.shared, let multi = handle(curl) else {
      let waiting = state.withLock { state in
        defer { (state.waiting, state.isRunning) = ([], false) }
        return state.waiting
      }
      for transfer in waiting { transfer.finish(.failure(.unavailable)) }
      return
    }
    var underWay: [UnsafeMutableRawPointer: CurlTransfer] = [:]
    while let next = next(room: Outbound.inFlight - underWay.count, isIdle: underWay.isEmpty) {
      for transfer in next.begin {
        guard transfer.deadline > .now() else {
          // It waited for a place all the time: nothing left.
          transfer.finish(.failure(.busy))
          continue
        }
        guard let easy = transfer.open(curl) else {
          transfer.finish(.failure(.unavailable))
          continue
        }
        guard curl.add(multi, easy) == CURLM_OK else {
          transfer.close(easy, curl)
          transfer.finish(.failure(.unavailable))
          continue
        }
        underWay[easy] = transfer
      }
      if next.isClosed {
        for (easy, transfer) in underWay {
          curl.remove(multi, easy)
          transfer.close(easy, curl)
          transfer.finish(.failure(.broken))
        }
        underWay = [:]
        continue
      }
      curl.perform(multi)
      var isFreed = false
      while let (easy, code) = curl.ended(multi) {
        guard let transfer = underWay.removeValue(forKey: easy) else { continue }
        let ending = transfer.ending(code, status: curl.status(easy))
        curl.remove(multi, easy)
        transfer.close(easy, curl)
        transfer.finish(ending)
        isFreed = true
      }
      if !isFreed, !underWay.isEmpty { curl.poll(multi, milliseconds: 1000) }
    }
    let runs = state.withLock { $0.runs }
    queue.asyncAfter(deadline: .now() + .seconds(CurlLane.rest)) { [weak self] in self?.release(unless: runs) }
  }

  /// What is to be begun; nil where there is nothing left to do.
  private func next(room: Int, isIdle: Bool) -> (begin: [CurlTransfer], isClosed: Bool)? {
    let (taken, refused, isClosed) = state.withLock { state -> ([CurlTransfer]?, [CurlTransfer], Bool) in
      if state.isClosed {
        let refused = state.waiting
        state.waiting = []
        if isIdle { state.isRunning = false }
        return (isIdle ? nil : [], refused, true)
      }
      if isIdle, state.waiting.isEmpty {
        state.isRunning = false
        return (nil, [], false)
      }
      let taken = Array(state.waiting.prefix(max(0, room)))
      state.waiting.removeFirst(taken.count)
      return (taken, [], false)
    }
    for transfer in refused { transfer.finish(.failure(.busy)) }
    return taken.map { ($0, isClosed) }
  }

  private func handle(_ curl: CurlLibrary) -> UnsafeMutableRawPointer? {
    if let multi = state.withLock({ $0.multi }) { return multi.pointer }
    guard let multi = curl.makeMulti().map(CurlMulti.init) else { return nil }
    curl.bound(multi.pointer, connections: CurlLane.kept)
    state.withLock { $0.multi = multi }
    return multi.pointer
  }

  /// Closes the kept connections; not where a run began since `runs`.
  private func release(unless runs: UInt64?) {
    let multi = state.withLock { state -> CurlMulti? in
      guard !state.isRunning, runs == nil || runs == state.runs else { return nil }
      defer { state.multi = nil }
      return state.multi
    }
    if let multi { CurlLibrary.shared?.endMulti(multi.pointer) }
  }
}

/// libcurl's handle for many transfers. `curl_multi_wakeup` may be called from everywhere; all else happens on the queue.
private struct CurlMulti: @unchecked Sendable {
  let pointer: UnsafeMutableRawPointer
}
