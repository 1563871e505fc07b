import Ground
import HTTPTypes
import Logging
import Synchronization

/// One client connection: reads heads, asks the responder, sends answers, one exchange after the other.
/// Lives on its loop. Between requests nothing is alive but this object and its read source, and it holds no buffer.
actor Connection {
  private enum Phase {
    /// Waiting for the first byte of a request.
    case idle(until: MonotonicTime)
    /// A part of a head has come.
    case head(until: MonotonicTime)
    /// A request is being answered.
    case busy
    case closed
  }

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  nonisolated let channel: Channel
  nonisolated let peer: PeerAddress
  nonisolated let server: ServerContext

  /// The loop's name for this connection; set once, by `start`.
  private nonisolated let token = Atomic<UInt64>(0)
  private var phase: Phase
  private var parser = RequestParser()
  /// Received and not yet used: at most a head's limit and one read of 64 KiB.
  private var inbox: ArraySlice<UInt8> = []
  /// What the connection has become, where it carries no requests any more.
  private var webSocket: WebSocket?

  init(channel: Channel, peer: PeerAddress, loop: EventLoop, server: ServerContext) {
    (self.channel, self.peer, self.loop, self.server) = (channel, peer, loop, server)
    // A new connection owes its first request, or its handshake, as soon as a slow head would.
    let patience =
      channel.transport.isEstablished ? server.configuration.headTimeout : server.configuration.handshakeTimeout
    phase = .idle(until: MonotonicTime.now().adding(seconds: patience))
  }

  /// Begins to listen to the peer. Called once, from the listener.
  nonisolated func start() {
    token.store(loop.add(self), ordering: .relaxed)
    channel.start(token.load(ordering: .relaxed))
    // The server may have begun to stop after it accepted and before it could see this connection.
    if server.isDraining { channel.close() }
  }

  // MARK: Events

  /// The kernel has news of the socket; called by the loop.
  func happened(_ events: UInt32) {
    if channel.happened(events) { readable() }
  }

  /// Bytes came while no request was being answered.
  private func readable() {
    do {
      while isReading {
        switch try channel.transport.receive(loop.scratch) {
        case .bytes(let count):
          accept(UnsafeRawBufferPointer(rebasing: loop.scratch[0..<count]))
          // TLS may hold more than one read gave, and the kernel knows nothing of that; otherwise the next event tells.
          if isReading, !channel.transport.mayHoldInput { return channel.becomeIdle() }
        case .end: return close()
        case .wouldBlock(needsWrite: false): return channel.becomeIdle()
        case .wouldBlock(needsWrite: true): return continueHandshake()
        }
      }
    } catch TransportError.plainHTTP {
      begin { await $0.refusePlainHTTP() }
    } catch {
      if case .handshake(let reason) = error {
        server.logger.debug("a TLS handshake failed", metadata: ["peer": "\(peer)", "reason": "\(reason)"])
      }
      close()
    }
  }

  /// A part of the handshake is larger than the socket takes at once.
  private func continueHandshake() {
    guard case .idle(let deadline) = phase else { return close() }
    begin { connection in
      do {
        try await connection.channel.wait(forWriting: true, until: deadline)
        connection.phase = .idle(until: deadline)
        connection.readable()
      } catch {
        connection.close()
      }
    }
  }

  private var isReading: Bool {
    switch phase {
    case .idle, .head: true
    case .busy, .closed: false
    }
  }

  private func accept(_ bytes: UnsafeRawBufferPointer) {
    do {
      if inbox.isEmpty {
        try advance(bytes)
      } else {
        inbox += bytes
        let all = inbox
        try all.withUnsafeBytes { try advance($0) }
      }
    } catch let refusal as Refusal {
      begin { await $0.refuse(refusal) }
    } catch {
      close()
    }
  }

  /// Looks for a whole head in everything received so far; keeps the rest in the inbox.
  private func advance(_ bytes: UnsafeRawBufferPointer) throws {
    switch try parser.parse(bytes) {
    case .needMore:
      if inbox.count != bytes.count { inbox = Array(bytes)[...] }
      if case .idle = phase {
        phase = .head(until: MonotonicTime.now().adding(seconds: server.configuration.headTimeout))
      }
    case .head(let head, let consumed):
      inbox = consumed < bytes.count ? Array(bytes[consumed...])[...] : []
      begin { await $0.serve(head) }
    }
  }

  /// Starts the work on a request; it runs at the end of this event, on this loop.
  private func begin(_ work: @escaping @Sendable (isolated Connection) async -> Void) {
    phase = .busy
    Task { await work(self) }
  }

  /// Looks at the deadlines; called by the loop four times a second.
  func expire(_ now: MonotonicTime) {
    switch phase {
    case .idle(let until) where until <= now:
      close()
    case .head(let until) where until <= now:
      begin { await $0.refuse(Refusal(.requestTimeout, "The request head took too long")) }
    default:
      if let webSocket, webSocket.isOverdue(now) { return channel.close() }
      channel.expire(now)
    }
  }

  /// The server stops: an idle connection ends now, a busy one after its answer (`ServerContext.isDraining`).
  func drain() {
    if case .idle = phase { close() }
    webSocket?.close(.goingAway, "the server stops")
  }

  /// Cuts the connection wherever it is.
  func close() {
    guard case .closed = phase else {
      phase = .closed
      channel.close()
      loop.remove(token.load(ordering: .relaxed))
      server.ended(peer)
      return
    }
  }

  // MARK: Exchanges

  /// Answers a request and those that were pipelined behind it.
  private func serve(_ first: RequestHead) async {
    var head = first
    var served = 0
    while true {
      guard await exchange(head) else { return }
      served += 1
      // Many requests in one packet must not keep the others on this loop waiting.
      if served % 32 == 0 { await loop.breathe() }
      do {
        switch try inbox.withUnsafeBytes({ try parser.parse($0) }) {
        case .head(let next, let consumed):
          inbox = inbox.dropFirst(consumed)
          head = next
        case .needMore:
          return waitForNext()
        }
      } catch let refusal as Refusal {
        return await refuse(refusal)
      } catch {
        return close()
      }
    }
  }

  private func waitForNext() {
    guard case .busy = phase else { return }
    if server.isDraining, inbox.isEmpty { return close() }
    let now = MonotonicTime.now()
    phase =
      inbox.isEmpty
      ? .idle(until: now.adding(seconds: server.configuration.idleTimeout))
      : .head(until: now.adding(seconds: server.configuration.headTimeout))
    // What TLS holds already raises no event.
    if channel.transport.mayHoldInput { readable() } else { channel.becomeIdle() }
  }

  /// One request, one answer. - Returns: whether the connection can carry another request.
  private func exchange(_ head: RequestHead) async -> Bool {
    // Looking a route up costs as much as a small answer: only where there is a body to limit.
    let limit = head.framing == .none ? nil : server.responder.bodyLimit(for: head.method, head.target)
    var source: BodySource?
    if head.framing != .none {
      source = BodySource(
        channel: channel, loop: loop, framing: head.framing, leftover: inbox, limit: limit,
        expectsContinue: head.expectsContinue, patience: server.configuration.stallTimeout)
      inbox = []
    }
    let response: Response
    var mayStay = head.keepAlive
    if case .length(let length) = head.framing, let limit, length > limit {
      mayStay = false
      response = server.responder.refusal(Refusal(.contentTooLarge, "The body is larger than \(limit) bytes"))
    } else {
      response = await server.responder.respond(to: request(head, source))
    }
    if let conversation = response.webSocket {
      await converse(conversation, response, head)
      return false
    }
    let bodyEnd = BodyEnd(source)
    mayStay = mayStay && bodyEnd != .mustClose && !server.isDraining
    do {
      mayStay = try await ResponseSender(connection: self).send(response, to: head, keepAlive: mayStay)
    } catch {
      close()
      return false
    }
    guard mayStay, await finish(source, bodyEnd) else {
      await linger(patience: bodyEnd == .atEnd ? 1 : 5)
      return false
    }
    return true
  }

  /// Carries a WebSocket until its end.
  private func converse(_ conversation: any WebSocketConversation, _ response: Response, _ head: RequestHead) async {
    guard !server.isDraining else { return await refuse(Refusal(.serviceUnavailable, "The server stops")) }
    do { _ = try await ResponseSender(connection: self).send(response, to: head, keepAlive: true) } catch {
      return close()
    }
    let socket = WebSocket(channel: channel, patience: server.configuration.stallTimeout)
    webSocket = socket
    // The server may have begun to stop before it could see the socket.
    if server.isDraining { socket.close(.goingAway, "the server stops") }
    let first = inbox
    inbox = []
    await socket.run(first, on: loop, conversation)
    webSocket = nil
    await linger(patience: 1)
  }

  private func request(_ head: RequestHead, _ source: BodySource?) -> Request {
    let body =
      source.map { source in
        var declared: Int64?
        if case .length(let length) = head.framing { declared = length }
        return RequestBody(declaredLength: declared) { block in try await source.pull(into: block) }
      } ?? .none
    // No capture lists: such a closure would not run where its caller runs.
    let (channel, patience) = (channel, server.configuration.stallTimeout)
    return Request(
      head: head, body: body, peer: peer, isTLS: server.tls != nil,
      sendInterim: { status, fields in
        guard head.minorVersion > 0 else { return }
        try await channel.send(ResponseHead.interim(status, fields), patience: patience)
      },
      takesInterim: head.minorVersion > 0, hangUp: { channel.close(resetting: true) })
  }

  /// What is left of a request's body when its answer is ready.
  private enum BodyEnd: Equatable {
    case atEnd
    /// Little enough to read and forget.
    case short
    case mustClose

    init(_ source: BodySource?) {
      guard let source, !source.isDone else {
        self = .atEnd
        return
      }
      // Without `100 Continue` nobody knows whether the body will come (RFC 9110 section 10.1.1).
      self = source.hasFailed || source.owesContinue || !source.restIsShort ? .mustClose : .short
    }
  }

  /// Brings the connection behind the body. - Returns: false where that failed.
  private func finish(_ source: BodySource?, _ end: BodyEnd) async -> Bool {
    guard let source else { return true }
    if end == .short {
      let block = Block(capacity: 4096)
      do {
        while try await source.pull(into: block) > 0 { block.count = 0 }
      } catch {
        return false
      }
    }
    inbox = source.takeSurplus()
    return true
  }

  // MARK: Endings

  /// Says why, then closes so that the client can read it.
  private func refuse(_ refusal: Refusal) async {
    let response = server.responder.refusal(refusal)
    do {
      _ = try await ResponseSender(connection: self).send(response, to: nil, keepAlive: false)
      await linger(patience: 5)
    } catch {
      close()
    }
  }

  /// Who spoke HTTP to the TLS port gets an answer in the only language that they understand.
  private func refusePlainHTTP() async {
    let text = "This port speaks TLS: use https://\n"
    let head =
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
      + "Content-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n"
    channel.sendRaw(Array((head + text).utf8))
    channel.plain.endWriting()
    await drain(patience: 5, channel.plain)
    close()
  }

  /// Half-closes, and reads what the client still sends: closing a socket with unread bytes resets it, and a reset
  /// destroys an answer that the client has not read yet (RFC 9112 section 9.6).
  /// - Parameter patience: seconds without a byte until the client is taken to be done.
  private func linger(patience: Double) async {
    inbox = []
    channel.transport.endWriting()
    await drain(patience: patience, channel.transport)
    close()
  }

  /// Reads and forgets, bounded like nginx's lingering close: 30 seconds in all, or `patience` without a byte, or 1 GiB;
  /// one second while the server stops.
  private func drain(patience: Double, _ transport: any Transport) async {
    let end = MonotonicTime.now().adding(seconds: 30)
    let waste = Block(capacity: BlockPool.small)
    var left = 1 << 30
    var breath = 1 << 20
    do {
      while left > 0 {
        switch try transport.receive(waste.memory) {
        case .end: return
        case .bytes(let count):
          left -= count
          breath -= count
          guard breath <= 0 else { continue }
          breath = 1 << 20
          await loop.breathe()
          if MonotonicTime.now() >= end { return }
        case .wouldBlock:
          let silence = MonotonicTime.now().adding(seconds: server.isDraining ? min(patience, 1) : patience)
          try await channel.wait(forWriting: false, until: min(silence, end))
        }
      }
    } catch {
      // The peer is gone, or silent for long enough: both are what the drain waits for.
    }
  }
}
