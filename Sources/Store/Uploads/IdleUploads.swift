import GRDB
import Ground

extension Catalog {
  /// Forgets how an upload ended: its client removed it. The row stays as a tombstone until `forgetAt`.
  package func bury(upload number: Int64, forgetAt: Instant) async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE upload SET state = 'gone', is_new = NULL, result_asset = NULL, result_sha1 = NULL,
            failure_code = NULL, failure_message = NULL, details = '{}', expires_at = ?
          WHERE number = ? AND state <> 'open'
          """, arguments: [forgetAt, number])
    }
  }
}

extension Staging {
  /// Whether the file of an upload that nobody has open ends where its row says: then the row alone tells where it stands,
  /// and nothing need be read, which takes minutes for a large file whose digest's state is lost.
  package func isAsRecorded(_ upload: UploadRow) throws(StoreError) -> Bool {
    guard let name = upload.staged else { return false }
    do { return try (FileSystem.status(path(name))?.size ?? 0) == upload.offset } catch { throw StoreError(error) }
  }

  /// Removes the file of an upload that nobody has open, with its mark, after its row ended.
  package func removeIdle(_ name: String) throws(StoreError) {
    do throws(SystemError) {
      for name in [name, PartialFile.claim(name)] { try FileSystem.remove(path(name)) }
    } catch { throw StoreError(error) }
  }
}
