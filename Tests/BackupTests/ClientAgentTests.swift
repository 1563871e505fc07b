import Testing

@testable import Backup

@Suite struct ClientAgentTests {
  @Test(
    "User agents say which device it is",
    arguments: [
      ("immich-android/3.1.0", "Pixel 8", "phone|Google|Pixel 8|Android|-|Immich for Android|3.1.0"),
      ("immich-ios/3.1.0", "iPhone15,2", "phone|Apple|iPhone15,2|iOS|-|Immich for iOS|3.1.0"),
      ("immich-android/3.1.0", "SM-S918B", "phone|Samsung|SM-S918B|Android|-|Immich for Android|3.1.0"),
      ("immich-go/0.25.1", nil, "desktop|-|-|-|-|immich-go|0.25.1"),
      ("curl/7.88.1", nil, "program|-|-|-|-|curl|7.88.1"),
      ("HomeAssistant/2026.1.0 aiohttp/3.9 Python/3.12", nil, "program|-|-|-|-|Home Assistant|2026.1.0"),
      (
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", nil,
        "browser|-|-|Linux|-|Firefox|140"
      ),
      (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
        nil, "browser|Apple|-|iOS|18.1|Safari|18"
      ),
      (
        "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
        nil, "browser|-|-|Android|15|Chrome|131"
      ),
      ("", nil, "program|-|-|-|-|-|-"), ("something", nil, "program|-|-|-|-|something|-"),
      ("immich-android/", "", "phone|-|-|Android|-|Immich for Android|-"),
    ])
  func agents(agent: String, model: String?, expected: String) {
    let facts = DeviceFacts(agent: agent, model: model)
    let words = [facts.maker, facts.model, facts.os, facts.osVersion, facts.client, facts.clientVersion]
    #expect(([facts.kind] + words.map { $0 ?? "-" }).joined(separator: "|") == expected)
  }

  @Test("Whatever a client says is bounded and fit for a list")
  func hostile() {
    let facts = DeviceFacts(
      agent: "immich-android/" + String(repeating: "9", count: 5000),
      model: "\u{1b}[31m" + String(repeating: "x", count: 999))
    #expect((facts.clientVersion?.count ?? 0) <= 40 && (facts.model?.count ?? 0) <= 80)
    #expect(facts.model?.unicodeScalars.allSatisfy { $0.value >= 32 } == true)
    #expect(DeviceFacts(agent: String(repeating: "a", count: 9999), model: nil).client?.count == 80)
  }
}
