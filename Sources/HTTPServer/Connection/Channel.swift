import CLinux
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

  /// For how long a peer that sends is left alone to fill the socket's buffer, in seconds.
  private static let gathering = 1.0

  private struct State {
    var reader: Waiter?
    var writer: Waiter?
    /// The connection itself waits for the next request.
    var isIdle = false
    /// The loop's name for this channel; 0 before `start`.
    var token: UInt64 = 0
    var isClosed = false
    /// The kernel reports what comes for as long as it lies there: set while the connection is idle, and left alone by a
    /// request that is answered at once, which so costs no epoll call. All else is reported once.
    var isListening = false
    /// The socket's SO_RCVLOWAT: the kernel reports it readable from so many bytes on.
    var lowWater = 1

    /// What somebody waits for.
    var wanted: UInt32 {
      (reader != nil || isIdle ? EPOLLIN.rawValue | EPOLLRDHUP.rawValue : 0) | (writer != nil ? EPOLLOUT.rawValue : 0)
    }
  }

  private let descriptor: Int32
  private let loop: EventLoop
  let transport: any Transport
  private let state = Mutex(State())

  /// Takes over the descriptor; it is closed when nobody holds the channel any more, so that no thread can ever use the
  /// number after the kernel gave it to somebody else. The kernel drops it from the loop's set by itself then.
  init(owning descriptor: Int32, transport: any Transport, loop: EventLoop) {
    (self.descriptor, self.transport, self.loop) = (descriptor, transport, loop)
  }

  deinit { Glibc.close(descriptor) }

  /// Begins to watch for the first request.
  func start(_ token: UInt64) {
    state.withLock { state in
      guard !state.isClosed else { return }
      state.token = token
      (state.isIdle, state.isListening) = (true, true)
      loop.watch(descriptor, token, state.wanted, once: false, isNew: true)
    }
  }

  // MARK: Moving bytes

  /// At least one byte, or 0 at the end of the stream.
  /// - Parameters:
  ///   - patience: seconds until the first byte must have come, whatever TLS exchanges meanwhile.
  ///   - worthWaking: bytes that are surely still to come and worth one wake-up; fewer are handed out after a second.
  ///     Each wake-up takes the loop, the lane and an epoll call: a fast upload should not pay that per segment.
  func receive(
    _ buffer: UnsafeMutableRawBufferPointer, patience: Double, worthWaking: Int = 1
  ) async throws(TransportError) -> Int {
    var deadline: MonotonicTime?
    var least = worthWaking
    while true {
      switch try transport.receive(buffer) {
      case .bytes(let count): return count
      case .end: return 0
      case .wouldBlock(let needsWrite):
        let end = deadline ?? MonotonicTime.now().adding(seconds: patience)
        deadline = end
        let isGathering = least > 1
        do throws(TransportError) {
          try await wait(
            forWriting: needsWrite,
            until: isGathering ? min(end, MonotonicTime.now().adding(seconds: Channel.gathering)) : end, atLeast: least)
        } catch {
          guard error == .timedOut, isGathering else { throw error }
          // A slow peer: what it has sent is taken, and from now on its next byte wakes.
          least = 1
        }
      }
    }
  }

  /// All of the bytes.
  /// - Parameter patience: seconds for which the peer may take nothing.
  func send(_ bytes: UnsafeRawBufferPointer, patience: Double) async throws(TransportError) {
    var rest = bytes
    var deadline: MonotonicTime?
    while !rest.isEmpty {
      switch try transport.send(rest) {
      case .bytes(let count):
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        deadline = nil
      case .end: throw .reset
      case .wouldBlock(let needsWrite):
        deadline = deadline ?? MonotonicTime.now().adding(seconds: patience)
        try await wait(forWriting: needsWrite, until: deadline)
      }
    }
  }

  /// All of the bytes of an array, which stays alive by itself while the peer is slow.
  func send(_ bytes: [UInt8], patience: Double) async throws(TransportError) {
    var sent = 0
    var deadline: MonotonicTime?
    while sent < bytes.count {
      let result = try bytes.withUnsafeBufferPointer { buffer throws(TransportError) in
        try transport.send(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: buffer[sent...])))
      }
      switch result {
      case .bytes(let count):
        sent += count
        deadline = nil
      case .end: throw .reset
      case .wouldBlock(let needsWrite):
        deadline = deadline ?? MonotonicTime.now().adding(seconds: patience)
        try await wait(forWriting: needsWrite, until: deadline)
      }
    }
  }

  /// Bytes past the transport, for the one answer that TLS cannot carry; what the kernel does not take is lost.
  func sendRaw(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

  /// This socket without TLS: for the end of a connection that never got to speak it.
  var plain: PlainTransport { PlainTransport(descriptor: descriptor) }

  // MARK: Waiting

  /// Returns when the socket can be read from, or written to.
  func wait(
    forWriting: Bool, until deadline: MonotonicTime?, atLeast: Int = 1
  ) async throws(TransportError) {
    let deadline = deadline ?? MonotonicTime.now()
    let wake = await withCheckedContinuation { (continuation: CheckedContinuation<Wake, Never>) in
      let waiter = Waiter(continuation: continuation, deadline: deadline)
      let (isClosed, displaced) = state.withLock { state in
        guard !state.isClosed else { return (true, Waiter?.none) }
        // TLS may make a reader wait for writing beside a writer: the one before looks again for itself.
        let displaced = forWriting ? state.writer : state.reader
        if forWriting {
          state.writer = waiter
        } else {
          state.reader = waiter
          setLowWater(atLeast, &state)
        }
        watchOnce(&state)
        return (false, displaced)
      }
      displaced?.continuation.resume(returning: .ready)
      if isClosed { continuation.resume(returning: .closed) }
    }
    switch wake {
    case .ready: return
    case .timedOut: throw .timedOut
    case .closed: throw .reset
    }
  }

  /// Only the next event, for whoever waits by now; none where nobody does.
  private func watchOnce(_ state: inout State) {
    state.isListening = false
    loop.watch(descriptor, state.token, state.wanted, once: true)
  }

  private func setLowWater(_ bytes: Int, _ state: inout State) {
    // TLS is read in records, and the last one may be smaller than what is waited for.
    guard state.lowWater != bytes, transport is PlainTransport else { return }
    var value = Int32(clamping: bytes)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &value, socklen_t(MemoryLayout<Int32>.size))
    state.lowWater = bytes
  }

  /// The connection waits for its next request: the next readable event is its own.
  func becomeIdle() {
    state.withLock { state in
      guard !state.isClosed else { return }
      state.isIdle = true
      setLowWater(1, &state)
      guard !state.isListening else { return }
      state.isListening = true
      loop.watch(descriptor, state.token, state.wanted, once: false)
    }
  }

  /// Wakes whom an event is for. - Returns: whether it is the connection's own.
  func happened(_ events: UInt32) -> Bool {
    let isOver = events & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
    let isReadable = isOver || events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0
    let isWritable = isOver || events & EPOLLOUT.rawValue != 0
    let (reader, writer, isOwn) = state.withLock { state in
      // Closed from elsewhere: the connection finds the end of the stream and puts itself away.
      guard !state.isClosed else { return (Waiter?.none, Waiter?.none, true) }
      let reader = isReadable ? state.reader : nil
      let writer = isWritable ? state.writer : nil
      let isOwn = isReadable && reader == nil && state.isIdle
      if reader != nil { state.reader = nil }
      if writer != nil { state.writer = nil }
      if isOwn { state.isIdle = false }
      // The kernel reports once and then sleeps: who still waits must be announced again. What comes for nobody, such as
      // a body while its request is looked at, must not be reported for ever.
      if state.wanted != 0 || (state.isListening && !isOwn) { watchOnce(&state) }
      return (reader, writer, isOwn)
    }
    reader?.continuation.resume(returning: .ready)
    writer?.continuation.resume(returning: .ready)
    return isOwn
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
  /// - Parameter resetting: the peer hears a reset when the descriptor is closed. One that sends and never reads would
  ///   else stand before a shut window until the kernel forgets the connection, a minute later.
  func close(resetting: Bool = false) {
    let waiters = state.withLock { state in
      guard !state.isClosed else { return [Waiter]() }
      state.isClosed = true
      if resetting {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
      }
      shutdown(descriptor, Int32(SHUT_RDWR))
      // The end of the stream is for the connection to hear of, but once.
      if state.isListening { watchOnce(&state) }
      defer { (state.reader, state.writer) = (nil, nil) }
      return [state.reader, state.writer].compactMap { $0 }
    }
    for waiter in waiters { waiter.continuation.resume(returning: .closed) }
  }
}
