/// How far a place's clocks are ahead of UTC, by the system's time zone files (TZif, RFC 9636): Foundation's own knowledge
/// of zones costs 30 MB of memory.
package struct TimeZoneRules: Sendable {
  /// As it was asked for, such as `Europe/Berlin`.
  package let name: String
  /// Seconds since 1970, ascending, and the offset in seconds that holds from there on.
  private let transitions: [(from: Int64, offset: Int64)]
  /// Before the first transition.
  private let first: Int64
  /// What holds after the last one.
  private let rule: YearlyRule?

  /// `UTC`, `UTC±H[:MM]`, or a name that the system has a file for; nil for anything else.
  /// - Parameter folder: where the files lie.
  package init?(_ name: String, folder: String = "/usr/share/zoneinfo") {
    self.name = name
    if let offset = TimeZoneRules.fixed(name) {
      (transitions, first, rule) = ([], offset, nil)
      return
    }
    let isPath = name.utf8.allSatisfy { unit in
      (0x30...0x39).contains(unit) || (0x41...0x5A).contains(unit) || (0x61...0x7A).contains(unit)
        || "/_+-".utf8.contains(unit)
    }
    guard isPath, (1...64).contains(name.utf8.count), !name.hasPrefix("/"), !name.hasSuffix("/"),
      let bytes = try? FileSystem.contents("\(folder)/\(name)"), var file = ZoneFile(bytes)
    else { return nil }
    guard let parsed = file.parse() else { return nil }
    (transitions, first, rule) = parsed
  }

  /// Milliseconds ahead of UTC at a moment.
  package func offset(at moment: Instant) -> Int64 {
    let seconds = moment.milliseconds.floorDivided(by: 1000)
    guard let last = transitions.last else { return (rule?.offset(at: seconds) ?? first) * 1000 }
    if seconds >= last.from, let rule { return rule.offset(at: seconds) * 1000 }
    // The last transition that is not after the moment.
    var (low, high) = (0, transitions.count)
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle].from <= seconds { low = middle + 1 } else { high = middle }
    }
    return (low == 0 ? first : transitions[low - 1].offset) * 1000
  }

  /// Seconds.
  private static func fixed(_ name: String) -> Int64? {
    guard name.hasPrefix("UTC") || name.hasPrefix("GMT") else { return nil }
    let rest = name.dropFirst(3)
    if rest.isEmpty { return 0 }
    let parts = rest.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
    guard rest.first == "+" || rest.first == "-", parts.count <= 2, let hours = parts.first.flatMap({ Int64($0) }),
      (0...14).contains(hours), parts[0].first != "+", let minutes = parts.count == 2 ? Int64(parts[1]) : 0,
      (0...59).contains(minutes)
    else { return nil }
    return (rest.first == "-" ? -1 : 1) * (hours * 3600 + minutes * 60)
  }
}

/// A TZif file of version 2 or later.
private struct ZoneFile {
  private let bytes: [UInt8]
  private var position = 0

  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 44, bytes.starts(with: Array("TZif".utf8)), bytes[4] >= UInt8(ascii: "2") else { return nil }
    self.bytes = bytes
  }

  private mutating func integer(_ width: Int) -> Int64? {
    guard position + width <= bytes.count else { return nil }
    var value = Int64(Int8(bitPattern: bytes[position]))
    for index in 1..<width { value = value << 8 | Int64(bytes[position + index]) }
    position += width
    return value
  }

  /// The counts of a header: isut, isstd, leap, times, types, characters.
  private mutating func counts() -> [Int]? {
    position += 20
    var counts: [Int] = []
    for _ in 0..<6 {
      guard let count = integer(4), (0...100_000).contains(count) else { return nil }
      counts.append(Int(count))
    }
    return counts
  }

  mutating func parse() -> ([(from: Int64, offset: Int64)], Int64, YearlyRule?)? {
    // The first block has 32-bit times and is there for old readers.
    guard let old = counts() else { return nil }
    position += old[3] * 5 + old[4] * 6 + old[5] + old[2] * 8 + old[1] + old[0]
    guard let new = counts() else { return nil }
    let (times, types) = (new[3], new[4])
    var moments: [Int64] = []
    for _ in 0..<times {
      guard let moment = integer(8) else { return nil }
      moments.append(moment)
    }
    guard position + times <= bytes.count else { return nil }
    let kinds = bytes[position..<position + times].map(Int.init)
    position += times
    var offsets: [Int64] = []
    for _ in 0..<types {
      guard let offset = integer(4) else { return nil }
      position += 2
      offsets.append(offset)
    }
    guard let first = offsets.first, kinds.allSatisfy({ $0 < offsets.count }) else { return nil }
    position += new[5] + new[2] * 12 + new[1] + new[0]
    // The footer: a rule between two line feeds.
    var rule: YearlyRule?
    if position < bytes.count {
      rule = YearlyRule(String(decoding: bytes[position...].filter { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
    return (zip(moments, kinds).map { ($0, offsets[$1]) }, first, rule)
  }
}

/// POSIX's `CET-1CEST,M3.5.0,M10.5.0/3`: what holds every year.
private struct YearlyRule: Sendable {
  /// Month, week (5: the last), weekday (0: Sunday) and second of the day.
  private struct Day: Sendable {
    let month: Int
    let week: Int
    let weekday: Int
    let second: Int64
  }
  private let standard: Int64
  private let summer: (offset: Int64, start: Day, end: Day)?

  init?(_ text: String) {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    guard var zone = parts.first, YearlyRule.skipName(&zone), let offset = YearlyRule.time(&zone) else { return nil }
    // POSIX counts west of Greenwich.
    standard = -offset
    guard !zone.isEmpty else {
      summer = nil
      return
    }
    guard YearlyRule.skipName(&zone), parts.count == 3, let start = YearlyRule.day(parts[1]),
      let end = YearlyRule.day(parts[2])
    else { return nil }
    summer = (zone.isEmpty ? standard + 3600 : -(YearlyRule.time(&zone) ?? -(standard + 3600)), start, end)
  }

  /// Seconds.
  func offset(at seconds: Int64) -> Int64 {
    guard let summer else { return standard }
    let year = CalendarTime(Instant(milliseconds: (seconds + standard) * 1000)).year
    let start = YearlyRule.moment(summer.start, year) - standard
    let end = YearlyRule.moment(summer.end, year) - summer.offset
    // South of the equator summer spans the new year.
    let isSummer = start < end ? seconds >= start && seconds < end : seconds >= start || seconds < end
    return isSummer ? summer.offset : standard
  }

  /// Seconds since 1970 on the local clock.
  private static func moment(_ day: Day, _ year: Int) -> Int64 {
    let first = CalendarTime(year: year, month: day.month, day: 1).instant.milliseconds / 1000
    // 1970-01-01 was a Thursday.
    let weekday = Int((first / 86_400 % 7 + 11) % 7)
    var date = 1 + (day.weekday - weekday + 7) % 7 + (day.week - 1) * 7
    while CalendarTime(Instant(milliseconds: (first + Int64(date - 1) * 86_400) * 1000)).month != day.month {
      date -= 7
    }
    return first + Int64(date - 1) * 86_400 + day.second
  }

  /// Letters, or anything in angle brackets.
  private static func skipName(_ text: inout Substring) -> Bool {
    if text.first == "<" {
      guard let end = text.firstIndex(of: ">") else { return false }
      text = text[text.index(after: end)...]
      return true
    }
    let rest = text.drop { $0.isLetter }
    defer { text = rest }
    return rest.startIndex > text.startIndex
  }

  /// `[±]h[:mm[:ss]]` in seconds.
  private static func time(_ text: inout Substring) -> Int64? {
    let sign: Int64 = text.first == "-" ? -1 : 1
    if text.first == "-" || text.first == "+" { text = text.dropFirst() }
    let end = text.firstIndex { !$0.isNumber && $0 != ":" } ?? text.endIndex
    let numbers = text[..<end].split(separator: ":").map { Int64($0) }
    text = text[end...]
    guard (1...3).contains(numbers.count) else { return nil }
    var seconds: Int64 = 0
    for (number, unit) in zip(numbers, [3600, 60, 1] as [Int64]) {
      guard let number, number < 1000 else { return nil }
      seconds += number * unit
    }
    return sign * seconds
  }

  /// `M3.5.0[/time]`; at two o'clock where no time is named.
  private static func day(_ text: Substring) -> Day? {
    let halves = text.split(separator: "/", maxSplits: 1)
    guard let date = halves.first, date.first == "M" else { return nil }
    let numbers = date.dropFirst().split(separator: ".").compactMap { Int($0) }
    guard numbers.count == 3, (1...12).contains(numbers[0]), (1...5).contains(numbers[1]), (0...6).contains(numbers[2])
    else { return nil }
    var second: Int64? = 7200
    if halves.count == 2 {
      var rest = halves[1]
      second = time(&rest)
    }
    guard let second else { return nil }
    return Day(month: numbers[0], week: numbers[1], weekday: numbers[2], second: second)
  }
}
