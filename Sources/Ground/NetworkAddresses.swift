import Glibc

/// The addresses by which others on the network may reach this machine: of every interface that is up, without loopback
/// and link-local ones. Empty where the system does not say.
package func networkAddresses() -> [String] {
  var list: UnsafeMutablePointer<ifaddrs>?
  guard getifaddrs(&list) == 0 else { return [] }
  defer { freeifaddrs(list) }
  var found: [String] = []
  var next = list
  while let entry = next {
    next = entry.pointee.ifa_next
    let flags = Int32(bitPattern: entry.pointee.ifa_flags)
    guard flags & Int32(IFF_UP) != 0, flags & Int32(IFF_LOOPBACK) == 0,
      let address = entry.pointee.ifa_addr
    else { continue }
    let family = Int32(address.pointee.sa_family)
    let size = family == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
    guard family == AF_INET || family == AF_INET6 else { continue }
    // The longest text of an address, its zone and a NUL: 1025 bytes (NI_MAXHOST).
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1025) { buffer -> String? in
      guard getnameinfo(address, socklen_t(size), buffer.baseAddress, 1025, nil, 0, NI_NUMERICHOST) == 0,
        let start = buffer.baseAddress
      else { return nil }
      return String(cString: start)
    }
    if let text, !text.hasPrefix("fe80"), !text.hasPrefix("169.254."), !found.contains(text) { found.append(text) }
  }
  return found
}
