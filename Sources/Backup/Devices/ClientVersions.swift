import Store

/// Which versions of clients fit this server best. It is only said: nobody is refused for their version.
package enum ClientVersions {
  /// The version of Immich's interface that this server speaks.
  package static let immich = (major: 3, minor: 1, patch: 0)
  package static let immichText = "\(immich.major).\(immich.minor).\(immich.patch)"

  /// Of the clients whose version goes with the interface that they speak: the one that this server speaks.
  private static let recommended = ["Immich for Android": immichText, "Immich for iOS": immichText]

  /// The version that is recommended; nil where the client's is not older, or nothing is known of it.
  package static func update(for facts: DeviceFacts) -> String? {
    guard let client = facts.client, let version = facts.clientVersion, let wanted = recommended[client],
      let (has, wants) = both(version, wanted)
    else { return nil }
    return has.lexicographicallyPrecedes(wants) ? wanted : nil
  }

  private static func both(_ one: String, _ other: String) -> ([Int], [Int])? {
    guard let one = numbers(one), let other = numbers(other) else { return nil }
    return (one, other)
  }

  /// `3.1.0+build.7` → 3, 1, 0; nil where it is not written in numbers.
  private static func numbers(_ version: String) -> [Int]? {
    let core = version.prefix { $0 != "+" && $0 != "-" }
    let parts = core.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...4).contains(parts.count) else { return nil }
    let known = parts.compactMap { $0 }
    return known.count == parts.count ? known + [Int](repeating: 0, count: 4 - known.count) : nil
  }
}
