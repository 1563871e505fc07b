import Ground

/// A request's body, pulled by the handler: nothing is read from the socket before somebody asks, so a slow disk slows
/// the client down and memory stays flat. One reader at a time.
package final class RequestBody: Sendable {
  /// From Content-Length; nil for a chunked body, 0 where there is none.
  package let declaredLength: Int64?

  private let pull: @Sendable (Block) async throws -> Int

  /// A request without a body.
  package static let none = RequestBody(declaredLength: 0) { _ in 0 }

  /// - Parameter pull: appends to the block's free space; 0 at the end. For a body that does not come from a socket too.
  package init(declaredLength: Int64?, pull: @escaping @Sendable (Block) async throws -> Int) {
    (self.declaredLength, self.pull) = (declaredLength, pull)
  }

  /// Appends what has come to the block's free space, waiting for at least one byte; runs where its caller runs.
  /// - Returns: how many bytes were added; 0 at the body's end.
  /// - Throws: `BodyError`.
  package func read(into block: Block) async throws -> Int { try await pull(block) }

  /// Seconds that any body may take, and the bytes a second that a longer one must bring beyond them.
  private static let grace = 15.0
  private static let slowest = 16_384.0

  /// The whole body in memory. Together, bodies that are being collected hold at most 64 MiB.
  /// - Throws: `BodyError.tooLarge` beyond `limit` bytes, `.stalled` where it comes more slowly than 16 KiB a second
  ///   after 15 seconds, `.overloaded` where the shared memory is used up, and what `read` throws.
  package func collect(limit: Int) async throws -> [UInt8] {
    try await collect(limit: limit) { $0 }
  }

  /// As above; the body's share of the memory is given back when `use` has returned.
  package func collect<T>(limit: Int, _ use: ([UInt8]) async throws -> T) async throws -> T {
    let share = BodyMemory.Share(of: .shared)
    let body = try await collect(limit: limit, share, now: MonotonicTime.now)
    defer { withExtendedLifetime(share) {} }
    return try await use(body)
  }

  /// - Parameter now: the clock that the deadline is held against.
  func collect(limit: Int, _ share: BodyMemory.Share, now: () -> MonotonicTime) async throws -> [UInt8] {
    if let declaredLength, declaredLength > Int64(limit) { throw BodyError.tooLarge(limit: Int64(limit)) }
    let start = now()
    var collected: [UInt8] = []
    if let declaredLength { collected.reserveCapacity(Int(declaredLength)) }
    let block = Block(capacity: BlockPool.small)
    while try await pull(block) > 0 {
      guard collected.count + block.count <= limit else { throw BodyError.tooLarge(limit: Int64(limit)) }
      try share.grow(by: block.count)
      collected.append(contentsOf: block.bytes)
      block.count = 0
      // The stall time-out alone would let a client hold its memory for days, a byte a minute.
      if now().seconds(since: start) > RequestBody.grace + Double(collected.count) / RequestBody.slowest {
        throw BodyError.stalled
      }
    }
    return collected
  }
}
