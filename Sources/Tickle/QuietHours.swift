import Ground

/// Hours of the day in which nothing is shown.
package struct QuietHours: Sendable, Equatable {
  /// The place's clocks from a moment on.
  package struct Shift: Sendable, Equatable {
    /// Milliseconds since 1970.
    package let from: Int64
    /// Minutes by which local time is ahead of UTC.
    package let offset: Int16

    package init(from: Instant, offset: Int16) { (self.from, self.offset) = (from.milliseconds, offset) }
  }

  /// Minutes of the local day, from 0 to 1439; an end before the start lies on the next day.
  package let from: UInt16
  package let to: UInt16
  /// Minutes by which local time is ahead of UTC, before the first shift.
  package let offset: Int16
  /// When the clocks change next, ascending. Many devices share one list.
  private let shifts: [Shift]

  /// Nil where the minutes are none of a day, or both are the same.
  package init?(from: Int, to: Int, offset: Int = 0, shifts: [Shift] = []) {
    guard (0..<1440).contains(from), (0..<1440).contains(to), from != to, (-900...900).contains(offset) else {
      return nil
    }
    (self.from, self.to, self.offset, self.shifts) = (UInt16(from), UInt16(to), Int16(offset), shifts)
  }

  private func offset(at moment: Int64) -> Int64 {
    Int64(shifts.last { $0.from <= moment }?.offset ?? offset) * 60_000
  }

  /// When the next quiet hours begin.
  package func begins(after moment: Instant) -> Instant {
    let offset = offset(at: moment.milliseconds)
    let local = moment.milliseconds + offset
    let minute = local.floorDivided(by: 60_000)
    let until = (Int64(from) - minute % 1440 + 1440 + 1439) % 1440 + 1
    let begin = (minute + until) * 60_000 - offset
    return Instant(milliseconds: begin + offset - self.offset(at: begin))
  }

  /// The same moment outside of the quiet hours, the end of them within.
  package func wait(_ moment: Instant) -> Instant {
    let offset = offset(at: moment.milliseconds)
    let local = moment.milliseconds + offset
    let minute = (local - local.floorDivided(by: Rules.day) * Rules.day) / 60_000
    let length = (Int64(to) - Int64(from) + 1440) % 1440
    let since = (minute - Int64(from) + 1440) % 1440
    guard since < length else { return moment }
    let end = local.floorDivided(by: 60_000) * 60_000 + (length - since) * 60_000 - offset
    // In the night in which the clocks change, the morning's clock counts.
    return Instant(milliseconds: max(moment.milliseconds, end + offset - self.offset(at: end)))
  }
}
