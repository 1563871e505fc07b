/// An address that may be sent to: parsed strictly and written anew, so that libcurl cannot read another host into it than
/// the one that was checked.
package struct OutboundURL: Sendable, Equatable {
  /// Bytes of an address.
  package static let longest = 1000

  package let isTLS: Bool
  /// Lower-case; an IPv6 address in brackets.
  package let host: String
  package let port: Int
  /// Path and query, `/` at least.
  let path: String
  /// Listed: its addresses are not looked at.
  package let isAllowed: Bool

  /// - Parameters:
  ///   - allowed: nil where it is only to be read, for its parts.
  ///   - trust: a configured address may use any port.
  /// - Throws: `.refused`.
  init(
    _ text: String, allowed: AllowedHosts?, trust: OutboundRequest.Trust = .stranger
  ) throws(OutboundError) {
    let units = text.utf8
    guard units.count <= OutboundURL.longest, units.allSatisfy({ (0x21...0x7E).contains($0) }),
      !text.contains("\\"), !text.contains("#")
    else { throw .refused(.malformed) }
    let scheme = text.prefix { $0 != ":" }
    let rest = text.dropFirst(scheme.count)
    guard rest.hasPrefix("://") else { throw .refused(.malformed) }
    switch scheme.lowercased() {
    case "https": isTLS = true
    case "http": isTLS = false
    default: throw .refused(.malformed)
    }
    let authorityText = rest.dropFirst(3).prefix { $0 != "/" && $0 != "?" }
    guard !authorityText.contains("@") else { throw .refused(.userinfo) }
    guard let authority = Authority(authorityText.lowercased()[...]) else { throw .refused(.malformed) }
    (host, port) = (authority.host, authority.port ?? (isTLS ? 443 : 80))
    let tail = rest.dropFirst(3 + authorityText.count)
    path = tail.hasPrefix("/") ? String(tail) : "/" + tail
    let isListed = allowed?.contains(host, port: port) ?? true
    isAllowed = trust == .configured || isListed
    if !isTLS, !isListed { throw .refused(.plain) }
    if port != 443, !isAllowed { throw .refused(.port) }
  }

  /// As libcurl gets it.
  var text: String { "\(origin)\(path)" }

  /// RFC 6454, as VAPID's `aud` wants it: without the usual port.
  package var origin: String {
    let usual = isTLS ? 443 : 80
    return "\(isTLS ? "https" : "http")://\(host)\(port == usual ? "" : ":\(port)")"
  }

  /// The host as the resolver takes it.
  var name: String { host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host }

  /// Host, and the port where it is not the usual one: for lists.
  package var place: String { port == (isTLS ? 443 : 80) ? host : "\(host):\(port)" }
}

/// `host` or `host:port`, lower-case already.
struct Authority {
  let host: String
  let port: Int?

  init?(_ text: Substring) {
    let hostText: Substring
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      hostText = text[...end]
    } else {
      hostText = text.prefix { $0 != ":" }
    }
    let rest = text.dropFirst(hostText.count)
    if rest.isEmpty {
      port = nil
    } else {
      let digits = rest.dropFirst()
      guard rest.hasPrefix(":"), (1...5).contains(digits.utf8.count),
        digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(digits), number > 0
      else { return nil }
      port = Int(number)
    }
    guard Authority.isHost(hostText) else { return nil }
    host = String(hostText)
  }

  private static func isHost(_ text: Substring) -> Bool {
    if text.hasPrefix("[") {
      let inner = text.dropFirst().dropLast()
      // No zone: a link-local address is inside in any case.
      return inner.contains(":") && inner.utf8.count <= 45
        && inner.utf8.allSatisfy { isHex($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }
    }
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    guard text.utf8.count <= 253, !labels.isEmpty,
      labels.allSatisfy({ label in
        (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
          && label.utf8.allSatisfy { isDigit($0) || isLetter($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
      }), let last = labels.last
    else { return false }
    // The last label of a name is never a number: `127.1`, `0x7f000001` and `2130706433` are addresses in disguise, which
    // every resolver reads in its own way.
    guard last.utf8.allSatisfy(isDigit) || last.hasPrefix("0x") else { return true }
    return labels.count == 4
      && labels.allSatisfy { label in
        label.utf8.allSatisfy(isDigit) && UInt8(label) != nil && (label == "0" || !label.hasPrefix("0"))
      }
  }

  private static func isDigit(_ unit: UInt8) -> Bool { (0x30...0x39).contains(unit) }
  private static func isLetter(_ unit: UInt8) -> Bool { (0x61...0x7A).contains(unit) }
  private static func isHex(_ unit: UInt8) -> Bool { isDigit(unit) || (0x61...0x66).contains(unit) }
}
