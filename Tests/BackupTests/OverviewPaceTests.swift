import Testing

@testable import Backup

@Suite struct OverviewPaceTests {
  private let gigabyte: Int64 = 1_000_000_000

  @Test("The import of an old library is no pace; what comes once a week is one")
  func pace() {
    #expect(Overview.pace([]) == nil && Overview.pace([gigabyte, gigabyte]) == nil)
    var days = [Int64](repeating: gigabyte, count: 30)
    #expect(Overview.pace(days) == gigabyte)
    for day in 3..<8 { days[day] = 200 * gigabyte }
    #expect(Overview.pace(days) == gigabyte, "500 GB in some days do not fill the disk next week")
    let weekly = (0..<30).map { $0 % 7 == 6 ? 7 * gigabyte : 0 }
    #expect(Overview.pace(weekly) == gigabyte)
    var once = [Int64](repeating: 0, count: 30)
    once[20] = 500 * gigabyte
    #expect(Overview.pace(once) == 0)
    #expect(Overview.pace([500 * gigabyte, 0, 0]) == 0)
  }
}
