import Glibc

/// The networks that this machine is a part of. In a home with IPv6 every device has a global address, which the router's
/// firewall keeps from the internet and not from us: such a neighbour is inside, as the address itself does not tell.
package struct OwnNetworks: Sendable {
  /// Bits of a prefix, at the most and at the least: a host address stands for its network, and a prefix as wide as a
  /// provider's holds strangers.
  private static let v6: ClosedRange<Int> = 48...64
  private static let v4: ClosedRange<Int> = 24...32

  private let prefixes: [(address: IPAddress, bits: Int)]

  package init(_ interfaces: [(address: IPAddress, bits: Int)]) {
    prefixes = interfaces.map { address, bits in
      let limits = address.isV4 ? OwnNetworks.v4 : OwnNetworks.v6
      // Narrower than that, or so wide that it says nothing: the usual size, or this address alone.
      return (address, bits < limits.lowerBound ? (address.isV4 ? 32 : 64) : min(bits, limits.upperBound))
    }
  }

  /// As they are now.
  package static func now() -> OwnNetworks {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return OwnNetworks([]) }
    // The list is the C library's, and ours until it is given back.
    defer { freeifaddrs(list) }
    var found: [(address: IPAddress, bits: Int)] = []
    var next = list
    while let entry = next {
      if let socket = entry.pointee.ifa_addr, let address = IPAddress(socket: socket) {
        let mask = entry.pointee.ifa_netmask.flatMap { IPAddress(socket: $0) }
        found.append((address, mask?.bytes.reduce(0) { $0 + $1.nonzeroBitCount } ?? address.bytes.count * 8))
      }
      next = entry.pointee.ifa_next
    }
    return OwnNetworks(found)
  }

  package func contains(_ address: IPAddress) -> Bool {
    prefixes.contains { prefix in
      prefix.address.isV4 == address.isV4
        && AddressRules.covers(prefix.address.bytes, prefix.bits, address.bytes)
    }
  }
}
