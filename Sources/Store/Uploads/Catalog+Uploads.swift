import Ground

extension Catalog {
  /// Records an upload; on disk when this returns.
  package func insert(_ upload: NewUpload) async throws -> UploadRow { fatalError("to be written") }

  package func upload(token: [UInt8]) async throws -> UploadRow? { fatalError("to be written") }
  package func upload(asset: Identifier) async throws -> UploadRow? { fatalError("to be written") }

  /// Those of one person that are open, newest first.
  package func openUploads(owner: Identifier) async throws -> [UploadRow] { fatalError("to be written") }

  /// The open upload of one person with these announced bytes and the highest offset.
  package func openUpload(sha1: SHA1Digest, owner: Identifier) async throws -> UploadRow? {
    fatalError("to be written")
  }

  /// Open uploads whose time is over.
  package func expiredUploads(_ now: Instant) async throws -> [UploadRow] { fatalError("to be written") }

  /// Moves offsets forward. Together with whoever else asks at the moment, in one transaction (as `Finisher` does);
  /// on disk when this returns. The files' bytes must be on disk before.
  package func checkpoint(_ checkpoint: UploadCheckpoint) async throws { fatalError("to be written") }

  /// Ends an open upload; the row stays as a tombstone until `forgetAt`.
  package func end(upload number: Int64, _ state: UploadRow.State, forgetAt: Instant) async throws {
    fatalError("to be written")
  }

  /// Deletes tombstones whose time is over; how many.
  package func forgetUploads(_ now: Instant) async throws -> Int { fatalError("to be written") }
}
