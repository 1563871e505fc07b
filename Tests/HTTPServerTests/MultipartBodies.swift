import Ground
import Synchronization

@testable import HTTPServer

/// A body that arrives in pieces of the given size.
func pieces(_ bytes: [UInt8], of size: Int) -> RequestBody {
  let position = Mutex(0)
  return RequestBody(declaredLength: Int64(bytes.count)) { block in
    position.withLock { position in
      let count = min(size, bytes.count - position, block.space.count)
      bytes[position..<position + count].withUnsafeBytes { block.append($0) }
      position += count
      return count
    }
  }
}

/// What a reader made of one part.
struct SeenPart: Equatable, Sendable {
  var name: String
  var filename: [UInt8]?
  var content: [UInt8]
}

/// Reads a whole body, files through blocks of 4 KiB, and checks on the way that blocks come as promised.
func readParts(
  _ bytes: [UInt8], boundary: MultipartBoundary, pieceSize: Int, blockSize: Int = 16 << 10
) async throws -> [SeenPart] {
  let reader = MultipartReader(
    pieces(bytes, of: pieceSize), boundary: boundary, block: Block(capacity: blockSize))
  var seen: [SeenPart] = []
  while let head = try await reader.nextPart() {
    var part = SeenPart(name: head.name, filename: head.filename, content: [])
    if head.filename == nil {
      part.content = try await reader.text(limit: 2 << 20)
    } else {
      var content: [UInt8] = []
      var tails = 0
      try await reader.file { block in
        precondition(block.count >= block.capacity && tails == 0)
        content.append(contentsOf: block.bytes[..<block.capacity])
        // Another block to go on with, as a receiver that writes in the background gives back.
        let next = Block(capacity: block.capacity)
        next.append(UnsafeRawBufferPointer(rebasing: block.bytes[block.capacity...]))
        return next
      } tail: { block, count in
        tails += 1
        precondition(count > 0 && count < block.capacity && tails == 1)
        content.append(contentsOf: block.bytes[..<count])
      }
      part.content = content
    }
    seen.append(part)
  }
  return seen
}
