import HTTPServer
import HTTPTypes

/// What a reverse proxy says of the client behind it; believed only where the peer is a proxy that the operator named.
struct Forwarding: Sendable {
  let trustedProxies: Set<String>

  /// The client's address: the peer's, or behind trusted proxies the last `X-Forwarded-For` entry that is not one of
  /// theirs. Everything to its left was written by the client and may be a lie.
  func address(of request: Request) -> String {
    guard trustedProxies.contains(request.peer.text), let chain = field("X-Forwarded-For", request) else {
      return request.peer.text
    }
    var client = request.peer.text
    for entry in chain.split(separator: ",").reversed() {
      guard let address = Forwarding.address(entry) else { break }
      client = address
      if !trustedProxies.contains(address) { break }
    }
    return client
  }

  /// Whether the client speaks TLS, with us or with the proxy.
  func isTLS(_ request: Request) -> Bool {
    if request.isTLS { return true }
    guard trustedProxies.contains(request.peer.text) else { return false }
    return field("X-Forwarded-Proto", request)?.lowercased() == "https"
  }

  /// The host that the client asked the proxy for.
  func host(of request: Request) -> String? {
    trustedProxies.contains(request.peer.text) ? field("X-Forwarded-Host", request) : nil
  }

  private func field(_ name: String, _ request: Request) -> String? { HTTPField.Name(name).flatMap { request[$0] } }

  /// An address without its port and brackets; nil where it cannot be one.
  private static func address(_ entry: Substring) -> String? {
    var text = entry.drop { $0 == " " || $0 == "\t" }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    if text.first == "[" {
      guard let end = text.firstIndex(of: "]") else { return nil }
      text = text[text.index(after: text.startIndex)..<end]
    } else if text.utf8.count(where: { $0 == UInt8(ascii: ":") }) == 1, let colon = text.firstIndex(of: ":") {
      text = text[..<colon]
    }
    let isAddress = text.utf8.allSatisfy { unit in
      switch unit {
      case 0x30...0x3A, 0x41...0x46, 0x61...0x66, UInt8(ascii: "."): true
      default: false
      }
    }
    return isAddress && (2...45).contains(text.utf8.count) ? String(text) : nil
  }
}
