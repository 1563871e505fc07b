/// Takes a client's WebSocket frames apart (RFC 6455 section 5): bytes in; messages and control frames out, or the need
/// for more, or the reason why the connection must end. Holds at most `WebSocketLimit.message` bytes of an unfinished
/// message beside one unfinished frame.
struct FrameDecoder {
  enum Event: Equatable, Sendable {
    case text(String)
    case binary([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    /// The peer is done; nil where it did not say why. Nothing that follows counts.
    case close(CloseCode?)
  }

  /// Why the connection must end.
  struct Violation: Error, Equatable, Sendable {
    let code: CloseCode
    let reason: String
  }

  private enum Opcode: UInt8 {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    var isControl: Bool { rawValue >= 0x8 }
  }

  private struct Head {
    let opcode: Opcode
    let isFinal: Bool
    let length: Int
    let mask: ArraySlice<UInt8>
    /// Where the payload begins.
    let end: Int
  }

  /// Received and not yet used, from `start` on.
  private var buffer: [UInt8] = []
  private var start = 0
  /// The kind of the message whose first frames have come, and what they held.
  private var kind: Opcode?
  private var message: [UInt8] = []
  private var fragments = 0

  mutating func append(_ bytes: some Collection<UInt8>) { buffer += bytes }

  /// The next whole thing; nil where more must come first.
  mutating func next() throws(Violation) -> Event? {
    while let head = try head() {
      guard buffer.count - head.end >= head.length else { break }
      let payload = unmasked(head)
      start = head.end + head.length
      if let event = try take(payload, head) { return event }
    }
    // What was used is forgotten only here: once for everything that came together.
    if start > 0 {
      buffer = start == buffer.count ? [] : Array(buffer[start...])
      start = 0
    }
    return nil
  }

  /// A whole frame head, checked before its payload has come: nobody is made to wait for what will be refused.
  private func head() throws(Violation) -> Head? {
    guard buffer.count - start >= 2 else { return nil }
    let (first, second) = (buffer[start], buffer[start + 1])
    // Reserved bits belong to extensions, and none was agreed on.
    guard first & 0x70 == 0 else { throw protocolError("reserved bits are set") }
    guard let opcode = Opcode(rawValue: first & 0x0F) else { throw protocolError("unknown opcode") }
    // Section 5.1: a client masks every frame, so that no cache in between can be made to take one for a response.
    guard second & 0x80 != 0 else { throw protocolError("frames of a client must be masked") }
    let isFinal = first & 0x80 != 0
    var length = Int(second & 0x7F)
    if opcode.isControl {
      guard isFinal else { throw protocolError("a control frame is fragmented") }
      guard length <= 125 else { throw protocolError("a control frame is too long") }
      if opcode == .close, length == 1 { throw protocolError("half a close code") }
    } else if (opcode == .continuation) != (kind != nil) {
      throw protocolError(kind == nil ? "nothing to continue" : "a message begins inside another one")
    }
    let extra = length == 126 ? 2 : length == 127 ? 8 : 0
    let end = start + 2 + extra + 4
    guard buffer.count >= start + 2 + extra else { return nil }
    if extra > 0 {
      let wide = buffer[(start + 2)..<(start + 2 + extra)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      // Section 5.2: the shortest form; the highest bit of the longest is zero, which the limit sees to.
      guard wide > (extra == 2 ? 125 : 0xFFFF) else { throw protocolError("the length is not in its shortest form") }
      guard wide <= UInt64(WebSocketLimit.message) else { throw tooBig() }
      length = Int(wide)
    }
    if !opcode.isControl, message.count + length > WebSocketLimit.message { throw tooBig() }
    guard buffer.count >= end else { return nil }
    return Head(opcode: opcode, isFinal: isFinal, length: length, mask: buffer[(end - 4)..<end], end: end)
  }

  private func unmasked(_ head: Head) -> [UInt8] {
    var payload = Array(buffer[head.end..<(head.end + head.length)])
    for index in payload.indices { payload[index] ^= head.mask[head.mask.startIndex + (index & 3)] }
    return payload
  }

  /// - Returns: nil where a message goes on.
  private mutating func take(_ payload: [UInt8], _ head: Head) throws(Violation) -> Event? {
    switch head.opcode {
    case .ping: return .ping(payload)
    case .pong: return .pong(payload)
    case .close: return .close(try closeCode(payload))
    case .text, .binary, .continuation:
      fragments += 1
      // Empty frames hold nothing that a limit on bytes would count.
      guard fragments <= WebSocketLimit.fragments else { throw tooBig() }
      if head.opcode != .continuation { kind = head.opcode }
      if message.isEmpty { message = payload } else { message += payload }
      guard head.isFinal else { return nil }
      defer { (kind, message, fragments) = (nil, [], 0) }
      guard kind == .text else { return .binary(message) }
      guard let text = String(validating: message, as: UTF8.self) else {
        throw Violation(code: .invalidData, reason: "a text is not UTF-8")
      }
      return .text(text)
    }
  }

  private func closeCode(_ payload: [UInt8]) throws(Violation) -> CloseCode? {
    guard payload.count >= 2 else { return nil }
    let number = UInt16(payload[0]) << 8 | UInt16(payload[1])
    guard CloseCode.mayBeSent(number) else { throw protocolError("no such close code") }
    guard String(validating: payload[2...], as: UTF8.self) != nil else {
      throw Violation(code: .invalidData, reason: "a close reason is not UTF-8")
    }
    return CloseCode(rawValue: number)
  }

  private func protocolError(_ reason: String) -> Violation { Violation(code: .protocolError, reason: reason) }

  private func tooBig() -> Violation { Violation(code: .tooBig, reason: "the message is too long") }
}
