import Ground

/// Hours of the day in which nothing is shown.
package struct QuietHours: Sendable, Equatable {
  /// Minutes of the local day, from 0 to 1439; an end before the start lies on the next day.
  package let from: UInt16
  package let to: UInt16
  /// Minutes by which local time is ahead of UTC.
  package var offset: Int16

  /// Nil where the minutes are none of a day, or both are the same.
  package init?(from: Int, to: Int, offset: Int = 0) {
    guard (0..<1440).contains(from), (0..<1440).contains(to), from != to, (-900...900).contains(offset) else {
      return nil
    }
    (self.from, self.to, self.offset) = (UInt16(from), UInt16(to), Int16(offset))
  }

  /// The same moment outside of the quiet hours, the end of them within.
  package func wait(_ moment: Instant) -> Instant {
    let local = moment.milliseconds + Int64(offset) * 60_000
    let minute = (local - local.floorDivided(by: Rules.day) * Rules.day) / 60_000
    let length = (Int64(to) - Int64(from) + 1440) % 1440
    let since = (minute - Int64(from) + 1440) % 1440
    guard since < length else { return moment }
    let start = local.floorDivided(by: 60_000) * 60_000
    return Instant(milliseconds: start + (length - since) * 60_000 - Int64(offset) * 60_000)
  }
}
