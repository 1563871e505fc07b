import Ground
import Synchronization

/// An open WebSocket. Sending never waits: what the client has not taken lies in a bounded queue, and a client that lets
/// it overflow is cut off. While nothing happens it holds no buffer.
package final class WebSocket: Sendable {
  private struct State {
    var queue: [[UInt8]] = []
    var queuedBytes = 0
    var writer: Task<Void, Never>?
    /// Set with our close frame: by then the client must have gone.
    var farewell: MonotonicTime?
  }

  private let state = Mutex(State())
  private let channel: Channel
  private let patience: Double

  /// - Parameter patience: seconds for which the client may take nothing of what is sent.
  init(channel: Channel, patience: Double) { (self.channel, self.patience) = (channel, patience) }

  // MARK: Sending

  /// From any thread; nothing happens on one that is closing.
  package func send(_ text: String) { enqueue(FrameEncoder.text(text)) }

  /// Says goodbye; the client has three seconds to answer. From any thread, and safe to call twice.
  package func close(_ code: CloseCode, _ reason: String) {
    enqueue(FrameEncoder.close(code, reason), isLast: true)
  }

  private func enqueue(_ frame: [UInt8], isLast: Bool = false) {
    let overflows = state.withLock { state in
      guard state.farewell == nil else { return false }
      // The farewell always fits: it ends what piles up.
      guard isLast || state.queuedBytes + frame.count <= WebSocketLimit.queue else { return true }
      if isLast { state.farewell = MonotonicTime.now().adding(seconds: WebSocketLimit.farewell) }
      state.queue.append(frame)
      state.queuedBytes += frame.count
      if state.writer == nil { state.writer = Task { await self.write() } }
      return false
    }
    if overflows { channel.close(resetting: true) }
  }

  private func write() async {
    while let frames = nextFrames() {
      do {
        try await channel.send(frames, patience: patience)
      } catch {
        return channel.close()
      }
    }
  }

  /// Everything that waits; it counts as waiting until the next call.
  private func nextFrames() -> [UInt8]? {
    state.withLock { state in
      guard !state.queue.isEmpty else {
        state.queuedBytes = 0
        state.writer = nil
        return nil
      }
      let frames = state.queue.count == 1 ? state.queue[0] : Array(state.queue.joined())
      state.queue = []
      state.queuedBytes = frames.count
      return frames
    }
  }

  /// The client did not answer our close in time.
  func isOverdue(_ now: MonotonicTime) -> Bool {
    state.withLock { $0.farewell.map { $0 <= now } ?? false }
  }

  // MARK: Receiving

  /// Reads until either side has closed and everything of ours is sent. Called once, on the loop.
  /// - Parameter first: what came together with the request.
  func run(_ first: ArraySlice<UInt8>, on loop: EventLoop, _ conversation: any WebSocketConversation) async {
    conversation.opened(self)
    defer { conversation.closed(self) }
    do {
      try await read(first, loop, conversation)
    } catch let violation as FrameDecoder.Violation {
      close(violation.code, violation.reason)
    } catch {
      // The client is gone, or was silent for too long.
      return channel.close()
    }
    await state.withLock { $0.writer }?.value
  }

  private func read(
    _ first: ArraySlice<UInt8>, _ loop: EventLoop, _ conversation: any WebSocketConversation
  ) async throws {
    var decoder = FrameDecoder()
    decoder.append(first)
    var turns = 0
    while true {
      while let event = try decoder.next() {
        switch event {
        case .text(let text): conversation.received(text, on: self)
        case .binary: close(.unsupported, "binary messages are not understood here")
        case .ping(let payload): enqueue(FrameEncoder.pong(payload))
        case .pong: break
        case .close(let code): return close(code ?? .normal, "")
        }
      }
      switch try channel.transport.receive(loop.scratch) {
      case .bytes(let count):
        decoder.append(UnsafeRawBufferPointer(rebasing: loop.scratch[0..<count]))
        // A client that talks without a pause must not keep the others on this loop waiting.
        turns += 1
        if turns % 16 == 0 { await loop.breathe() }
      case .end: return close(.normal, "")
      case .wouldBlock(let needsWrite):
        let deadline = MonotonicTime.now().adding(seconds: WebSocketLimit.silence)
        try await channel.wait(forWriting: needsWrite, until: deadline)
      }
    }
  }
}
