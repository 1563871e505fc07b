import Backup
import Ground
import HTTPServer

/// Brings a request's body into an upload, block by block. The same for every door that can resume.
struct UploadPump: Sendable {
  let desk: ReceiveDesk

  /// Called between blocks with the offset that is on disk: for progress to the client.
  typealias Progress = (_ durable: Int64) async throws -> Void

  /// Runs on the writer's lane. Whatever breaks off, the writer is cut: what came is kept.
  /// - Parameter authorize: see `UploadWriter.end`.
  /// - Returns: the upload behind this body.
  /// - Throws: `BodyError`, and what the writer throws.
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
      while block.count < wanted {
        if try await body.read(into: block) == 0 {
          if block.count > 0 { block = try await writer.write(block, block.count) }
          return
        }
      }
      block = try await writer.write(block, wanted)
      try await progress(writer.durable)
    }
  }
}
