import CLinux
import Dispatch
import Glibc
import Ground
import Synchronization

/// Accepts connections as long as there is room for them; beyond that the kernel's queue holds them.
final class Listener: Sendable {
  private struct State {
    var source: Handle<any DispatchSourceRead>?
    var isPaused = false
    var isClosed = false
    var open = 0
    /// By network: a household's IPv6 prefix of 64 bits counts as one address.
    var byNetwork: [String: Int] = [:]
  }

  private let socket: Descriptor
  private let queue = DispatchQueue(label: "nightstand.accept")
  private let configuration: ServerConfiguration
  private let state = Mutex(State())
  let port: UInt16

  /// How many connections the kernel holds for us while all places are taken.
  private static let backlog: Int32 = 1024

  /// - Throws: `SystemError`, such as EADDRINUSE.
  init(_ configuration: ServerConfiguration) throws {
    self.configuration = configuration
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let place = "\(configuration.host):\(configuration.port)"
    guard getaddrinfo(configuration.host, String(configuration.port), &hints, &found) == 0, let address = found else {
      throw SystemError("getaddrinfo", EADDRNOTAVAIL, place)
    }
    defer { freeaddrinfo(found) }
    let number = try system("socket", place) {
      Glibc.socket(
        address.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(NS_SOCK_NONBLOCK | NS_SOCK_CLOEXEC), 0)
    }
    socket = Descriptor(owning: number, path: place)
    var on: Int32 = 1
    let size = socklen_t(MemoryLayout<Int32>.size)
    // A restart must not wait for connections of the last run to be forgotten.
    try system("setsockopt", place) { setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, size) }
    if address.pointee.ai_family == AF_INET6 {
      var off: Int32 = 0
      setsockopt(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, size)
    }
    try system("bind", place) { bind(number, address.pointee.ai_addr, address.pointee.ai_addrlen) }
    try system("listen", place) { listen(number, Self.backlog) }
    port = try Self.boundPort(number, place)
  }

  private static func boundPort(_ number: Int32, _ place: String) throws -> UInt16 {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    try system("getsockname", place) {
      withUnsafeMutablePointer(to: &storage) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(number, $0, &length) }
      }
    }
    return withUnsafePointer(to: &storage) { pointer in
      // The port lies at the same place in both families.
      pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { UInt16(bigEndian: $0.pointee.sin_port) }
    }
  }

  /// - Parameter onConnection: takes over the descriptor; runs on the accept queue.
  func start(_ onConnection: @escaping @Sendable (Int32, PeerAddress) -> Void) {
    let source = DispatchSource.makeReadSource(fileDescriptor: socket.number, queue: queue)
    source.setEventHandler { [weak self] in self?.acceptAll(onConnection) }
    let socket = socket
    source.setCancelHandler { withExtendedLifetime(socket) {} }
    let handle = Handle<any DispatchSourceRead>(source)
    state.withLock { $0.source = handle }
    source.resume()
  }

  private func acceptAll(_ onConnection: (Int32, PeerAddress) -> Void) {
    while hasRoom() {
      var storage = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let number = withUnsafeMutablePointer(to: &storage) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          accept4(socket.number, $0, &length, Int32(NS_SOCK_NONBLOCK | NS_SOCK_CLOEXEC))
        }
      }
      guard number >= 0 else {
        switch errno {
        case EINTR, ECONNABORTED: continue
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return pauseAWhile()
        default: return
        }
      }
      let peer = PeerAddress(storage)
      guard admit(peer) else {
        Glibc.close(number)
        continue
      }
      var on: Int32 = 1
      // Without this a small answer waits for the peer's delayed acknowledgement, 40 ms.
      setsockopt(number, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
      onConnection(number, peer)
    }
  }

  /// Stops accepting while every place is taken.
  private func hasRoom() -> Bool {
    state.withLock { state in
      guard !state.isClosed else { return false }
      if state.open < configuration.maxConnections { return true }
      pause(&state)
      return false
    }
  }

  private func admit(_ peer: PeerAddress) -> Bool {
    state.withLock { state in
      let limit = configuration.trustedProxies.contains(peer.text) ? 0 : configuration.maxConnectionsPerAddress
      if limit > 0, state.byNetwork[peer.network, default: 0] >= limit { return false }
      state.open += 1
      state.byNetwork[peer.network, default: 0] += 1
      return true
    }
  }

  /// A connection has ended: its place is free.
  func release(_ peer: PeerAddress) {
    state.withLock { state in
      state.open -= 1
      let left = state.byNetwork[peer.network, default: 1] - 1
      state.byNetwork[peer.network] = left > 0 ? left : nil
      if state.open < configuration.maxConnections { resume(&state) }
    }
  }

  /// The process has no descriptors left; they come back when connections end, which nobody tells us.
  private func pauseAWhile() {
    state.withLock { pause(&$0) }
    queue.asyncAfter(deadline: .now() + .milliseconds(200)) { [weak self] in
      self?.state.withLock { state in self?.resume(&state) }
    }
  }

  private func pause(_ state: inout State) {
    guard !state.isPaused, !state.isClosed else { return }
    state.isPaused = true
    state.source?.value.suspend()
  }

  private func resume(_ state: inout State) {
    guard state.isPaused else { return }
    state.isPaused = false
    state.source?.value.resume()
  }

  /// Accepts nothing more; new connections are refused by the kernel.
  func close() {
    state.withLock { state in
      guard !state.isClosed else { return }
      state.isClosed = true
      state.source?.value.cancel()
      // A suspended source never runs its cancel handler.
      if state.isPaused { state.source?.value.resume() }
      state.source = nil
    }
  }
}

extension PeerAddress {
  /// The IPv4 address, or the first 64 bits of the IPv6 address, which is the least that a provider hands out.
  var network: String {
    guard text.contains(":") else { return text }
    var raw = in6_addr()
    guard inet_pton(AF_INET6, text, &raw) == 1 else { return text }
    return withUnsafeBytes(of: &raw) { Hex.encode($0.prefix(8)) }
  }

  init(_ storage: sockaddr_storage) {
    let family = Int32(storage.ss_family)
    var storage = storage
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let size = socklen_t(text.count)
    withUnsafePointer(to: &storage) { pointer in
      if family == AF_INET6 {
        pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
          var raw = address.pointee.sin6_addr
          inet_ntop(AF_INET6, &raw, &text, size)
        }
      } else {
        pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
          var raw = address.pointee.sin_addr
          inet_ntop(AF_INET, &raw, &text, size)
        }
      }
    }
    let name = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    self.init(name.hasPrefix("::ffff:") && name.contains(".") ? String(name.dropFirst(7)) : name)
  }
}
