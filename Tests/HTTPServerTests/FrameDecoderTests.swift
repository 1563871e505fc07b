import Testing

@testable import HTTPServer

/// A client's frame, as it goes over the wire.
private func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, mask: [UInt8] = [1, 2, 3, 250]) -> [UInt8]
{
  var out = [(isFinal ? 0x80 : 0) | opcode]
  switch payload.count {
  case ...125: out.append(0x80 | UInt8(payload.count))
  case ...0xFFFF: out += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
  default: out += [0x80 | 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) }
  }
  return out + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
}

private func text(_ text: String, isFinal: Bool = true) -> [UInt8] { frame(0x1, Array(text.utf8), isFinal: isFinal) }

private func decode(_ pieces: [[UInt8]]) throws -> [FrameDecoder.Event] {
  var decoder = FrameDecoder()
  var events: [FrameDecoder.Event] = []
  for piece in pieces {
    decoder.append(piece)
    while let event = try decoder.next() { events.append(event) }
  }
  return events
}

private func refusal(_ bytes: [UInt8]) -> CloseCode? {
  do {
    _ = try decode([bytes])
    return nil
  } catch let violation as FrameDecoder.Violation {
    return violation.code
  } catch {
    return nil
  }
}

@Suite("WebSocket frames")
struct FrameDecoderTests {
  /// Every kind of frame, a fragmented text whose euro sign is torn apart, and a ping between its frames.
  static let euro = Array("€".utf8)
  static let wire: [UInt8] =
    text("hello") + frame(0x1, Array("a".utf8) + euro.prefix(1), isFinal: false) + frame(0x9, [7, 8])
    + frame(0x0, [], isFinal: false) + frame(0x0, Array(euro.suffix(2))) + frame(0x2, [0, 255])
    + frame(0xA, []) + text("") + frame(0x1, [UInt8](repeating: 0x61, count: 300))
    + frame(0x8, [0x03, 0xE8] + Array("bye".utf8))
  static let events: [FrameDecoder.Event] = [
    .text("hello"), .ping([7, 8]), .text("a€"), .binary([0, 255]), .pong([]), .text(""),
    .text(String(repeating: "a", count: 300)), .close(.normal),
  ]

  @Test("the same messages come out wherever the bytes are split")
  func splitAtEveryByte() throws {
    for cut in 0...Self.wire.count {
      #expect(try decode([Array(Self.wire[..<cut]), Array(Self.wire[cut...])]) == Self.events)
    }
    #expect(try decode(Self.wire.map { [$0] }) == Self.events)
  }

  @Test("what the protocol forbids is refused with its code, as soon as the head shows it")
  func violations() {
    let long = [UInt8](repeating: 0x61, count: 126)
    #expect(refusal([0x81, 0x05]) == .protocolError, "not masked")
    #expect(refusal([0xC1, 0x80]) == .protocolError, "a reserved bit")
    #expect(refusal([0x83, 0x80]) == .protocolError, "an unknown opcode")
    #expect(refusal([0x8B, 0x80]) == .protocolError, "an unknown control opcode")
    #expect(refusal([0x09, 0x80]) == .protocolError, "a fragmented ping")
    #expect(refusal([0x89, 0xFE]) == .protocolError, "a long ping")
    #expect(refusal(frame(0x8, [3])) == .protocolError, "half a close code")
    #expect(refusal(frame(0x8, [0x03, 0xED])) == .protocolError, "a close code that never travels")
    #expect(refusal(frame(0x8, [0x03, 0xE8, 0xFF])) == .invalidData, "a close reason that is no text")
    #expect(refusal(frame(0x0, [1])) == .protocolError, "nothing to continue")
    #expect(refusal(text("a", isFinal: false) + text("b")) == .protocolError, "a message inside a message")
    #expect(refusal(frame(0x1, [0xC3, 0x28])) == .invalidData, "not UTF-8")
    #expect(refusal(frame(0x1, [0xED, 0xA0, 0x80])) == .invalidData, "a surrogate")
    #expect(refusal([0x81, 0xFE, 0x00, 0x7D]) == .protocolError, "a length that is not the shortest")
    #expect(refusal([0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]) == .protocolError, "the same with eight bytes")
    #expect(refusal([0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]) == .tooBig)
    #expect(refusal(frame(0x1, long, isFinal: false) + frame(0x0, long)) == nil)
  }

  @Test("a message is bounded, in one frame, in many, and in frames that hold nothing")
  func bounds() throws {
    let limit = WebSocketLimit.message
    #expect(try decode([frame(0x2, [UInt8](repeating: 1, count: limit))]).count == 1)
    #expect(refusal(Array(frame(0x2, [UInt8](repeating: 1, count: limit + 1)).prefix(10))) == .tooBig)
    let half = [UInt8](repeating: 1, count: limit / 2)
    let halves = frame(0x2, half, isFinal: false) + frame(0x0, half, isFinal: false)
    #expect(refusal(halves + frame(0x0, [1])) == .tooBig)
    let nothing = frame(0x0, [], isFinal: false)
    #expect(refusal(text("", isFinal: false) + Array(repeating: nothing, count: 300).flatMap { $0 }) == .tooBig)
  }

  @Test("random bytes never do more than end the connection, and random messages come out as they went in")
  func fuzz() throws {
    var random = SplitMix(seed: 11)
    for _ in 0..<2000 {
      var decoder = FrameDecoder()
      var bytes = (0..<Int(random.next() % 200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      // Most begin well enough to get past the first byte.
      if bytes.count > 2, random.next() % 4 > 0 {
        bytes.replaceSubrange(0..<2, with: [0x81, 0x80 | (bytes[1] & 0x3F)])
      }
      decoder.append(bytes)
      do { while try decoder.next() != nil {} } catch {}
    }
    for _ in 0..<200 {
      var wire: [UInt8] = []
      var sent: [FrameDecoder.Event] = []
      for _ in 0..<(1 + random.next() % 5) {
        let payload = (0..<Int(random.next() % 3000)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let mask = (0..<4).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let cut = Int(random.next() % UInt64(payload.count + 1))
        wire += frame(0x2, Array(payload[..<cut]), isFinal: false, mask: mask)
        wire += frame(0x0, Array(payload[cut...]), mask: mask)
        sent.append(.binary(payload))
      }
      var pieces: [[UInt8]] = []
      while !wire.isEmpty {
        let count = min(wire.count, 1 + Int(random.next() % 900))
        pieces.append(Array(wire[..<count]))
        wire.removeFirst(count)
      }
      #expect(try decode(pieces) == sent)
    }
  }

  @Test("a server's frames carry their length in the shortest form and no mask")
  func encodes() {
    #expect(FrameEncoder.text("hi") == [0x81, 2, 0x68, 0x69])
    #expect(FrameEncoder.text(String(repeating: "a", count: 126)).prefix(4) == [0x81, 126, 0, 126])
    #expect(
      FrameEncoder.text(String(repeating: "a", count: 65_536)).prefix(10) == [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0])
    #expect(FrameEncoder.close(.goingAway, "x") == [0x88, 3, 0x03, 0xE9, 0x78])
    #expect(FrameEncoder.close(.policy, String(repeating: "x", count: 200)).count == 127)
    #expect(FrameEncoder.pong([1]) == [0x8A, 1, 1])
  }
}
