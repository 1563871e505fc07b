import Synchronization

/// Hosts that an operator or an admin vouches for: they may lie inside, and be spoken to by http.
package struct AllowedHosts: Sendable, Equatable {
  /// `ntfy.lan`, which stands for the usual ports 443 and 80, or `ntfy.lan:2586`; lower-case.
  package private(set) var entries: Set<String>

  package init() { entries = [] }

  /// Nil where one of them is no host or `host:port`; an IPv6 address stands in brackets.
  package init?(_ texts: some Sequence<some StringProtocol>) {
    entries = []
    for text in texts {
      guard let entry = AllowedHosts.normal(String(text)) else { return nil }
      entries.insert(entry)
    }
  }

  package static func normal(_ text: String) -> String? {
    guard let authority = Authority(text.lowercased()[...]) else { return nil }
    return authority.port.map { "\(authority.host):\($0)" } ?? authority.host
  }

  package func union(_ other: AllowedHosts) -> AllowedHosts {
    var all = self
    all.entries.formUnion(other.entries)
    return all
  }

  /// Whether this place is listed.
  func contains(_ host: String, port: Int) -> Bool {
    if entries.contains("\(host):\(port)") { return true }
    return (port == 443 || port == 80) && entries.contains(host)
  }
}

/// The list that holds now.
final class AllowList: Sendable {
  private let hosts: Mutex<AllowedHosts>

  init(_ hosts: AllowedHosts) { self.hosts = Mutex(hosts) }

  var current: AllowedHosts {
    get { hosts.withLock { $0 } }
    set { hosts.withLock { $0 = newValue } }
  }
}
