import Ground
import Tickle

/// A phone in the simulation: when it comes by itself, and whether a tickle wakes it.
struct Phone {
  enum Habit: CaseIterable { case nightly, allDay, workdays, weekly }

  let id: Identifier
  let platform: Platform
  let habit: Habit
  /// The hour (UTC) around which it charges.
  let hour: Int64
  /// Of a tickle that reaches it: it comes.
  let answers: Double
  let host: Int
  /// Closed for good at that moment, until it is opened again; milliseconds since 1970.
  let closed: Range<Int64>

  var random: SplitMix
  /// When it comes by itself next.
  var next: Int64 = 0
  var hasBacklog = false

  // What the checks remember.
  var lastContact: Int64 = 0
  var climbed = 0
  var lastTickle: Int64 = 0
  var sends: [Int64] = []

  init(_ number: Int, seed: UInt64, start: Int64, end: Int64, hosts: Int) {
    var random = SplitMix(seed ^ UInt64(number).mixed)
    id = Identifier(bytes: (0..<16).map { _ in UInt8(truncatingIfNeeded: random.next()) }) ?? Identifier()
    platform = [Platform.iOS, .android, .android, .other][random.below(4)]
    habit = Habit.allCases[random.below(4)]
    hour = Int64(random.below(24))
    // A fifth of them are deaf: no tickle helps.
    answers = random.unit() < 0.2 ? 0 : 0.3 + 0.6 * random.unit()
    host = random.below(hosts)
    let from = start + Int64(random.unit() * Double(end - start) * 2)
    closed = from..<from + Int64(random.below(30)) * 86_400_000
    self.random = random
    next = start
    lastContact = start
    advance(from: start)
  }

  /// Sets `next` to its next visit of its own.
  mutating func advance(from now: Int64) {
    let day: Int64 = 86_400_000
    let hours: Int64 = 3_600_000
    var at = now
    switch habit {
    case .allDay where random.unit() < 0.75: at += (1 + Int64(random.below(4))) * hours
    case .allDay: at = (at / day + 1) * day + hour * hours
    default:
      let into = (at / day) * day + hour * hours
      at = into > at ? into : into + day
      while !isUsual(at / day) || random.unit() < 0.15 { at += day }
    }
    next = at + Int64(random.below(3_600_000)) + 60_000
    if closed.contains(next) { next = closed.upperBound + Int64(random.below(3_600_000)) }
  }

  private func isUsual(_ day: Int64) -> Bool {
    switch habit {
    case .nightly, .allDay: true
    case .workdays: day % 7 < 5
    case .weekly: day % 7 == 2
    }
  }

  /// Milliseconds until it comes because of a tickle; nil where it does not.
  mutating func answer(_ now: Int64) -> Int64? {
    guard !closed.contains(now), random.unit() < answers else { return nil }
    return 2000 + Int64(random.below(60_000))
  }
}
