/// Which addresses are on the public internet. Everything else is somebody's inside: a name that a stranger gave must not
/// lead there, or the server would knock at doors that the stranger cannot reach (server-side request forgery).
package enum AddressRules {
  /// Inside, or good for nothing (IANA's special-purpose registry, with multicast and what is reserved).
  private static let specialV4: [(prefix: [UInt8], bits: Int)] = [
    ([0, 0, 0, 0], 8),  // this network, unspecified
    ([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16),  // RFC 1918
    ([100, 64, 0, 0], 10),  // carrier-grade NAT
    ([127, 0, 0, 0], 8),  // loopback
    ([169, 254, 0, 0], 16),  // link-local: the metadata services of clouds too
    ([192, 0, 0, 0], 24), ([192, 88, 99, 0], 24),  // protocol assignments; 6to4 relays
    ([192, 0, 2, 0], 24), ([198, 51, 100, 0], 24), ([203, 0, 113, 0], 24),  // documentation
    ([198, 18, 0, 0], 15),  // benchmarks
    ([224, 0, 0, 0], 4), ([240, 0, 0, 0], 4),  // multicast; reserved and broadcast
  ]

  /// Inside `2000::/3`, which is all that is handed out.
  private static let specialV6: [(prefix: [UInt8], bits: Int)] = [
    ([0x20, 0x01, 0x00, 0x00], 23),  // protocol assignments: Teredo, benchmarks, ORCHID
    ([0x20, 0x01, 0x0D, 0xB8], 32), ([0x3F, 0xFF, 0x00, 0x00], 20),  // documentation
    ([0x20, 0x02, 0x00, 0x00], 16),  // 6to4 hides an IPv4 address, of whichever kind
  ]

  package static func isPublic(_ address: IPAddress) -> Bool {
    let bytes = address.bytes
    if address.isV4 { return !specialV4.contains { covers($0.prefix, $0.bits, bytes) } }
    // Outside lie loopback, unspecified, v4-mapped and v4-compatible, NAT64, unique local, link-local and multicast.
    guard covers([0x20], 3, bytes) else { return false }
    return !specialV6.contains { covers($0.prefix, $0.bits, bytes) }
  }

  static func covers(_ prefix: [UInt8], _ bits: Int, _ bytes: [UInt8]) -> Bool {
    for index in 0..<(bits + 7) / 8 {
      let mask = bits - index * 8 >= 8 ? 0xFF : ~(UInt8(0xFF) >> UInt8(bits - index * 8))
      if (prefix[index] ^ bytes[index]) & mask != 0 { return false }
    }
    return true
  }
}
