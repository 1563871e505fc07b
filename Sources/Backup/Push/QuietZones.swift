import Ground
import Synchronization
import Tickle

/// Quiet hours by the clocks of their place, whose rules are read once and looked ahead for a year: a registration that no app
/// refreshes falls asleep long before.
final class QuietZones: Sendable {
  /// Zones that are remembered, and days for which what was looked ahead holds.
  private static let capacity = 64
  private static let held: Int64 = 30
  private static let ahead: Int64 = 400

  private struct Zone {
    let read: Instant
    let offset: Int
    let shifts: [QuietHours.Shift]
  }
  private let zones = Mutex<[String: Zone]>([:])

  /// - Parameters:
  ///   - from, to: minutes of the day.
  ///   - name: of the time zone; nil, or one that nobody knows any more, is UTC.
  func hours(from: Int, to: Int, in name: String?, now: Instant) -> QuietHours? {
    let zone: Zone? = name.flatMap { self.zone($0, now) }
    return QuietHours(from: from, to: to, offset: zone?.offset ?? 0, shifts: zone?.shifts ?? [])
  }

  private func zone(_ name: String, _ now: Instant) -> Zone? {
    if let known = zones.withLock({ $0[name] }), known.read <= now,
      now < known.read.adding(seconds: QuietZones.held * 86_400)
    {
      return known
    }
    guard let rules = TimeZoneRules(name) else { return nil }
    func offset(_ moment: Instant) -> Int64 { rules.offset(at: moment) / 60_000 }
    var shifts: [QuietHours.Shift] = []
    for day in 0..<QuietZones.ahead {
      var (low, high) = (now.adding(seconds: day * 86_400), now.adding(seconds: (day + 1) * 86_400))
      let after = offset(high)
      guard offset(low) != after else { continue }
      // To the minute; clocks change on full ones.
      while high.milliseconds - low.milliseconds > 60_000 {
        let middle = Instant(milliseconds: (low.milliseconds + high.milliseconds) / 2)
        if offset(middle) == after { high = middle } else { low = middle }
      }
      let minute = high.milliseconds.floorDivided(by: 60_000) * 60_000
      shifts.append(QuietHours.Shift(from: Instant(milliseconds: minute), offset: Int16(after)))
    }
    let zone = Zone(read: now, offset: Int(offset(now)), shifts: shifts)
    zones.withLock { zones in
      if zones.count >= QuietZones.capacity { zones.removeAll() }
      zones[name] = zone
    }
    return zone
  }
}
