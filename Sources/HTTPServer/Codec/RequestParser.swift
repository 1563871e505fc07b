import CLinux
import Glibc
import HTTPTypes

/// Reads request heads: bytes in; a head, "need more" or a refusal out. Pure: it holds no bytes, only how far it looked.
struct RequestParser {
  enum Outcome {
    case head(RequestHead, consumed: Int)
    case needMore
  }

  /// Bytes at the front that were seen before and hold no end of a head.
  private var scanned = 0

  /// - Parameter bytes: everything received since the end of the last request.
  mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(Refusal) -> Outcome {
    // RFC 9112 section 2.2: an empty line before the request line is ignored; one is enough for old clients.
    let start = bytes.count >= 2 && bytes[0] == .cr && bytes[1] == .lf ? 2 : 0
    guard let end = try endOfHead(bytes, from: start) else { return .needMore }
    guard end - start <= HeadLimit.head else { throw tooLarge(UnsafeRawBufferPointer(rebasing: bytes[start...])) }
    scanned = 0
    var cursor = HeadCursor(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
    return .head(try cursor.head(), consumed: end)
  }

  /// Whether it is the target or the fields that are too large; the answer must not depend on how the bytes arrived.
  private func tooLarge(_ head: UnsafeRawBufferPointer) -> Refusal {
    if let space = head.firstIndex(of: .space) {
      let target = head[(space + 1)...].prefix { $0 != .space && $0 != .cr }
      if target.count > HeadLimit.target { return HeadCursor.targetTooLong }
    }
    return Refusal(.requestHeaderFieldsTooLarge, "The request head is larger than \(HeadLimit.head) bytes")
  }

  /// The index behind the empty line; nil while it has not come. Refuses at once what can no longer become legal.
  private mutating func endOfHead(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(Refusal) -> Int? {
    var index = max(scanned, start)
    while index < bytes.count {
      guard let base = bytes.baseAddress, let found = memchr(base + index, Int32(UInt8.lf), bytes.count - index) else {
        break
      }
      let feed = base.distance(to: UnsafeRawPointer(found))
      // RFC 9112 section 2.2: a bare LF may end a line for lenient parsers, and then two of them disagree.
      guard feed > start, bytes[feed - 1] == .cr else {
        throw Refusal(.badRequest, "A line of the head ends without CR")
      }
      if feed - start >= 3, bytes[feed - 2] == .lf { return feed + 1 }
      if feed - 1 == start { throw Refusal(.badRequest, "The request line is empty") }
      index = feed + 1
    }
    // All lines so far are whole and lie before `index`; what follows is the beginning of a line.
    scanned = index
    if index == start { try checkUnfinishedRequestLine(UnsafeRawBufferPointer(rebasing: bytes[start...])) }
    guard bytes.count - start <= HeadLimit.head else {
      throw tooLarge(UnsafeRawBufferPointer(rebasing: bytes[start...]))
    }
    return nil
  }

  private func checkUnfinishedRequestLine(_ line: UnsafeRawBufferPointer) throws(Refusal) {
    // A TLS greeting or another protocol: say so now instead of waiting for a line end that never comes.
    if let first = line.first, !isTokenByte(first) && first != .cr {
      throw Refusal(.badRequest, "This is not an HTTP request")
    }
    guard line.count > HeadLimit.target, let space = line.firstIndex(of: .space) else { return }
    if line.count - space - 1 > HeadLimit.target, line[(space + 1)...].firstIndex(of: .space) == nil {
      throw HeadCursor.targetTooLong
    }
  }
}

extension UInt8 {
  static let tab: UInt8 = 0x09
  static let lf: UInt8 = 0x0A
  static let cr: UInt8 = 0x0D
  static let space: UInt8 = 0x20
}

let lineEnd: [UInt8] = [.cr, .lf]

/// The `token` of RFC 9110 section 5.6.2.
@inline(__always)
func isTokenByte(_ byte: UInt8) -> Bool { tokenTable[Int(byte)] }

private let tokenTable: [Bool] = {
  var table = [Bool](repeating: false, count: 256)
  for byte in UInt8(ascii: "a")...UInt8(ascii: "z") { table[Int(byte)] = true }
  for byte in UInt8(ascii: "A")...UInt8(ascii: "Z") { table[Int(byte)] = true }
  for byte in UInt8(ascii: "0")...UInt8(ascii: "9") { table[Int(byte)] = true }
  for byte in "!#$%&'*+-.^_`|~".utf8 { table[Int(byte)] = true }
  return table
}()

/// `field-value` of RFC 9110 section 5.5: no control bytes but the tab.
@inline(__always)
func isFieldValueByte(_ byte: UInt8) -> Bool { (byte >= 0x20 && byte != 0x7F) || byte == .tab }
