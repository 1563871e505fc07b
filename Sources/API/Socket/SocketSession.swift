import Backup
import Ground
import HTTPServer
import Synchronization

/// One client that listens: greets it, and knows whether it still answers.
final class SocketSession: WebSocketConversation {
  private struct State {
    var socket: WebSocket?
    var hasJoined = false
    /// Heartbeats so far, and those since the client was last heard of.
    var beats = 0
    var unanswered = 0
  }

  let user: Identifier
  /// Whether whoever connected still may: their login may have ended since.
  private let mayStay: @Sendable () async -> Bool
  private let hub: SocketHub
  private let state = Mutex(State())

  init(user: Identifier, hub: SocketHub, mayStay: @escaping @Sendable () async -> Bool) {
    (self.user, self.hub, self.mayStay) = (user, hub, mayStay)
  }

  func opened(_ socket: WebSocket) {
    state.withLock { $0.socket = socket }
    guard hub.add(self) else { return socket.close(.policy, "too many connections of this user") }
    socket.send(
      SocketPacket.open(
        id: randomToken(20), heartbeat: SocketHub.heartbeat, patience: SocketHub.patience,
        limit: WebSocketLimit.message))
  }

  func received(_ text: String, on socket: WebSocket) {
    state.withLock { $0.unanswered = 0 }
    switch SocketPacket.FromClient(text) {
    case .join("/"):
      state.withLock { $0.hasJoined = true }
      socket.send(SocketPacket.joined(id: randomToken(20)))
    case .join(let namespace): socket.send(SocketPacket.refused(namespace: namespace))
    case .leave, .close: socket.close(.normal, "")
    case .pong, .ignored: break
    case nil: socket.close(.policy, "not a packet of Socket.IO 5")
    }
  }

  func closed(_ socket: WebSocket) {
    state.withLock { $0.socket = nil }
    hub.remove(self)
  }

  /// Sends an event to a client that has joined and still may hear it.
  func tell(_ packet: String) async {
    guard let socket = state.withLock({ $0.hasJoined ? $0.socket : nil }), await stays(socket) else { return }
    socket.send(packet)
  }

  /// Asks whether the client is there. One that did not answer the last time, or has not joined in the time between two
  /// heartbeats, is sent away.
  func beat() async {
    let (socket, isLost) = state.withLock { state in
      defer {
        state.beats += 1
        state.unanswered += 1
      }
      return (state.socket, state.unanswered > 0 || (!state.hasJoined && state.beats > 0))
    }
    guard let socket else { return }
    if isLost { return socket.close(.policy, "no answer to the heartbeat") }
    guard await stays(socket) else { return }
    socket.send(SocketPacket.ping)
  }

  private func stays(_ socket: WebSocket) async -> Bool {
    if await mayStay() { return true }
    socket.close(.policy, "the login has ended")
    return false
  }
}
