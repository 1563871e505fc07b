import Ground
import Store

extension Uploads {
  /// Parts of one concatenation, repeats counted.
  static let mostParts = 1000

  /// Puts finished parts together. The parts end with it, unless it fails for a cause that passes: the final is undone then, and can be
  /// asked for again.
  /// - Throws: `.unknownUpload` where one is unknown or somebody else's, `.invalid` where one is
  ///   no part or not whole, and what `create` and `UploadWriter.end` throw.
  package func concatenate(
    _ parts: [UploadToken], _ creation: UploadCreation, by principal: Principal
  ) async throws -> UploadStatus {
    guard !parts.isEmpty, parts.count <= Uploads.mostParts else {
      throw BackupError.invalid("An upload is put together from 1 to \(Uploads.mostParts) parts")
    }
    guard creation.length == nil else { throw BackupError.invalid("The length is that of the parts") }
    try await checkParts(parts, principal.user.id)
    var held: [UploadToken: Held] = [:]
    do {
      // In one order for everybody, so that two that share parts do not wait for each other.
      for token in Set(parts).sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) {
        held[token] = try await holdPart(token)
      }
      let status = try await concatenate(parts, held, creation, by: principal)
      for part in held.values { await consume(part) }
      return status
    } catch {
      for part in held.values {
        if UploadFailure(error, isLost: false) == nil {
          registry.leave(part.seat, .letGo, parking: part.file)
        } else {
          // They can be of no use for another attempt with the same announcements.
          await consume(part)
        }
      }
      throw error
    }
  }

  private static let incomplete = BackupError.invalid(
    "An upload is put together from partial uploads that are whole")

  /// Looked at before anybody is disturbed and any file opened.
  private func checkParts(_ parts: [UploadToken], _ owner: Identifier) async throws {
    var lengths: [UploadToken: Int64] = [:]
    var total: Int64 = 0
    for token in parts {
      if lengths[token] == nil {
        let row = try await row(token)
        guard row.ownerID == owner else { throw BackupError.unknownUpload }
        guard row.kind == UploadKind.partial.rawValue, row.state == .open, row.offset == row.length else {
          throw Uploads.incomplete
        }
        lengths[token] = row.offset
      }
      let (sum, overflows) = total.addingReportingOverflow(lengths[token] ?? 0)
      guard !overflows, sum <= limits.size else { throw BackupError.uploadTooLarge(limit: limits.size) }
      total = sum
    }
  }

  private func holdPart(_ token: UploadToken) async throws -> Held {
    guard case .open(let held) = try await hold(token, .atOnce) else { throw Uploads.incomplete }
    return held
  }

  private func concatenate(
    _ parts: [UploadToken], _ held: [UploadToken: Held], _ creation: UploadCreation, by principal: Principal
  ) async throws -> UploadStatus {
    let files = parts.compactMap { held[$0]?.file }
    let total = files.reduce(0) { $0 + $1.length }
    var creation = creation
    (creation.kind, creation.rule, creation.length) = (.final, .length, total)
    guard case .opened(let opened) = try await create(creation, by: principal) else {
      throw StoreError.broken("a known digest was answered without an upload")
    }
    // The owner has these bytes already.
    guard case .open = opened.state else { return opened }
    guard case .open(let final) = try await hold(opened.token, .atOnce) else { throw BackupError.uploadGone }
    guard registry.finish(final.seat) else { throw BackupError.overtaken }
    do {
      try await speaking {
        try await desk.lane().run {
          try final.file.reserve(total)
          for file in files { try await final.file.append(contentsOf: file) }
        }
      }
    } catch {
      await undo(final)
      throw error
    }
    do {
      return try await desk.lane().run { try await self.store(final, length: total, head: nil) }
    } catch {
      if UploadFailure(error, isLost: final.file.isLost) == nil { try? await cancel(opened.token) }
      throw error
    }
  }

  /// A final that could not be put together leaves nothing.
  private func undo(_ final: Held) async {
    registry.leave(final.seat, .letGo)
    do { try await cancel(final.seat.token) } catch {
      logger.warning("a concatenation that failed is removed when it expires: \(error)")
    }
  }

  private func consume(_ part: Held) async {
    do { try await discard(part.row, part.seat) } catch {
      logger.warning("a part that was put together is removed when it expires: \(error)")
      registry.leave(part.seat, .letGo, parking: part.file)
    }
  }
}
