import Ground

/// Takes the chunked transfer coding off a body (RFC 9112 section 7.1), in place: what is left of the received bytes
/// moves to the front of the buffer. Pure; strict about line ends, because leniency here is how requests are smuggled.
struct ChunkedDecoder {
  private enum State: Equatable {
    case sizeDigits(count: Int)
    /// White space behind the digits (RFC 9112 section 7.1.1 tolerates it before an extension).
    case sizeBlank
    case sizeExtension
    case sizeLineFeed
    case data
    case dataReturn
    case dataLineFeed
    /// At the start of a trailer line, or of the last, empty one.
    case trailerStart
    case trailerName
    case trailerLine
    case trailerLineFeed
    case lastLineFeed
    case done
  }

  private var state = State.sizeDigits(count: 0)
  /// Of the chunk at hand: bytes still to come.
  private var left: Int64 = 0
  /// Bytes of extensions and trailers of the whole body. They carry nothing for us: a body may
  /// spend `allowance` on them, and an eighth of what it brings.
  private var overhead: Int64 = 0
  private var decodedTotal: Int64 = 0
  private static let allowance: Int64 = 16 << 10

  /// The last chunk and its trailers have come.
  var isDone: Bool { state == .done }

  /// - Parameter buffer: received bytes; on return its first `decoded` bytes are body.
  /// - Returns: the count of body bytes, and how many of the received bytes were used up: what lies behind belongs to the
  ///   next request.
  mutating func decode(_ buffer: UnsafeMutableRawBufferPointer) throws(BodyError) -> (decoded: Int, consumed: Int) {
    var decoded = 0
    var index = 0
    while index < buffer.count, state != .done {
      if state == .data {
        let count = Int(min(left, Int64(buffer.count - index)))
        if decoded != index {
          // Overlapping move: `copyMemory` allows it.
          UnsafeMutableRawBufferPointer(rebasing: buffer[decoded..<decoded + count])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[index..<index + count]))
        }
        decoded += count
        index += count
        left -= Int64(count)
        decodedTotal += Int64(count)
        if left == 0 { state = .dataReturn }
      } else {
        try step(buffer[index])
        index += 1
      }
    }
    return (decoded, index)
  }

  private mutating func step(_ byte: UInt8) throws(BodyError) {
    switch state {
    case .sizeDigits(let count):
      if let digit = Hex.value(byte) {
        // 15 digits are an exbibyte: enough, and no overflow.
        guard count < 15 else { throw .malformed("A chunk size is too long") }
        left = left << 4 | Int64(digit)
        state = .sizeDigits(count: count + 1)
      } else {
        guard count > 0 else { throw .malformed("A chunk size is missing") }
        if byte == .cr {
          state = .sizeLineFeed
        } else if byte == .space || byte == .tab {
          state = .sizeBlank
        } else if byte == UInt8(ascii: ";") {
          state = .sizeExtension
        } else {
          throw .malformed("A chunk size is malformed")
        }
      }
    case .sizeBlank:
      try countOverhead(byte)
      if byte == .cr {
        state = .sizeLineFeed
      } else if byte == UInt8(ascii: ";") {
        state = .sizeExtension
      } else {
        guard byte == .space || byte == .tab else { throw .malformed("A chunk size is malformed") }
      }
    case .sizeExtension:
      if byte == .cr { state = .sizeLineFeed } else { try countOverhead(byte) }
    case .sizeLineFeed:
      try expect(byte, .lf)
      state = left == 0 ? .trailerStart : .data
    case .dataReturn:
      try expect(byte, .cr)
      state = .dataLineFeed
    case .dataLineFeed:
      try expect(byte, .lf)
      state = .sizeDigits(count: 0)
    case .trailerStart:
      if byte == .cr {
        state = .lastLineFeed
      } else {
        guard isTokenByte(byte) else { throw .malformed("A trailer is malformed") }
        try countOverhead(byte)
        state = .trailerName
      }
    case .trailerName:
      guard byte == UInt8(ascii: ":") || isTokenByte(byte) else { throw .malformed("A trailer is malformed") }
      try countOverhead(byte)
      if byte == UInt8(ascii: ":") { state = .trailerLine }
    case .trailerLine:
      if byte == .cr { state = .trailerLineFeed } else { try countOverhead(byte) }
    case .trailerLineFeed:
      try expect(byte, .lf)
      state = .trailerStart
    case .lastLineFeed:
      try expect(byte, .lf)
      state = .done
    case .data, .done:
      break
    }
  }

  private func expect(_ byte: UInt8, _ wanted: UInt8) throws(BodyError) {
    guard byte == wanted else { throw .malformed("A chunk does not end with CRLF") }
  }

  private mutating func countOverhead(_ byte: UInt8) throws(BodyError) {
    overhead += 1
    guard isFieldValueByte(byte) || byte == .cr else {
      throw .malformed("A chunk extension or trailer holds a control byte")
    }
    guard overhead <= Self.allowance + decodedTotal / 8 else {
      throw .malformed("Chunk extensions or trailers are too long")
    }
  }
}
