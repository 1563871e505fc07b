import Ground
import Testing

@testable import Store

@Suite struct UptimeTests {
  private func instant(_ hour: Int64) -> Instant { Instant(milliseconds: hour * 3_600_000) }

  @Test("Hours in which the server ran are counted one by one; what nobody wrote down counts as running")
  func hours() {
    let day: Int64 = 20_000
    // From 22 h of one day to 3 h of the next, and from 10 h on the third.
    let up = Uptime([day: 0b11 << 22, day + 1: 0b1111, day + 2: 0xFF_FC00])
    let noon = day * 24 + 12
    #expect(up.isUp(noon) && up.hours(from: noon - 50, to: noon) == 50, "before the first hour")
    #expect(up.hours(from: noon, to: day * 24 + 21) == 9)
    #expect(up.hours(from: noon, to: day * 24 + 23) == 11)
    #expect(up.isUp(day * 24 + 27) && !up.isUp(day * 24 + 28))
    #expect(up.hours(from: day * 24 + 20, to: day * 24 + 48 + 10) == 1 + 6 + 1)
    #expect(up.hours(from: day * 24 + 30, to: day * 24 + 57) == 0)
    let all = (day * 24 - 5..<day * 24 + 90)
    for (from, to) in [(0, 90), (20, 30), (22, 26), (26, 60), (47, 49), (3, 3), (9, 2)] as [(Int64, Int64)] {
      let counted = all.count { $0 > day * 24 + from && $0 <= day * 24 + to && up.isUp($0) }
      #expect(up.hours(from: day * 24 + from, to: day * 24 + to) == Int64(counted), "\(from) to \(to)")
    }
  }

  @Test("The catalog keeps them by day, and leaves out what a wrong clock wrote ahead")
  func kept() async throws {
    let store = try await StoreFixture()
    let begin: Int64 = 20_000 * 24 + 22
    #expect(try await store.catalog.uptime(now: instant(begin)) == .always)
    for hour in [begin, begin + 1, begin + 1, begin + 2, begin + 9, begin + 9000] {
      try await store.catalog.noteUp(instant(hour))
    }
    let up = try await store.catalog.uptime(now: instant(begin + 9))
    #expect(up.hours(from: begin - 1, to: begin + 9) == 4 && !up.isUp(begin + 5))
    try await store.catalog.pruneDevices(before: instant(0), now: instant(begin + 410 * 24))
    #expect(try await store.catalog.uptime(now: instant(begin + 9)) == .always)
  }
}
