import API
import ArgumentParser
import Ground
import Logging
import Outbound

/// A time such as `75` or `0.5`.
struct Seconds: ExpressibleByArgument, Sendable {
  let value: Double

  init(_ value: Double) { self.value = value }

  init?(argument: String) {
    guard let value = Double(argument), value.isFinite else { return nil }
    self.value = value
  }

  var defaultValueDescription: String { value == value.rounded() ? String(Int64(value)) : String(value) }
}

/// An amount of bytes such as `500000000`, `512MiB`, `2G`; the letters are powers of 1024.
struct ByteCount: ExpressibleByArgument, Sendable {
  let value: Int64

  init(_ value: Int64) { self.value = value }

  init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && $0.isNumber }
    let shift: Int64
    switch argument.dropFirst(digits.count).lowercased() {
    case "", "b": shift = 0
    case "k", "kib": shift = 10
    case "m", "mib": shift = 20
    case "g", "gib": shift = 30
    case "t", "tib": shift = 40
    default: return nil
    }
    guard let number = Int64(digits), number <= Int64.max >> shift else { return nil }
    value = number << shift
  }

  var defaultValueDescription: String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] as [(String, Int64)]
    where value > 0 && value % (1 << shift) == 0 { return "\(value >> shift)\(unit)" }
    return String(value)
  }
}

/// Addresses separated by commas: `10.0.0.2,fd00::2`.
struct AddressList: ExpressibleByArgument, Sendable {
  let addresses: Set<String>

  init?(argument: String) {
    addresses = Set(argument.split { $0 == "," || $0 == " " }.map(String.init))
    guard addresses.allSatisfy(isAddress) else { return nil }
  }

  var defaultValueDescription: String { addresses.sorted().joined(separator: ",") }
}

/// Whether a text looks like an IP address rather than a host name, which would never match a peer.
private func isAddress(_ text: String) -> Bool {
  if text.contains(":") { return text.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." } }
  let parts = text.split(separator: ".", omittingEmptySubsequences: false)
  return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
}

/// Hosts, or host:port, separated by commas.
struct HostList: ExpressibleByArgument, Sendable {
  let hosts: AllowedHosts

  init?(argument: String) {
    guard let hosts = AllowedHosts(argument.split { $0 == "," || $0 == " " }) else { return nil }
    self.hosts = hosts
  }

  var defaultValueDescription: String { hosts.entries.sorted().joined(separator: ",") }
}

/// `mailto:` or `https:` (RFC 8292 section 2.1).
struct PushContact: ExpressibleByArgument, Sendable {
  let text: String

  init?(argument: String) {
    let isPlain = argument.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    guard isPlain, argument.utf8.count <= 255,
      argument.hasPrefix("mailto:") && argument.contains("@") || argument.hasPrefix("https://") && argument.count > 8
    else { return nil }
    text = argument
  }

  var defaultValueDescription: String { text }
}

/// How much is logged, by swift-log's names.
struct LogLevel: ExpressibleByArgument, Sendable {
  let value: Logger.Level

  init(_ value: Logger.Level) { self.value = value }

  init?(argument: String) {
    guard let value = Logger.Level(rawValue: argument) else { return nil }
    self.value = value
  }

  var defaultValueDescription: String { value.rawValue }
}

/// Such as `https://photos.example.org` or `https://example.org/photos`; a slash at its end is dropped.
struct PublicURL: ExpressibleByArgument, Sendable {
  let text: String

  init?(argument: String) {
    var text = argument[...]
    while text.last == "/" { text.removeLast() }
    // It goes into a field of every answer to a creation as it stands.
    let isPlain = text.utf8.allSatisfy {
      (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
    }
    guard isPlain, !text.contains("?"), !text.contains("#"), !text.contains("@"),
      let scheme = ["http://", "https://"].first(where: { text.lowercased().hasPrefix($0) }),
      let first = text.dropFirst(scheme.count).first, first != "/"
    else { return nil }
    self.text = String(text)
  }

  var defaultValueDescription: String { text }
}

/// When uploads are answered by 104 first.
struct InterimMode: ExpressibleByArgument, Sendable {
  let value: InterimResponses

  init(_ value: InterimResponses) { self.value = value }

  init?(argument: String) {
    guard let value = InterimResponses(rawValue: argument) else { return nil }
    self.value = value
  }

  var defaultValueDescription: String { value.rawValue }
}
