import Ground
import Testing

@Suite struct TimeZoneRulesTests {
  private func hours(_ zone: String, _ text: String) -> Double? {
    guard let moment = WrittenTime(text)?.instant else { return nil }
    return TimeZoneRules(zone).map { Double($0.offset(at: moment)) / 3_600_000 }
  }

  @Test(
    "A zone's clocks in summer, in winter, before the first rule and long after the last",
    arguments: [
      ("Europe/Berlin", "2024-01-15T12:00:00Z", 1.0), ("Europe/Berlin", "2024-07-15T12:00:00Z", 2),
      ("Europe/Berlin", "2024-03-31T00:59:59Z", 1), ("Europe/Berlin", "2024-03-31T01:00:00Z", 2),
      ("Europe/Berlin", "2024-10-27T00:59:59Z", 2), ("Europe/Berlin", "2024-10-27T01:00:00Z", 1),
      ("Europe/Berlin", "1970-07-01T00:00:00Z", 1), ("Europe/Berlin", "2090-07-01T00:00:00Z", 2),
      ("Europe/Berlin", "2090-01-01T00:00:00Z", 1), ("Australia/Sydney", "2090-01-01T00:00:00Z", 11),
      ("Australia/Sydney", "2090-07-01T00:00:00Z", 10), ("Asia/Kathmandu", "2024-07-01T00:00:00Z", 5.75),
      ("America/St_Johns", "2024-01-01T00:00:00Z", -3.5), ("UTC", "2024-01-01T00:00:00Z", 0),
      ("UTC+5:30", "2024-01-01T00:00:00Z", 5.5), ("UTC-3", "2024-01-01T00:00:00Z", -3),
    ])
  func offsets(zone: String, moment: String, expected: Double) {
    #expect(hours(zone, moment) == expected)
  }

  @Test(
    "What is no zone is none",
    arguments: ["", "Nowhere/Land", "../../etc/passwd", "/etc/localtime", "UTC+99", "zone.tab", "UTC+"])
  func nonsense(name: String) {
    #expect(TimeZoneRules(name) == nil)
  }
}
