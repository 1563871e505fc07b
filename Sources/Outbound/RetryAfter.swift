import Ground

/// The value of `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.
enum RetryAfter {
  /// Seconds that a host can make us wait: thirty days. Whoever asks for more made a mistake.
  static let longest: Int64 = 30 * 86_400

  /// From `now` on, within 0 and `longest`; nil for anything else.
  static func seconds(_ value: String, now: Instant) -> Int64? {
    // A line end is one character to Swift.
    let text = String(String.UnicodeScalarView(value.unicodeScalars.filter { $0.value >= 0x20 })).drop { $0 == " " }
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    if !digits.isEmpty {
      guard text.dropFirst(digits.count).allSatisfy({ $0 == " " }) else { return nil }
      return digits.count > 9 ? longest : min(longest, Int64(digits) ?? longest)
    }
    guard let date = date(text) else { return nil }
    return max(0, min(longest, (date.milliseconds - now.milliseconds + 999) / 1000))
  }

  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that may still be sent.
  private static func date(_ text: some StringProtocol) -> Instant? {
    let words = text.split(separator: " ")
    guard words.count == 6, words[5] == "GMT", let day = Int(words[1]), (1...31).contains(day),
      let month = months.firstIndex(of: String(words[2])), let year = Int(words[3]), (1970...9999).contains(year)
    else { return nil }
    let clock = words[4].split(separator: ":").compactMap { Int($0) }
    guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2])
    else { return nil }
    var time = CalendarTime(year: year, month: month + 1, day: day)
    (time.hour, time.minute, time.second) = (clock[0], clock[1], min(59, clock[2]))
    return time.instant
  }
}
