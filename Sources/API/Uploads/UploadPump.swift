import Backup
import Ground
import HTTPServer

/// Brings a request's body into an upload, block by block: the one way in, for every door that can resume.
struct UploadPump: Sendable {
  let desk: ReceiveDesk

  /// Called between blocks with the offset that is on disk: for progress to the client.
  typealias Progress = (_ durable: Int64) async throws -> Void

  /// Call it on the writer's lane. Whatever breaks off, the writer is cut: what came is kept, unless the part had a claim.
  /// - Parameter authorize: see `UploadWriter.end`.
  /// - Returns: the upload behind this body.
  /// - Throws: `BodyError`, `BackupError.lengthExceeded` (the bytes that lie in the last block are not taken then, so that
  ///   what the client miscounted never becomes a photo), and what the writer throws.
  func receive(
    _ body: RequestBody, into writer: UploadWriter, progress: Progress = { _ in },
    authorize: () async throws -> Void
  ) async throws -> UploadStatus {
    do {
      try await fill(body, writer, progress)
    } catch {
      await writer.cut()
      throw error
    }
    return try await writer.end(authorize: authorize)
  }

  private func fill(_ body: RequestBody, _ writer: UploadWriter, _ progress: Progress) async throws {
    var block = desk.blocks.take()
    defer { desk.blocks.give(block) }
    while true {
      let wanted = writer.wanted(block)
      // The block that fills the upload is written when the body is known to end there: a chunked one may go on.
      let isLast = writer.room.map { $0 <= Int64(wanted) } ?? false
      do {
        while block.count < wanted || (isLast && block.count == wanted) {
          let count = try await body.read(into: block)
          if count == 0 {
            if block.count > 0 { block = try await writer.write(block, block.count) }
            return
          }
          try writer.heard(count)
        }
      } catch let error where UploadPump.isInterruption(error) {
        // What the connection brought before it broke counts. Failing here changes nothing for the client: the offset
        // that it will ask for says what was kept.
        let count = min(block.count, wanted)
        if count > 0, let next = try? await writer.write(block, count) { block = next }
        throw error
      }
      guard !isLast else { throw BackupError.lengthExceeded }
      block = try await writer.write(block, wanted)
      try await progress(writer.durable)
    }
  }

  private static func isInterruption(_ error: any Error) -> Bool {
    error is BodyError || error as? BackupError == .tooSlow
  }
}
