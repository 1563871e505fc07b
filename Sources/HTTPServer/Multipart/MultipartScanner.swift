import CLinux

/// Finds the parts of a multipart body (RFC 2046 section 5.1) in bytes that arrive in pieces. Pure: it is shown what
/// has come and not been taken yet, and says what the front of it is. It keeps no bytes.
struct MultipartScanner: Sendable {
  static let headLimit = 8 << 10
  static let preambleLimit = 8 << 10
  static let partLimit = 64
  private static let paddingLimit = 128

  enum Event: Equatable {
    /// Nothing can be said before more bytes come.
    case needMore
    /// The first bytes belong to nobody (preamble, delimiter): drop them.
    case skip(Int)
    /// The first bytes are a part's head, blank line included; take them.
    case head(Int)
    /// At least so many first bytes are the part's; take all, some or none of them.
    case data(Int)
    /// The part's last bytes; behind them stands a delimiter of that length. Take both.
    case partEnd(Int, delimiter: Int)
    /// The closing delimiter has been seen.
    case end
  }

  private enum State {
    case preamble, delimiterTail, head, body, done
  }

  private let delimiter: [UInt8]
  private let search: DelimiterSearch
  private var state = State.preamble
  /// No delimiter begins before this offset.
  private var searched = 0
  /// Where a body or the preamble begins, a delimiter may stand without its CRLF.
  private var atLineStart = true
  private var parts = 0

  init(_ boundary: MultipartBoundary) {
    delimiter = boundary.delimiter
    search = DelimiterSearch(delimiter)
  }

  /// The caller took bytes off the front that `data` had offered.
  mutating func took(_ count: Int) { searched = max(0, searched - count) }

  /// - Parameter bytes: everything that has come and was not taken.
  /// - Throws: `BodyError.malformed`.
  mutating func next(_ bytes: UnsafeRawBufferPointer) throws(BodyError) -> Event {
    switch state {
    case .preamble:
      guard let (offset, length) = findDelimiter(bytes) else {
        if searched > MultipartScanner.preambleLimit { throw .malformed("no multipart delimiter in the first 8 KiB") }
        return .needMore
      }
      guard offset <= MultipartScanner.preambleLimit else { throw .malformed("the multipart preamble is over 8 KiB") }
      become(.delimiterTail)
      return .skip(offset + length)
    case .delimiterTail: return try scanDelimiterTail(bytes)
    case .head: return try scanHead(bytes)
    case .body:
      if let (offset, length) = findDelimiter(bytes) {
        become(.delimiterTail)
        return .partEnd(offset, delimiter: length)
      }
      return searched > 0 ? .data(searched) : .needMore
    case .done: return .end
    }
  }

  private mutating func become(_ next: State) {
    state = next
    searched = 0
    atLineStart = true
  }

  /// `--` closes the body; otherwise blanks and CRLF lead to a head. Anything else is refused, not guessed at.
  private mutating func scanDelimiterTail(_ bytes: UnsafeRawBufferPointer) throws(BodyError) -> Event {
    if bytes.first == UInt8(ascii: "-") {
      guard bytes.count >= 2 else { return .needMore }
      guard bytes[1] == UInt8(ascii: "-") else { throw .malformed("a multipart delimiter goes on") }
      become(.done)
      return .end
    }
    let padding = bytes.prefix(MultipartScanner.paddingLimit).prefix { $0 == 0x20 || $0 == 0x09 }.count
    guard padding < bytes.count else { return .needMore }
    guard bytes[padding] == 0x0D else { throw .malformed("a multipart delimiter does not end with CRLF") }
    guard padding + 1 < bytes.count else { return .needMore }
    guard bytes[padding + 1] == 0x0A else { throw .malformed("a multipart delimiter does not end with CRLF") }
    parts += 1
    guard parts <= MultipartScanner.partLimit else { throw .malformed("more than 64 parts") }
    become(.head)
    return .skip(padding + 2)
  }

  private mutating func scanHead(_ bytes: UnsafeRawBufferPointer) throws(BodyError) -> Event {
    let blankLine: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
    if bytes.count >= 2, bytes[0] == 0x0D, bytes[1] == 0x0A { throw .malformed("a part has no head") }
    guard
      let offset = find(
        blankLine.count, in: bytes, { memmem($0, $1, blankLine, blankLine.count).map { UnsafeRawPointer($0) } })
    else {
      if bytes.count > MultipartScanner.headLimit { throw .malformed("a part's head is over 8 KiB") }
      return .needMore
    }
    guard offset + 4 <= MultipartScanner.headLimit else { throw .malformed("a part's head is over 8 KiB") }
    become(.body)
    return .head(offset + 4)
  }

  private mutating func findDelimiter(_ bytes: UnsafeRawBufferPointer) -> (offset: Int, length: Int)? {
    if atLineStart {
      let bare = delimiter.dropFirst(2)
      let shared = zip(bytes, bare).prefix { $0 == $1 }.count
      if shared == bare.count { return (0, shared) }
      // So far it may be one.
      if shared == bytes.count { return nil }
      atLineStart = false
    }
    return find(delimiter.count, in: bytes, search.first).map { ($0, delimiter.count) }
  }

  /// Looks for `length` bytes in what has not been searched, and moves `searched` behind what it rules out.
  private mutating func find(
    _ length: Int, in bytes: UnsafeRawBufferPointer,
    _ first: (_ start: UnsafeRawPointer, _ count: Int) -> UnsafeRawPointer?
  ) -> Int? {
    guard let base = bytes.baseAddress, bytes.count - searched >= length else { return nil }
    // Inside `bytes`: searched + length <= bytes.count.
    guard let found = first(base + searched, bytes.count - searched) else {
      searched = bytes.count - length + 1
      return nil
    }
    return found - base
  }
}
