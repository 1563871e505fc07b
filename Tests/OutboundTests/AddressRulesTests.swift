import Testing

@testable import Outbound

@Suite struct AddressRulesTests {
  private func v4(_ value: UInt32) -> IPAddress? {
    IPAddress(bytes: stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt32($0)) })
  }

  /// As numbers, where the rules have prefixes: first and last address of each range.
  private static let special: [(UInt32, UInt32)] = [
    (0x0000_0000, 0x00FF_FFFF), (0x0A00_0000, 0x0AFF_FFFF), (0x6440_0000, 0x647F_FFFF), (0x7F00_0000, 0x7FFF_FFFF),
    (0xA9FE_0000, 0xA9FE_FFFF), (0xAC10_0000, 0xAC1F_FFFF), (0xC000_0000, 0xC000_00FF), (0xC000_0200, 0xC000_02FF),
    (0xC058_6300, 0xC058_63FF), (0xC0A8_0000, 0xC0A8_FFFF), (0xC612_0000, 0xC613_FFFF), (0xC633_6400, 0xC633_64FF),
    (0xCB00_7100, 0xCB00_71FF), (0xE000_0000, 0xFFFF_FFFF),
  ]

  @Test("the edges of every special IPv4 range are inside, what lies beside them is public")
  func edges() throws {
    for (first, last) in Self.special {
      for inside in [first, last, first + (last - first) / 2] {
        #expect(!AddressRules.isPublic(try #require(v4(inside))))
      }
      for beside in [first &- 1, last &+ 1] where !Self.special.contains(where: { $0.0...$0.1 ~= beside }) {
        #expect(AddressRules.isPublic(try #require(v4(beside))))
      }
    }
  }

  @Test("of a hundred thousand IPv4 addresses each is judged as the table of ranges says")
  func random() throws {
    var seed: UInt64 = 6
    var publics = 0
    for index in 0..<100_000 {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      // Half of them near the ranges, which are small.
      let range = Self.special[index % Self.special.count]
      let value = index % 2 == 0 ? UInt32(seed >> 32) : range.0 &+ UInt32(seed >> 32) % 0x4_0000 &- 0x1_0000
      let isSpecial = Self.special.contains { $0.0...$0.1 ~= value }
      #expect(AddressRules.isPublic(try #require(v4(value))) == !isSpecial)
      publics += isSpecial ? 0 : 1
    }
    #expect((20_000...80_000).contains(publics))
  }

  @Test(
    "IPv6: only global unicast, and nothing that hides an IPv4 address",
    arguments: [
      ("::", false), ("::1", false), ("::ffff:8.8.8.8", false), ("::ffff:169.254.169.254", false),
      ("::127.0.0.1", false), ("64:ff9b::808:808", false), ("64:ff9b::a9fe:a9fe", false), ("64:ff9b:1::1", false),
      ("fc00::1", false), ("fdff:ffff::1", false), ("fe80::1", false), ("febf::1", false), ("fec0::1", false),
      ("ff02::1", false), ("2001::1", false), ("2001:db8::1", false), ("2002:7f00:1::1", false), ("3fff::1", false),
      ("100::1", false), ("5f00::1", false), ("4000::1", false),
      ("2001:4860:4860::8888", true), ("2a00:1450:4001::1", true), ("2606:4700::1111", true), ("2620:fe::fe", true),
    ])
  func v6(_ text: String, isPublic: Bool) async throws {
    // The C library reads the text; an address in writing needs no server of names.
    let found = try await SystemResolver().addresses(of: text)
    #expect(found.count == 1)
    #expect(AddressRules.isPublic(try #require(found.first)) == isPublic)
  }
}

@Suite struct OutboundURLTests {
  private static let listed =
    AllowedHosts(["ntfy.lan", "push.test:8080", "127.0.0.1:99", "[fd00::1]"]) ?? AllowedHosts()

  @Test(
    "what may be sent to, and how it is written anew",
    arguments: [
      ("https://fcm.googleapis.com/fcm/send/abc", "https://fcm.googleapis.com/fcm/send/abc"),
      ("HTTPS://Push.Example.org?x=1", "https://push.example.org/?x=1"),
      ("https://push.example.org:443/a//../b", "https://push.example.org/a//../b"),
      ("http://ntfy.lan/up", "http://ntfy.lan/up"), ("https://NTFY.lan/up", "https://ntfy.lan/up"),
      ("http://push.test:8080/", "http://push.test:8080/"), ("https://push.test:8080/", "https://push.test:8080/"),
      ("http://127.0.0.1:99/", "http://127.0.0.1:99/"), ("https://[fd00::1]/", "https://[fd00::1]/"),
    ])
  func good(_ text: String, _ written: String) throws {
    let url = try OutboundURL(text, allowed: Self.listed)
    #expect(url.text == written)
  }

  @Test(
    "what is refused, and why",
    arguments: [
      ("", .malformed), ("ftp://a.example/", .malformed), ("https:/a.example", .malformed), ("https://", .malformed),
      ("https://a.example/#x", .malformed), ("https://a.exa mple/", .malformed), ("https://a.example\\@b/", .malformed),
      ("https://ä.example/", .malformed), ("https://a..example/", .malformed), ("https://-a.example/", .malformed),
      ("https://a.example:/", .malformed), ("https://a.example:0/", .malformed),
      ("https://a.example:65536/", .malformed),
      ("https://a.example:4 43/", .malformed), ("https://[::1/", .malformed), ("https://[fe80::1%25eth0]/", .malformed),
      // Addresses in disguise.
      ("https://127.1/", .malformed), ("https://2130706433/", .malformed), ("https://0x7f000001/", .malformed),
      ("https://0x7f.0.0.0x1/", .malformed), ("https://0177.0.0.1/", .malformed), ("https://a.example./", .malformed),
      ("https://user@a.example/", .userinfo), ("https://a.example@169.254.169.254/", .userinfo),
      ("http://a.example/", .plain), ("http://ntfy.lan:8080/", .plain), ("https://a.example:8443/", .port),
      ("https://ntfy.lan:8443/", .port), ("https://push.test:8081/", .port),
    ] as [(String, OutboundError.Refusal)])
  func bad(_ text: String, _ why: OutboundError.Refusal) throws {
    let listed = Self.listed
    #expect(throws: OutboundError.refused(why)) { try OutboundURL(text, allowed: listed) }
  }

  @Test("an address ends at 1,000 bytes")
  func length() throws {
    let base = "https://a.example/"
    let longest = base + String(repeating: "x", count: 1000 - base.utf8.count)
    #expect(try OutboundURL(longest, allowed: AllowedHosts()).host == "a.example")
    #expect(throws: OutboundError.refused(.malformed)) { try OutboundURL(longest + "x", allowed: AllowedHosts()) }
  }

  @Test("a list of hosts takes hosts with and without a port, and nothing else")
  func list() {
    #expect(AllowedHosts(["Ntfy.LAN", "ntfy.lan"])?.entries == ["ntfy.lan"])
    for wrong in ["https://ntfy.lan", "ntfy.lan/", "*", "10.0.0.0/8", "a:b", ""] {
      #expect(AllowedHosts([wrong]) == nil, "\(wrong)")
    }
  }
}

@Suite struct RetryAfterTests {
  @Test(
    "seconds and dates, within thirty days",
    arguments: [
      (" 120\r\n", 120), ("0", 0), ("99999999999999999999", 2_592_000), ("172800", 172_800),
      ("Sun, 06 Nov 1994 08:49:37 GMT", 37),
      ("Sun, 06 Nov 1994 08:48:00 GMT", 0), ("Mon, 06 Nov 2034 08:49:37 GMT", 2_592_000), ("soon", nil), ("-5", nil),
      ("12 minutes", nil), ("Sun, 06 Foo 1994 08:49:37 GMT", nil), ("", nil),
    ] as [(String, Int64?)])
  func reading(_ text: String, _ seconds: Int64?) throws {
    // 1994-11-06T08:49:00Z
    #expect(RetryAfter.seconds(text, now: .init(milliseconds: 784_111_740_000)) == seconds)
  }
}
