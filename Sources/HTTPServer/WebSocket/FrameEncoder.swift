/// How much a WebSocket may hold.
package enum WebSocketLimit {
  /// Bytes of one message from a client: 64 KiB. Clients have little to say here.
  package static let message = 64 << 10
  /// Frames of one message.
  static let fragments = 256
  /// Bytes that wait for a client to take them: 512 KiB. One that lets more pile up is cut off.
  package static let queue = 512 << 10
  /// Seconds for which a client may say nothing at all; heartbeats are the business of the protocol above.
  static let silence = 90.0
  /// Seconds that a client has to answer a close.
  static let farewell = 3.0
}

/// Why a WebSocket ends (RFC 6455 section 7.4).
package struct CloseCode: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }

  package static let normal = CloseCode(rawValue: 1000)
  /// The server stops.
  package static let goingAway = CloseCode(rawValue: 1001)
  static let protocolError = CloseCode(rawValue: 1002)
  /// A kind of message that nobody here understands.
  package static let unsupported = CloseCode(rawValue: 1003)
  static let invalidData = CloseCode(rawValue: 1007)
  /// Who is asking may not, or not any more.
  package static let policy = CloseCode(rawValue: 1008)
  static let tooBig = CloseCode(rawValue: 1009)

  /// 1004, 1005, 1006 and 1015 never travel; below 3000 the rest has no meaning yet.
  static func mayBeSent(_ number: UInt16) -> Bool {
    switch number {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}

/// A server's frames: whole messages, never masked (RFC 6455 section 5.1).
enum FrameEncoder {
  static func text(_ text: String) -> [UInt8] { frame(0x1, Array(text.utf8)) }

  /// - Parameter payload: of the ping, at most 125 bytes.
  static func pong(_ payload: [UInt8]) -> [UInt8] { frame(0xA, payload) }

  /// - Parameter reason: ASCII; cut to what a control frame holds.
  static func close(_ code: CloseCode, _ reason: String) -> [UInt8] {
    frame(0x8, [UInt8(code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)] + Array(reason.utf8.prefix(123)))
  }

  private static func frame(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(payload.count + 10)
    out.append(0x80 | opcode)
    switch payload.count {
    case ...125: out.append(UInt8(payload.count))
    case ...0xFFFF:
      out.append(126)
      for shift in [8, 0] { out.append(UInt8(truncatingIfNeeded: payload.count >> shift)) }
    default:
      out.append(127)
      for shift in stride(from: 56, through: 0, by: -8) {
        out.append(UInt8(truncatingIfNeeded: payload.count >> shift))
      }
    }
    return out + payload
  }
}
