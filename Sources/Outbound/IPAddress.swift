/// An address of a machine.
package struct IPAddress: Hashable, Sendable {
  /// 4 or 16, in network order.
  package let bytes: [UInt8]

  package init?(bytes: [UInt8]) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    self.bytes = bytes
  }

  package var isV4: Bool { bytes.count == 4 }
}

extension IPAddress: CustomStringConvertible {
  /// As libcurl and people read it; without the shortening of zeros.
  package var description: String {
    if isV4 { return bytes.map(String.init).joined(separator: ".") }
    return stride(from: 0, to: 16, by: 2)
      .map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
      .joined(separator: ":")
  }
}
