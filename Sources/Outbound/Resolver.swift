import CLinux
import Glibc
import Ground

/// Asks for the addresses of a name.
package protocol Resolver: Sendable {
  /// Every address, in the order of preference; also of an address in writing.
  /// - Throws: `.unknownHost`, `.resolverFailed`.
  func addresses(of host: String) async throws(OutboundError) -> [IPAddress]
}

/// The system's: hosts file, DNS, mDNS, whatever it is set up for.
package struct SystemResolver: Resolver {
  /// Addresses of one host that are looked at.
  static let most = 32

  package init() {}

  package func addresses(of host: String) async throws(OutboundError) -> [IPAddress] {
    // getaddrinfo blocks, for half a minute where no server of names answers; `NameDesk` bounds how many do.
    try await Lane(label: "outbound.names").run { () throws(OutboundError) in try SystemResolver.lookUp(host) }
  }

  private static func lookUp(_ host: String) throws(OutboundError) -> [IPAddress] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(NS_SOCK_STREAM)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, nil, &hints, &list)
    guard code == 0 else {
      throw [EAI_NONAME, noData, addressFamily].contains(code) ? .unknownHost : .resolverFailed
    }
    // The list is the C library's, and ours until it is given back.
    defer { freeaddrinfo(list) }
    var found: [IPAddress] = []
    var next = list
    while let entry = next, found.count < most {
      if let socket = entry.pointee.ai_addr, let address = IPAddress(socket: socket), !found.contains(address) {
        found.append(address)
      }
      next = entry.pointee.ai_next
    }
    // More than fit are not half looked at.
    guard !found.isEmpty, next == nil else { throw .resolverFailed }
    return found
  }

  // EAI_NODATA and EAI_ADDRFAMILY, which glibc shows to GNU programs alone.
  private static let noData: Int32 = -5
  private static let addressFamily: Int32 = -9
}

extension IPAddress {
  /// - Parameter socket: an `AF_INET` or `AF_INET6` address of the kernel's; nil for any other family.
  init?(socket: UnsafePointer<sockaddr>) {
    switch Int32(socket.pointee.sa_family) {
    case AF_INET:
      self.init(
        bytes: socket.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
          withUnsafeBytes(of: address.pointee.sin_addr) { Array($0) }
        })
    case AF_INET6:
      self.init(
        bytes: socket.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
          withUnsafeBytes(of: address.pointee.sin6_addr) { Array($0) }
        })
    default: return nil
    }
  }
}
