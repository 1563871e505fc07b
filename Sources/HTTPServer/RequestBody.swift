import Ground

/// A request's body, pulled by the handler: nothing is read from the socket before somebody asks, so a slow disk slows
/// the client down and memory stays flat. One reader at a time.
package final class RequestBody: Sendable {
  /// From Content-Length; nil for a chunked body, 0 where there is none.
  package let declaredLength: Int64?

  private let pull: @Sendable (Block) async throws -> Int

  /// A request without a body.
  package static let none = RequestBody(declaredLength: 0) { _ in 0 }

  init(declaredLength: Int64?, pull: @escaping @Sendable (Block) async throws -> Int) {
    (self.declaredLength, self.pull) = (declaredLength, pull)
  }

  /// Appends what has come to the block's free space, waiting for at least one byte; runs where its caller runs.
  /// - Returns: how many bytes were added; 0 at the body's end.
  /// - Throws: `BodyError`.
  package func read(into block: Block) async throws -> Int { try await pull(block) }

  /// The whole body in memory.
  /// - Throws: `BodyError.tooLarge` beyond `limit` bytes, and what `read` throws.
  package func collect(limit: Int) async throws -> [UInt8] {
    if let declaredLength, declaredLength > Int64(limit) { throw BodyError.tooLarge(limit: Int64(limit)) }
    var collected: [UInt8] = []
    if let declaredLength { collected.reserveCapacity(Int(declaredLength)) }
    let block = Block(capacity: BlockPool.small)
    while try await pull(block) > 0 {
      guard collected.count + block.count <= limit else { throw BodyError.tooLarge(limit: Int64(limit)) }
      collected.append(contentsOf: block.bytes)
      block.count = 0
    }
    return collected
  }
}
