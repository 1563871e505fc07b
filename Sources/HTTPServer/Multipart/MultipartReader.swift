import Ground

/// Reads a multipart body part by part, pulling from the socket as it goes. One block of memory serves the whole body:
/// a file's bytes are received into it, page-aligned from its front, and handed on without a copy.
/// Confined to one task; never shared.
package final class MultipartReader {
  /// Bytes of one text field, unless the caller allows more.
  package static let textLimit = 64 << 10
  /// Bytes of all text and unknown fields of one body together.
  package static let totalTextLimit = 2 << 20
  private static let epilogueLimit = 8 << 10

  private let body: RequestBody
  /// What has come. The owner of the reader gives it back to its pool when the reader is done.
  package private(set) var block: Block
  /// Bytes at the block's front that were taken. They are dropped when more must come, or a file does: the form's small
  /// fields arrive together with the file's beginning, which would be moved for each of them.
  private var taken = 0
  private var scanner: MultipartScanner
  private var isInPart = false
  private var textTotal = 0

  package init(_ body: RequestBody, boundary: MultipartBoundary, block: Block) {
    (self.body, self.block) = (body, block)
    scanner = MultipartScanner(boundary)
  }

  /// The next part's head; nil after the last part, when the body has been read to its end. What the caller left of
  /// the part before is skipped.
  /// - Throws: `BodyError`.
  package func nextPart() async throws -> MultipartHead? {
    if isInPart { try await takeText(limit: MultipartReader.totalTextLimit) { _ in } }
    while true {
      switch try scanner.next(bytes) {
      case .needMore: try await fill()
      case .skip(let count): taken += count
      case .head(let count):
        let head = try MultipartHead(lines: Array(bytes[..<count]))
        taken += count
        isInPart = true
        return head
      case .data, .partEnd: preconditionFailure("the scanner is inside a part, the reader is not")
      case .end:
        try await readEpilogue()
        return nil
      }
    }
  }

  /// The whole part in memory.
  /// - Throws: `BodyError.tooLarge` beyond `limit` bytes, or beyond `totalTextLimit` with all fields together.
  package func text(limit: Int = MultipartReader.textLimit) async throws -> [UInt8] {
    var collected: [UInt8] = []
    try await takeText(limit: limit) { collected.append(contentsOf: $0) }
    return collected
  }

  /// Hands the part on as it comes.
  /// - Parameters:
  ///   - write: takes the first `capacity` bytes of a block that holds at least that many; answers with the block to go
  ///     on with, the bytes beyond `capacity` at its front. While it runs, the block is its own; when it throws, the
  ///     block is the reader's again.
  ///   - tail: takes the first `count` bytes, the file's last; not called where nothing is left over.
  package func file(
    write: (Block) async throws -> Block, tail: (_ block: Block, _ count: Int) async throws -> Void
  ) async throws {
    precondition(isInPart)
    dropTaken()
    while true {
      switch try scanner.next(block.bytes) {
      // `data` stops short of whatever may still become a delimiter.
      case .data(let count) where count >= block.capacity:
        let written = block.capacity
        block = try await write(block)
        scanner.took(written)
      case .needMore, .data: try await fill()
      case .partEnd(var count, let delimiter):
        isInPart = false
        while count >= block.capacity {
          count -= block.capacity
          block = try await write(block)
        }
        if count > 0 { try await tail(block, count) }
        block.discard(count + delimiter)
        return
      case .skip, .head, .end: preconditionFailure("the scanner left a part without saying so")
      }
    }
  }

  private func takeText(limit: Int, _ take: (UnsafeRawBufferPointer) -> Void) async throws {
    precondition(isInPart)
    var length = 0
    func account(_ count: Int) throws(BodyError) {
      length += count
      textTotal += count
      if length > limit { throw .tooLarge(limit: Int64(limit)) }
      if textTotal > MultipartReader.totalTextLimit { throw .tooLarge(limit: Int64(MultipartReader.totalTextLimit)) }
    }
    while true {
      switch try scanner.next(bytes) {
      case .needMore: try await fill()
      case .data(let count):
        try account(count)
        take(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        taken += count
        scanner.took(count)
        try await fill()
      case .partEnd(let count, let delimiter):
        isInPart = false
        try account(count)
        take(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        taken += count + delimiter
        return
      case .skip, .head, .end: preconditionFailure("the scanner left a part without saying so")
      }
    }
  }

  /// What follows the closing delimiter means nothing, but the request is whole only when it has come too.
  private func readEpilogue() async throws {
    var length = 0
    dropTaken()
    repeat {
      length += block.count
      guard length <= MultipartReader.epilogueLimit else { throw BodyError.malformed("bytes behind the last part") }
      block.count = 0
    } while try await body.read(into: block) > 0
  }

  /// What has come and was not taken.
  private var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: block.bytes[taken...]) }

  private func dropTaken() {
    block.discard(taken)
    taken = 0
  }

  private func fill() async throws {
    dropTaken()
    // Undecided bytes are shorter than a delimiter, a head or a preamble, and data is taken at `capacity`.
    precondition(block.count < block.capacity + Block.slack)
    guard try await body.read(into: block) > 0 else {
      throw BodyError.malformed("the multipart body ends before its closing delimiter")
    }
  }
}
