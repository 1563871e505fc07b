import Ground

/// Where JSON is read and written: small pieces at once, where the request is served; large ones on lanes of their own,
/// because a connection's loop serves many others, and a body of some MiB would hold them up for a second.
enum JSONWork {
  /// The most bytes that are handled on the loop: some hundred microseconds of work.
  static let smallBytes = 64 << 10
  /// About as much, in elements of a list.
  static let smallCount = 256

  static let lanes = Lanes(label: "nightstand.json", count: 2)

  static func run<T: Sendable>(_ bytes: Int, _ work: @Sendable () throws -> T) async throws -> T {
    guard bytes > smallBytes else { return try work() }
    return try await lanes.next().run { try work() }
  }
}
