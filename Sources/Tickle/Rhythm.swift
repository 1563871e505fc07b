import Ground

/// When a device is usually in contact, small enough to be kept for a hundred thousand of them: its last gaps, and how often
/// it came in each hour of the week (UTC).
package struct Rhythm: Sendable {
  /// Minutes of the last gaps, the oldest first to be overwritten.
  private var gaps: [8 of UInt16] = .init(repeating: 0)
  private var gapCount: UInt8 = 0
  private var nextGap: UInt8 = 0
  private var hours: [168 of UInt8] = .init(repeating: 0)
  private var total: UInt16 = 0

  package init() {}

  /// As it is kept: two bytes each gap, the counts, one byte each hour.
  package var bytes: [UInt8] {
    (0..<8).flatMap { [UInt8(gaps[$0] >> 8), UInt8(gaps[$0] & 255)] } + [gapCount, nextGap]
      + (0..<168).map { hours[$0] }
  }

  /// Nil where the bytes are not as `bytes` makes them.
  package init?(bytes: [UInt8]) {
    guard bytes.count == 186, bytes[16] <= 8, bytes[17] < 8 else { return nil }
    for index in 0..<8 { gaps[index] = UInt16(bytes[2 * index]) << 8 | UInt16(bytes[2 * index + 1]) }
    (gapCount, nextGap) = (bytes[16], bytes[17])
    for index in 0..<168 {
      hours[index] = bytes[18 + index]
      total += UInt16(bytes[18 + index])
    }
  }

  /// Contacts closer than this belong to one visit.
  private static let visit: Int64 = 10 * 60_000
  /// Between two contacts of which the second says something: a client makes many requests.
  static let shortest: Int64 = 60_000
  private static let step: UInt8 = 8

  /// Learns from a contact.
  /// - Parameter last: the one before it, in milliseconds since 1970; nil for the first.
  package mutating func note(_ contact: Instant, after last: Instant?) {
    if let last {
      let gap = contact.milliseconds - last.milliseconds
      if gap >= Rhythm.visit {
        gaps[Int(nextGap)] = UInt16(min(gap / 60_000, Int64(UInt16.max)))
        nextGap = (nextGap + 1) % 8
        gapCount = min(8, gapCount + 1)
      }
      // One count an hour, however many requests it makes.
      if Rhythm.hour(contact) == Rhythm.hour(last), gap < Rules.hour { return }
    }
    let hour = Rhythm.hour(contact)
    if hours[hour] > UInt8.max - Rhythm.step {
      // What is long ago counts less.
      total = 0
      for index in 0..<168 {
        hours[index] /= 2
        total += UInt16(hours[index])
      }
    }
    hours[hour] += Rhythm.step
    total += UInt16(Rhythm.step)
  }

  /// Milliseconds; nil where nothing is known yet.
  package var usualGap: Int64? {
    guard gapCount > 0 else { return nil }
    var sorted: [8 of UInt16] = gaps
    let count = Int(gapCount)
    for index in 1..<8 where index < count {
      var place = index
      while place > 0, sorted[place - 1] > sorted[place] {
        sorted.swapAt(place - 1, place)
        place -= 1
      }
    }
    return Int64(sorted[count / 2]) * 60_000
  }

  /// The beginning of the hour between two moments (milliseconds since 1970) in which it comes the most; nil where no hour
  /// stands out.
  func habitualHour(from: Int64, to: Int64) -> Int64? {
    guard total >= 4 * UInt16(Rhythm.step) else { return nil }
    var (best, weight): (Int64?, UInt8) = (nil, 0)
    var start = from.floorDivided(by: Rules.hour) * Rules.hour
    while start <= to {
      let here = hours[Rhythm.hour(Instant(milliseconds: start))]
      if here > weight { (best, weight) = (start, here) }
      start += Rules.hour
    }
    // Three times what an hour would have if it came whenever.
    return UInt32(weight) * 168 >= 3 * UInt32(total) ? best : nil
  }

  private static func hour(_ moment: Instant) -> Int {
    let hour = moment.milliseconds.floorDivided(by: Rules.hour) % 168
    return Int(hour < 0 ? hour + 168 : hour)
  }
}
