import Ground
import Store

/// When a device usually is in contact, learned from the last eight weeks up to its last contact. A window is one day of
/// that habit: it closes at the hour by which the device has usually been heard from. Days begin at the hour in which it is
/// the quietest, so that an evening that ends past midnight is one window. Everything is UTC: a change of summer time moves
/// a habit by one hour, which the tolerance takes.
struct Habit: Sendable, Equatable {
  /// Days that are looked at: eight of each weekday.
  static let span: Int64 = 56
  /// Hours that a window stays open beyond the usual time.
  static let tolerance: Int64 = 2
  /// Missed windows that are expected in a year of an intact device may reach this many alarms.
  static let falseAlarmsPerYear = 0.2
  /// Windows that must be missed in a row, at the least and at the most.
  static let fewest = 2
  static let most = 14

  /// The hour at which its days begin.
  let start: Int64
  /// Weekdays (days since 1970 modulo 7) on which it is usually in contact; none where it has no such habit.
  private(set) var weekdays: Set<Int64>
  /// Where it has contact less than weekly: the usual days between two contacts.
  private(set) var interval: Int64?
  /// Hours behind `start` at which a window opens, by which half of the contacts came, and at which it closes.
  let opens: Int64
  let usually: Int64
  let closes: Int64
  /// Windows that must be missed in a row before that says something.
  private(set) var patience: Int
  /// How many days it was learned from; few say little.
  let daysOfContact: Int
  /// Hours of the longest silence between two contacts.
  let longestGap: Int64
  private let up: Uptime

  /// The day of the habit that an hour (since 1970) belongs to.
  private static func day(_ hour: Int64, _ start: Int64) -> Int64 { (hour - start).floorDivided(by: 24) }

  /// Whether the server ran for most of a day's window, and when the device usually comes: a server that is off every night
  /// learns habits in its own hours, so that none of its devices stays unwatched.
  private func isOpen(_ day: Int64) -> Bool {
    let begin = day * 24 + start
    guard up.isUp(begin + usually) else { return false }
    return up.hours(from: begin + opens - 1, to: begin + closes - 1) * 2 >= closes - opens
  }

  /// - Parameters:
  ///   - contacts: hours since 1970 in which the device was in contact, ascending.
  ///   - up: when the server could be reached.
  init(contacts: [Int64], up: Uptime = .always) {
    self.up = up
    guard let last = contacts.last else {
      (start, weekdays, interval, patience) = (0, [], nil, Habit.fewest)
      (opens, usually, closes) = (0, 12, 24)
      (daysOfContact, longestGap) = (0, 0)
      return
    }
    let recent = contacts.filter { $0 > last - Habit.span * 24 }
    let start = Habit.quietest(recent)
    self.start = start
    // The first hour of contact of each day.
    var firsts: [Int64: Int64] = [:]
    for hour in recent.reversed() { firsts[Habit.day(hour, start)] = hour }
    daysOfContact = firsts.count
    longestGap = zip(recent.dropFirst(), recent).map { $0 - $1 > 24 ? up.hours(from: $1, to: $0) : $0 - $1 }.max() ?? 0
    let offsets = firsts.map { $0.value - start - $0.key * 24 }.sorted()
    (opens, usually, closes) = (offsets[offsets.count / 20], offsets[offsets.count / 2], Habit.closing(offsets))
    (weekdays, interval, patience) = ([], nil, Habit.fewest)

    let end = Habit.day(last, start)
    let begin = max(end - Habit.span + 1, Habit.day(recent.first ?? last, start))
    // What it had the chance to keep.
    let days = (begin...end).filter { firsts[$0] != nil || isOpen($0) }
    let rate = Double(firsts.count) / Double(days.count)
    var (seen, all) = ([Double](repeating: 0, count: 7), [Double](repeating: 0, count: 7))
    for day in days {
      let weekday = Int((day % 7 + 7) % 7)
      all[weekday] += 1
      if firsts[day] != nil { seen[weekday] += 1 }
    }
    let usual = Set((0..<7).filter { (seen[$0] + 2 * rate) / (all[$0] + 2) >= 0.5 }.map { Int64($0) })
    if usual.isEmpty {
      (interval, patience) = Habit.rare(days, firsts)
    } else {
      (weekdays, patience) = (usual, Habit.patience(days, usual, firsts))
    }
  }

  /// Of a device that comes less than weekly: its usual gap, and how many of them say something.
  private static func rare(_ days: [Int64], _ firsts: [Int64: Int64]) -> (interval: Int64, patience: Int) {
    let places = days.indices.filter { firsts[days[$0]] != nil }
    let gaps = zip(places.dropFirst(), places).map { Int64($0 - $1) }.sorted()
    let usual = gaps.isEmpty ? 7 : max(1, gaps[gaps.count / 2])
    // In usual ones: the longest but one is still nothing special.
    let longest = gaps.dropLast().last ?? usual
    return (usual, min(most, max(fewest, Int((longest + usual - 1) / usual) + 1)))
  }

  /// How many misses in a row would be rare for this device, by how often it misses a window, and by its longest streaks:
  /// misses come together (a weekend away), so that chance alone is not asked. The longest streak may have been a holiday.
  private static func patience(_ days: [Int64], _ weekdays: Set<Int64>, _ firsts: [Int64: Int64]) -> Int {
    var (windows, misses, streak) = (0.0, 0.0, 0)
    var streaks: [Int] = []
    for day in days where weekdays.contains((day % 7 + 7) % 7) {
      windows += 1
      if firsts[day] == nil {
        misses += 1
        streak += 1
      } else {
        if streak > 0 { streaks.append(streak) }
        streak = 0
      }
    }
    streaks.sort()
    // A streak that was a holiday is no habit of missing.
    if let longest = streaks.last, longest >= 4 { misses -= Double(longest) }
    let chance = (misses + 1) / (windows + 2)
    let perYear = Double(weekdays.count) * 52
    var (count, expected) = (fewest, perYear * (1 - chance) * chance * chance)
    while count < most, expected > falseAlarmsPerYear {
      count += 1
      expected *= chance
    }
    return min(most, max(count, (streaks.dropLast().last ?? 0) + 1))
  }

  /// The middle of the longest quiet: the hour at the end of those five in a row with the least contact.
  private static func quietest(_ hours: [Int64]) -> Int64 {
    var histogram = [Int](repeating: 0, count: 24)
    for hour in hours { histogram[Int((hour % 24 + 24) % 24)] += 1 }
    let width = 5
    var best: (start: Int, sum: Int) = (0, .max)
    for start in 0..<24 {
      var sum = 0
      for offset in 0..<width { sum += histogram[(start + offset) % 24] }
      if sum < best.sum { best = (start, sum) }
    }
    // Right before the first contact that usually follows the quiet.
    var hour = (best.start + width - 1) % 24
    for _ in 0..<24 where histogram[(hour + 1) % 24] == 0 { hour = (hour + 1) % 24 }
    return Int64(hour)
  }

  /// The hour of the day by which 19 of 20 days had their first contact.
  private static func closing(_ sorted: [Int64]) -> Int64 {
    min(24, sorted[min(sorted.count - 1, sorted.count * 19 / 20)] + 1 + tolerance)
  }

  /// Windows that have closed without a contact since the one at hour `last`, as of hour `now`.
  func missed(since last: Int64, now: Int64) -> Int {
    guard now > last else { return 0 }
    let (from, to) = (Habit.day(last, start), Habit.day(now, start))
    guard to > from else { return 0 }
    if let interval { return (from + 1...to).count { isOpen($0) } / Int(interval) }
    return (from + 1...to).count { day in
      weekdays.contains((day % 7 + 7) % 7) && now >= day * 24 + start + closes && isOpen(day)
    }
  }

  /// For a sentence: `every day`, `on 5 days a week`, `about every 9 days`.
  var words: String {
    if let interval { return "about every \(interval) days" }
    return weekdays.count == 7 ? "every day" : "on \(weekdays.count) day\(weekdays.count == 1 ? "" : "s") a week"
  }
}
