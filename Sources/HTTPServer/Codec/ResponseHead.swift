import Ground
import HTTPTypes

/// Writes response heads (RFC 9112 section 4).
enum ResponseHead {
  enum BodyFraming {
    /// The status allows no body and no length (1xx, 204, 304).
    case none
    case length(Int64)
    case chunked
    /// HTTP/1.0: the body ends with the connection.
    case untilClose
  }

  /// Appends the head to `out`. Field values cannot hold line ends: `HTTPField` replaces them when it is made.
  static func write(
    _ status: HTTPResponse.Status, _ fields: HTTPFields, _ framing: BodyFraming, keepAlive: Bool, minorVersion: Int,
    date: [UInt8], into out: inout [UInt8]
  ) {
    appendStatusLine(status, to: &out)
    out += date
    for field in fields { append(field, to: &out) }
    switch framing {
    case .none, .untilClose: break
    case .length(let length):
      out += "Content-Length: ".utf8
      append(length, to: &out)
      out += lineEnd
    case .chunked: out += "Transfer-Encoding: chunked\r\n".utf8
    }
    if !keepAlive {
      out += "Connection: close\r\n".utf8
    } else if minorVersion == 0 {
      out += "Connection: keep-alive\r\n".utf8
    }
    out += lineEnd
  }

  /// An interim answer: status line, its fields, nothing else.
  static func interim(_ status: HTTPResponse.Status, _ fields: HTTPFields) -> [UInt8] {
    var out: [UInt8] = []
    appendStatusLine(status, to: &out)
    for field in fields { append(field, to: &out) }
    out += lineEnd
    return out
  }

  private static func appendStatusLine(_ status: HTTPResponse.Status, to out: inout [UInt8]) {
    out += "HTTP/1.1 ".utf8
    append(Int64(status.code), to: &out)
    out.append(.space)
    out += status.reasonPhrase.utf8
    out += lineEnd
  }

  /// In decimal digits; not negative.
  private static func append(_ number: Int64, to out: inout [UInt8]) {
    let start = out.count
    var rest = number
    repeat {
      out.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    out[start...].reverse()
  }

  private static func append(_ field: HTTPField, to out: inout [UInt8]) {
    out += field.name.rawName.utf8
    out.append(UInt8(ascii: ":"))
    out.append(.space)
    // Latin-1 out, as HTTPField keeps it: the bytes that were put in.
    field.withUnsafeBytesOfValue { out += $0 }
    out += lineEnd
  }
}

/// Dates as HTTP writes them (RFC 9110 section 5.6.7).
package enum HTTPDate {
  private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// `Sun, 06 Nov 1994 08:49:37 GMT`.
  package static func format(_ instant: Instant) -> String {
    let time = CalendarTime(instant)
    let day = Int(instant.milliseconds.floorDivided(by: 86_400_000) % 7)
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return
      "\(days[(day + 7) % 7]), \(two(time.day)) \(months[time.month - 1]) \(two(time.year / 100))\(two(time.year % 100)) "
      + "\(two(time.hour)):\(two(time.minute)):\(two(time.second)) GMT"
  }

  /// The preferred form only; the two obsolete ones were dropped by every client long ago. Nil for anything else.
  package static func parse(_ text: String) -> Instant? {
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])),
      let year = number(parts[3], 4), year > 0, let day = number(parts[1], 2), (1...31).contains(day)
    else { return nil }
    let clock = parts[4].split(separator: ":", omittingEmptySubsequences: false)
    guard clock.count == 3, let hour = number(clock[0], 2), hour < 24, let minute = number(clock[1], 2), minute < 60,
      let second = number(clock[2], 2), second <= 60
    else { return nil }
    var time = CalendarTime(year: year, month: month + 1, day: day)
    (time.hour, time.minute, time.second) = (hour, minute, second)
    return time.instant
  }

  /// Exactly `width` decimal digits: a larger number would overflow the calendar.
  private static func number(_ text: Substring, _ width: Int) -> Int? {
    text.utf8.count == width && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
  }
}
