import CLinux
import Dispatch
import Glibc
import Ground
import HTTPTypes
import Logging
import Synchronization

/// The HTTP/1.1 server: listens, accepts, and asks the responder.
package final class Server: Sendable {
  private struct State {
    var listener: Listener?
    var open = 0
    var nextLoop = 0
    var waiters: [CheckedContinuation<Void, Never>] = []
    var hasStopped = false
  }

  private let context: ServerContext
  private let loops: [EventLoop]
  private let state: StateBox
  /// Wakes now and then to give unused memory back.
  private nonisolated(unsafe) let housekeeping: any DispatchSourceTimer

  /// Shared with the context's closure, which outlives nothing but needs no reference to the server.
  private final class StateBox: Sendable {
    let mutex = Mutex(State())
  }

  /// - Throws: `TLSError` where the certificate or its key cannot be used.
  package init(_ configuration: ServerConfiguration, responder: any Responder, blocks: BlockPool, logger: Logger) throws
  {
    let box = StateBox()
    state = box
    context = ServerContext(
      configuration, responder: responder, blocks: blocks, tls: try configuration.tls.map { try TLSContext($0) },
      logger: logger
    ) { peer in
      let waiters = box.mutex.withLock { state in
        state.open -= 1
        state.listener?.release(peer)
        guard state.open == 0, state.hasStopped else { return [CheckedContinuation<Void, Never>]() }
        defer { state.waiters = [] }
        return state.waiters
      }
      for waiter in waiters { waiter.resume() }
    }
    // More loops than cores add nothing; four carry any household.
    let cores = max(1, min(4, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    loops = try (0..<cores).map { try EventLoop(label: "nightstand.loop.\($0)") }
    housekeeping = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
    housekeeping.schedule(deadline: .now() + 20, repeating: 20, leeway: .seconds(5))
    let fileBlocks = context.fileBlocks
    housekeeping.setEventHandler {
      let trimmed = [blocks.trim(), fileBlocks.trim()]
      if trimmed.contains(true) { malloc_trim(0) }
    }
    // Here and not in `start`, which may throw: Dispatch ends the process when a source goes away that never ran.
    housekeeping.resume()
    // OpenSSL writes to sockets without MSG_NOSIGNAL; a peer that went away must not end the process.
    signal(SIGPIPE, SIG_IGN)
  }

  /// Binds and listens.
  /// - Returns: the port.
  /// - Throws: `SystemError`, such as "address in use".
  package func start() async throws -> UInt16 {
    let listener = try Listener(context.configuration)
    state.mutex.withLock { $0.listener = listener }
    listener.start { [self] descriptor, peer in connect(descriptor, peer) }
    return listener.port
  }

  private func connect(_ descriptor: Int32, _ peer: PeerAddress) {
    let loop = state.mutex.withLock { state in
      state.open += 1
      state.nextLoop = (state.nextLoop + 1) % loops.count
      return loops[state.nextLoop]
    }
    var transport: any Transport = PlainTransport(descriptor: descriptor)
    if let tls = context.tls {
      guard let session = tls.session(on: descriptor) else {
        Glibc.close(descriptor)
        return context.ended(peer)
      }
      transport = session
    }
    let channel = Channel(owning: descriptor, transport: transport, loop: loop)
    Connection(channel: channel, peer: peer, loop: loop, server: context).start()
  }

  /// Returns when `shutdown` has ended the last connection.
  package func run() async {
    await withCheckedContinuation { continuation in
      let isOver = state.mutex.withLock { state in
        if state.hasStopped, state.open == 0 { return true }
        state.waiters.append(continuation)
        return false
      }
      if isOver { continuation.resume() }
    }
  }

  /// Stops accepting, lets running requests finish, cuts them after `shutdownTimeout`; returns when all are gone,
  /// a second later at the latest.
  package func shutdown() async {
    context.startDraining()
    let listener = state.mutex.withLock { state in
      state.hasStopped = true
      return state.listener
    }
    listener?.close()
    housekeeping.cancel()
    for loop in loops {
      for connection in loop.all { Task { await connection.drain() } }
    }
    // Neither step waits for a loop: one that is kept busy must not hold the process.
    let cut = DispatchWorkItem { [loops] in
      for loop in loops { for connection in loop.all { connection.channel.close() } }
    }
    let abandon = DispatchWorkItem { [self] in for waiter in takeWaiters() { waiter.resume() } }
    let patience = context.configuration.shutdownTimeout
    DispatchQueue.global().asyncAfter(deadline: .now() + patience, execute: cut)
    DispatchQueue.global().asyncAfter(deadline: .now() + patience + 1, execute: abandon)
    await run()
    cut.cancel()
    abandon.cancel()
  }

  private func takeWaiters() -> [CheckedContinuation<Void, Never>] {
    state.mutex.withLock { state in
      defer { state.waiters = [] }
      return state.waiters
    }
  }

  /// Reads the certificate and key again; new handshakes use them. The old ones stay where the new ones are bad.
  /// - Throws: `TLSError`.
  package func reloadCertificate() throws { try context.tls?.reload() }
}
