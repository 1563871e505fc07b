import Dispatch
import Glibc
import Ground
import Synchronization

/// A connection's socket: non-blocking calls that are tried at once, and waiting for readiness where they would block.
/// The caller may be the connection on its loop or an upload on its lane: bytes are moved where the caller runs.
final class Channel: Sendable {
  private enum Wake { case ready, timedOut, closed }
  private struct Waiter {
    let continuation: CheckedContinuation<Wake, Never>
    let deadline: MonotonicTime
  }

  private struct State {
    var reader: Waiter?
    var writer: Waiter?
    var readSource: Handle<any DispatchSourceRead>?
    var writeSource: Handle<any DispatchSourceWrite>?
    /// Dispatch counts suspensions; these keep them at zero or one.
    var readPaused = true
    var writePaused = true
    var isClosed = false
  }

  private let descriptor: Int32
  private let loop: EventLoop
  let transport: any Transport
  private let state = Mutex(State())

  /// Takes over the descriptor; it is closed when nobody holds the channel any more, so that no thread can ever use the
  /// number after the kernel gave it to somebody else.
  init(owning descriptor: Int32, transport: any Transport, loop: EventLoop) {
    (self.descriptor, self.transport, self.loop) = (descriptor, transport, loop)
  }

  deinit { Glibc.close(descriptor) }

  /// Begins to watch. `onReadable` runs on the loop whenever bytes come and nobody waits for them.
  func start(onReadable: @escaping @Sendable () -> Void) {
    let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: loop.queue)
    source.setEventHandler { [unowned self] in loop.perform { if !wakeReader() { onReadable() } } }
    // Dispatch must be done with the descriptor before it is closed: the handler holds the channel until then.
    source.setCancelHandler { withExtendedLifetime(self) {} }
    let handle = Handle<any DispatchSourceRead>(source)
    state.withLock { state in
      state.readSource = handle
      state.readPaused = false
    }
    source.resume()
  }

  // MARK: Moving bytes

  /// At least one byte, or 0 at the end of the stream.
  /// - Parameter patience: seconds to wait for the first byte.
  func receive(_ buffer: UnsafeMutableRawBufferPointer, patience: Double) async throws(TransportError) -> Int {
    while true {
      switch try transport.receive(buffer) {
      case .bytes(let count): return count
      case .end: return 0
      case .wouldBlock(let needsWrite): try await wait(forWriting: needsWrite, patience: patience)
      }
    }
  }

  /// All of the bytes.
  /// - Parameter patience: seconds for which the peer may take nothing.
  func send(_ bytes: UnsafeRawBufferPointer, patience: Double) async throws(TransportError) {
    var rest = bytes
    while !rest.isEmpty {
      switch try transport.send(rest) {
      case .bytes(let count): rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      case .end: throw .reset
      case .wouldBlock(let needsWrite): try await wait(forWriting: needsWrite, patience: patience)
      }
    }
  }

  /// All of the bytes of an array, which stays alive by itself while the peer is slow.
  func send(_ bytes: [UInt8], patience: Double) async throws(TransportError) {
    var sent = 0
    while sent < bytes.count {
      let result = try bytes.withUnsafeBufferPointer { buffer throws(TransportError) in
        try transport.send(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: buffer[sent...])))
      }
      switch result {
      case .bytes(let count): sent += count
      case .end: throw .reset
      case .wouldBlock(let needsWrite): try await wait(forWriting: needsWrite, patience: patience)
      }
    }
  }

  /// Bytes past the transport, for the one answer that TLS cannot carry; what the kernel does not take is lost.
  func sendRaw(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

  // MARK: Waiting

  private func wait(forWriting: Bool, patience: Double) async throws(TransportError) {
    let deadline = MonotonicTime.now().adding(seconds: patience)
    let wake = await withCheckedContinuation { (continuation: CheckedContinuation<Wake, Never>) in
      let waiter = Waiter(continuation: continuation, deadline: deadline)
      let isClosed = state.withLock { state in
        guard !state.isClosed else { return true }
        if forWriting {
          state.writer = waiter
          armWriting(&state)
        } else {
          state.reader = waiter
          if state.readPaused {
            state.readPaused = false
            state.readSource?.value.resume()
          }
        }
        return false
      }
      if isClosed { continuation.resume(returning: .closed) }
    }
    switch wake {
    case .ready: return
    case .timedOut: throw .timedOut
    case .closed: throw .reset
    }
  }

  private func armWriting(_ state: inout State) {
    if state.writeSource == nil {
      let source = DispatchSource.makeWriteSource(fileDescriptor: descriptor, queue: loop.queue)
      source.setEventHandler { [unowned self] in loop.perform { wakeWriter() } }
      source.setCancelHandler { withExtendedLifetime(self) {} }
      state.writeSource = Handle(source)
    }
    if state.writePaused {
      state.writePaused = false
      state.writeSource?.value.resume()
    }
  }

  /// Whether somebody waited. The source sleeps until the next wait: readiness is level-triggered and would fire again
  /// and again while a lane still works through the bytes.
  private func wakeReader() -> Bool {
    let waiter = state.withLock { state in
      guard let waiter = state.reader else { return Waiter?.none }
      state.reader = nil
      pauseReading(&state)
      return waiter
    }
    waiter?.continuation.resume(returning: .ready)
    return waiter != nil
  }

  private func wakeWriter() {
    let waiter = state.withLock { state in
      if !state.writePaused, !state.isClosed {
        state.writePaused = true
        state.writeSource?.value.suspend()
      }
      defer { state.writer = nil }
      return state.writer
    }
    waiter?.continuation.resume(returning: .ready)
  }

  /// Stops `onReadable` until `resumeReading`: a request is being worked on, and what follows it can wait.
  func pauseReading() { state.withLock { pauseReading(&$0) } }

  private func pauseReading(_ state: inout State) {
    guard !state.readPaused, !state.isClosed else { return }
    state.readPaused = true
    state.readSource?.value.suspend()
  }

  func resumeReading() {
    state.withLock { state in
      guard state.readPaused, !state.isClosed else { return }
      state.readPaused = false
      state.readSource?.value.resume()
    }
  }

  /// Wakes whoever has waited longer than it wanted to.
  func expire(_ now: MonotonicTime) {
    let late = state.withLock { state in
      var late: [Waiter] = []
      if let reader = state.reader, reader.deadline <= now {
        late.append(reader)
        state.reader = nil
      }
      if let writer = state.writer, writer.deadline <= now {
        late.append(writer)
        state.writer = nil
      }
      return late
    }
    for waiter in late { waiter.continuation.resume(returning: .timedOut) }
  }

  /// Ends the connection for everybody who uses it; safe to call twice and from any thread.
  func close() {
    let waiters = state.withLock { state in
      guard !state.isClosed else { return [Waiter]() }
      state.isClosed = true
      shutdown(descriptor, Int32(SHUT_RDWR))
      state.readSource?.value.cancel()
      state.writeSource?.value.cancel()
      // A suspended source never runs its cancel handler, and must not be released.
      if state.readPaused { state.readSource?.value.resume() }
      if state.writePaused { state.writeSource?.value.resume() }
      (state.readSource, state.writeSource) = (nil, nil)
      defer { (state.reader, state.writer) = (nil, nil) }
      return [state.reader, state.writer].compactMap { $0 }
    }
    for waiter in waiters { waiter.continuation.resume(returning: .closed) }
  }
}
