import GRDB
import Ground

/// The hours in which this server ran, as far as that was written down.
package struct Uptime: Sendable, Equatable {
  /// By day; one bit for each hour.
  private let days: [Int64: UInt32]
  /// The first hour that was written down; before it, nobody knows, and it counts as running.
  private let since: Int64

  /// Nothing was written down.
  package static let always = Uptime([:])

  /// - Parameter days: by days since 1970 (UTC), one bit for each hour, the lowest for midnight.
  package init(_ days: [Int64: UInt32]) {
    self.days = days
    since = days.filter { $0.value != 0 }.map { $0.key * 24 + Int64($0.value.trailingZeroBitCount) }.min() ?? .max
  }

  /// - Parameter hour: since 1970, as everywhere here.
  package func isUp(_ hour: Int64) -> Bool {
    guard hour >= since else { return true }
    let day = hour.floorDivided(by: 24)
    return (days[day] ?? 0) & (1 << UInt32(hour - day * 24)) != 0
  }

  /// Hours in which it ran, behind `from` up to `to`.
  package func hours(from: Int64, to: Int64) -> Int64 {
    guard to > from else { return 0 }
    guard since <= to else { return to - from }
    let begin = max(from + 1, since)
    var count = begin - from - 1
    for day in begin.floorDivided(by: 24)...to.floorDivided(by: 24) {
      guard var bits = days[day] else { continue }
      let (first, last) = (max(0, begin - day * 24), min(23, to - day * 24))
      bits &= (UInt32(1) << UInt32(last + 1)) - (UInt32(1) << UInt32(first))
      count += Int64(bits.nonzeroBitCount)
    }
    return count
  }
}

extension Catalog {
  /// Notes that the server runs in this hour.
  package func noteUp(_ now: Instant) async throws {
    try await write { db in
      try db.cachedStatement(
        sql:
          "INSERT INTO server_day (day, hours) VALUES (?, ?) ON CONFLICT DO UPDATE SET hours = hours | excluded.hours"
      ).execute(arguments: [now.day, Int64(now.hourBit)])
    }
  }

  /// Of as many days as devices' contacts are kept for. What lies ahead was written under a wrong clock.
  package func uptime(now: Instant) async throws -> Uptime {
    try await read { db in
      let rows = try Row.fetchAll(
        db.cachedStatement(sql: "SELECT day, hours FROM server_day WHERE day BETWEEN ? AND ?"),
        arguments: [now.day - Catalog.deviceDaysKept, now.day])
      return Uptime(
        Dictionary(
          rows.map { ($0["day"], UInt32(truncatingIfNeeded: $0["hours"] as Int64)) }, uniquingKeysWith: { $0 | $1 }))
    }
  }
}
