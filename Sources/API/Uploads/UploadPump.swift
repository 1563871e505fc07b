import Backup
import Ground
import HTTPServer

/// Brings a request's body into an upload, block by block: the one way in, for every door that can resume.
struct UploadPump: Sendable {
  let desk: ReceiveDesk

  /// Called between blocks with the offset that is on disk: for progress to the client.
  typealias Progress = (_ durable: Int64) async throws -> Void

  /// Call it on the writer's lane. Where a multipart body is whole with it, its photo is stored. Whatever breaks off, the writer is cut: what came is kept, unless the part had a claim.
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
    let status = try await writer.end(authorize: authorize)
    return writer.holdsWholeBody ? try await store(form: writer, status, authorize) : status
  }

  /// Reads a multipart body that has come as a whole, as if it came just now.
  private func store(
    form writer: UploadWriter, _ upload: UploadStatus, _ authorize: () async throws -> Void
  ) async throws -> UploadStatus {
    do {
      try await authorize()
      guard let boundary = UploadDoor.boundary(upload.contentType) else { throw UploadDoor.noForm }
      let position = Counter()
      let body = RequestBody(declaredLength: upload.offset) { block in
        let count = try await writer.read(into: block, at: Int64(position.current))
        position.add(UInt64(count))
        return count
      }
      let reception = FormReception(
        desk: desk, agent: upload.agent, account: try await desk.account(of: upload.owner), origin: upload.origin,
        claimed: upload.claimedSHA1)
      return try await writer.record(try await reception.receive(body, boundary))
    } catch {
      if let failure = UploadFailure(forEver: error) { await writer.fail(failure) } else { await writer.cut() }
      throw error
    }
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

extension UploadFailure {
  /// Why a form that has come as a whole can never be stored; nil for what may pass.
  init?(forEver error: any Error) {
    switch error {
    case is ValidationFailure, is BodyError, BackupError.invalid, BackupError.emptyFile, BackupError.unsupportedType,
      BackupError.checksumMismatch:
      guard let answer = ErrorAnswer(error, nil) else { return nil }
      self.init(code: UploadSlug(error).text, message: answer.message)
    default: return nil
    }
  }
}
