/// What travels in the text messages of Socket.IO protocol 5 over Engine.IO protocol 4: the first character is Engine.IO's
/// type, and of a message the second is Socket.IO's.
enum SocketPacket {
  /// What a client says, as far as anybody here listens.
  enum FromClient: Equatable {
    /// Wants to hear the events of a namespace; there is only `/`.
    case join(namespace: String)
    case leave
    /// The answer to our heartbeat.
    case pong
    case close
    /// Events and acknowledgements: nothing here waits for any.
    case ignored

    /// Nil for what the protocol does not have.
    init?(_ text: String) {
      switch text.utf8.first {
      case UInt8(ascii: "1"): self = .close
      case UInt8(ascii: "3"): self = .pong
      case UInt8(ascii: "2"), UInt8(ascii: "6"): self = .ignored
      case UInt8(ascii: "4"):
        let message = text.dropFirst()
        switch message.utf8.first {
        case UInt8(ascii: "0"):
          // `40`, `40{"token":…}` or `40/name,{…}`.
          let rest = message.dropFirst()
          let namespace = rest.utf8.first == UInt8(ascii: "/") ? rest.prefix { $0 != "," && $0 != "?" } : "/"
          self = .join(namespace: String(namespace))
        case UInt8(ascii: "1"): self = .leave
        case UInt8(ascii: "2"), UInt8(ascii: "3"): self = .ignored
        // Binary events would bring attachments, and nothing here takes any.
        default: return nil
        }
      default: return nil
      }
    }
  }

  static let ping = "2"

  /// Engine.IO's greeting. Times in seconds, the limit in bytes.
  static func open(id: String, heartbeat: Int, patience: Int, limit: Int) -> String {
    "0{\"sid\":\"\(id)\",\"upgrades\":[],\"pingInterval\":\(heartbeat * 1000),\"pingTimeout\":\(patience * 1000),"
      + "\"maxPayload\":\(limit)}"
  }

  static func joined(id: String) -> String { "40{\"sid\":\"\(id)\"}" }

  /// - Parameter namespace: as the client wrote it; left out of the answer where it is not plain.
  static func refused(namespace: String) -> String {
    let isPlain =
      namespace.utf8.count <= 100
      && namespace.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") }
    return "44\(isPlain ? namespace : "/?"),{\"message\":\"Invalid namespace\"}"
  }
}
