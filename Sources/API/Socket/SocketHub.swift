import Backup
import Ground
import Synchronization
import Wire

/// All clients that listen, by user. One clock asks them all whether they are there, and rests while nobody is connected.
final class SocketHub: Sendable {
  /// Seconds between two heartbeats, as Socket.IO's own servers keep it.
  static let heartbeat = 25
  /// Seconds that a client gives a heartbeat to come late.
  static let patience = 20
  /// Open sockets of one user: every tab and phone of one person, and some that are dead and not yet known to be.
  static let limitPerUser = 64

  private struct State {
    var sessions: [Identifier: [ObjectIdentifier: SocketSession]] = [:]
    var clock: Task<Void, Never>?
  }
  private let state = Mutex(State())

  /// - Returns: false where the user has as many as may be.
  func add(_ session: SocketSession) -> Bool {
    state.withLock { state in
      guard state.sessions[session.user, default: [:]].count < SocketHub.limitPerUser else { return false }
      state.sessions[session.user, default: [:]][ObjectIdentifier(session)] = session
      if state.clock == nil { state.clock = Task { [weak self] in await SocketHub.keepTime(of: self) } }
      return true
    }
  }

  func remove(_ session: SocketSession) {
    state.withLock { state in
      state.sessions[session.user]?[ObjectIdentifier(session)] = nil
      if state.sessions[session.user]?.isEmpty == true { state.sessions[session.user] = nil }
    }
  }

  /// Tells the owner's clients, and nobody else, of a photo that can be shown now.
  func announce(_ ready: ReadyAsset) async {
    let listening = state.withLock { $0.sessions[ready.owner].map { Array($0.values) } ?? [] }
    guard !listening.isEmpty else { return }
    let packet = SocketHub.packet(ready)
    for session in listening { await session.tell(packet) }
  }

  /// Socket.IO's event packet: `42["name",payload]`.
  static func packet(_ ready: ReadyAsset) -> String {
    var json = JSONWriter(capacity: 1500)
    json.beginArray()
    json.string("AssetUploadReadyV2")
    json.beginObject()
    json.key("asset")
    json.beginObject()
    SyncLines.asset(ready.asset, &json)
    json.endObject()
    json.key("exif")
    json.beginObject()
    SyncLines.facts(ready.facts, &json)
    json.endObject()
    json.endObject()
    json.endArray()
    return "42" + String(decoding: json.take(), as: UTF8.self)
  }

  /// One heartbeat to everybody.
  func beat() async {
    let all = state.withLock { state in state.sessions.values.flatMap { Array($0.values) } }
    for session in all { await session.beat() }
  }

  private static func keepTime(of hub: SocketHub?) async {
    while let hub, !hub.rests() {
      do { try await Task.sleep(for: .seconds(SocketHub.heartbeat)) } catch { return }
      await hub.beat()
    }
  }

  /// Whether the clock may stop because nobody is connected.
  private func rests() -> Bool {
    state.withLock { state in
      guard state.sessions.isEmpty else { return false }
      state.clock = nil
      return true
    }
  }
}
