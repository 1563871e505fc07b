import Glibc

/// A moment: milliseconds since 1970-01-01T00:00:00Z. The unit in which the catalog and Immich's JSON keep time.
package struct Instant: Hashable, Comparable, Sendable {
  package var milliseconds: Int64

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// The wall clock now.
  package static func now() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Instant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }

  package static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }

  package func adding(seconds: Int64) -> Instant { Instant(milliseconds: milliseconds + seconds * 1000) }
}

/// A date and time on the proleptic Gregorian calendar, in UTC or in whatever offset the writer used.
package struct CalendarTime: Equatable, Sendable {
  package var year: Int
  package var month: Int
  package var day: Int
  package var hour = 0
  package var minute = 0
  package var second = 0
  package var millisecond = 0

  package init(year: Int, month: Int, day: Int) { (self.year, self.month, self.day) = (year, month, day) }

  /// The UTC calendar time of `instant`. Days to civil date after Howard Hinnant's public-domain algorithm.
  package init(_ instant: Instant) {
    let days = Int(instant.milliseconds.floorDivided(by: 86_400_000))
    let rest = Int(instant.milliseconds - Int64(days) * 86_400_000)
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    (hour, minute, second, millisecond) = (
      rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000
    )
  }

  /// This calendar time read as UTC.
  package var instant: Instant {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = Int64(era * 146_097 + dayOfEra - 719_468)
    return Instant(
      milliseconds: days * 86_400_000 + Int64(((hour * 60 + minute) * 60 + second) * 1000 + millisecond))
  }
}

extension Instant {
  /// `YYYY-MM-DDTHH:MM:SS.mmmZ` with exactly three fraction digits: every other shape is read as year 0 by immich-go.
  package var iso8601: String {
    let time = CalendarTime(self)
    return "\(padded(time.year, 4))-\(padded(time.month, 2))-\(padded(time.day, 2))T"
      + "\(padded(time.hour, 2)):\(padded(time.minute, 2)):\(padded(time.second, 2)).\(padded(time.millisecond, 3))Z"
  }
}

private func padded(_ value: Int, _ width: Int) -> String {
  let digits = String(value)
  return digits.utf8.count >= width ? digits : String(repeating: "0", count: width - digits.utf8.count) + digits
}

/// What a client wrote as a date: the moment, and the calendar time on the writer's own wall clock.
package struct WrittenTime: Equatable, Sendable {
  package let instant: Instant
  package let wallClock: CalendarTime

  /// - Parameter wallClock: what the writer's clock showed then.
  package init(instant: Instant, wallClock: CalendarTime) { (self.instant, self.wallClock) = (instant, wallClock) }

  /// Parses `YYYY-MM-DD[THH:MM[:SS[.fraction]]](Z|±HH:MM|±HHMM)?`; a missing offset means UTC. Years 1 to 9999,
  /// on the writer's clock and in UTC.
  /// Dart sends 3 or 6 fraction digits, Python 6 with `+00:00`, JavaScript 3 with `Z`. Nil for anything else.
  package init?(_ text: String) {
    var scanner = Digits(units: Array(text.utf8))
    guard let year = scanner.number(4), scanner.skip("-"), let month = scanner.number(2), scanner.skip("-"),
      let day = scanner.number(2), (1...9999).contains(year), (1...12).contains(month), day >= 1,
      day <= daysIn(month: month, year: year)
    else { return nil }
    var time = CalendarTime(year: year, month: month, day: day)
    var offsetMinutes = 0
    if scanner.skip("T") || scanner.skip("t") || scanner.skip(" ") {
      guard let hour = scanner.number(2), scanner.skip(":"), let minute = scanner.number(2), hour < 24, minute < 60
      else { return nil }
      (time.hour, time.minute) = (hour, minute)
      if scanner.skip(":") {
        // A leap second is folded into the second before it, as POSIX clocks do.
        guard let second = scanner.number(2), second <= 60 else { return nil }
        time.second = min(second, 59)
        if scanner.skip(".") {
          guard let fraction = scanner.fraction() else { return nil }
          time.millisecond = fraction
        }
      }
      if !scanner.skip("Z"), !scanner.skip("z"), !scanner.atEnd {
        let sign = scanner.skip("+") ? 1 : scanner.skip("-") ? -1 : 0
        guard sign != 0, let hours = scanner.number(2), hours < 24 else { return nil }
        _ = scanner.skip(":")
        guard let minutes = scanner.number(2), minutes < 60 else { return nil }
        offsetMinutes = sign * (hours * 60 + minutes)
      }
    }
    guard scanner.atEnd else { return nil }
    wallClock = time
    let moment = time.instant.adding(seconds: Int64(-offsetMinutes * 60))
    guard (1...9999).contains(CalendarTime(moment).year) else { return nil }
    instant = moment
  }
}

private func daysIn(month: Int, year: Int) -> Int {
  switch month {
  case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
  case 4, 6, 9, 11: 30
  default: 31
  }
}

/// Reads fixed-width decimal numbers.
private struct Digits {
  let units: [UInt8]
  var position = 0

  init(units: [UInt8]) { self.units = units }

  var atEnd: Bool { position == units.count }

  mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard position < units.count, UInt32(units[position]) == character.value else { return false }
    position += 1
    return true
  }

  mutating func number(_ width: Int) -> Int? {
    guard position + width <= units.count else { return nil }
    var value = 0
    for unit in units[position..<position + width] {
      guard (0x30...0x39).contains(unit) else { return nil }
      value = value * 10 + Int(unit - 0x30)
    }
    position += width
    return value
  }

  /// One to nine fraction digits, as milliseconds, cut off.
  mutating func fraction() -> Int? {
    let start = position
    var value = 0
    while position < units.count, (0x30...0x39).contains(units[position]) {
      if position - start < 3 { value = value * 10 + Int(units[position] - 0x30) }
      position += 1
    }
    let count = position - start
    guard (1...9).contains(count) else { return nil }
    return count == 1 ? value * 100 : count == 2 ? value * 10 : value
  }
}

extension Int64 {
  /// Division that rounds down, so that times before 1970 fall on the day they belong to.
  package func floorDivided(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}
