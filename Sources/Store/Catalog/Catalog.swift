import GRDB
import Ground

/// The SQLite file with everything but the photos' bytes. The store is the only floor that knows SQL; each part of it
/// (assets, accounts, albums) adds its statements in an extension.
///
/// One connection writes, at most four read, each beside the writer (WAL). A commit is on disk when it returns.
package final class Catalog: Sendable {
  /// Readers at once; more wait. Four cover two cores and a slow disk.
  package static let readers = 4
  /// Rows found by their key at once, on the readers' connections.
  private static let keyLaneCount = 2
  /// How long a statement waits for a command line that is writing, in seconds.
  private static let patience = 10.0

  /// Less free space than this, in bytes, explains a failed write.
  private static let pageRoom: Int64 = 64 << 10

  let pool: DatabasePool
  /// For `findByKey`, and nothing that takes longer: nobody waits on a lane behind somebody's search.
  private let keyLanes = Lanes(label: "catalog.key", count: Catalog.keyLaneCount)
  /// Where uploads record their progress.
  let group: GroupCommit
  /// Uploads that are not recorded yet.
  let announced: AnnouncedUploads
  package let path: String
  /// The kernel's boot (`ThisProcess.bootID`) in which offsets of uploads are recorded.
  let boot: String

  /// Opens the catalog, or makes an empty one.
  /// - Parameters:
  ///   - boot: another boot, for tests.
  ///   - patience: see `AnnouncedUploads`, in seconds.
  /// - Throws: `StoreError.catalog`, `.diskFull`.
  package init(path: String, boot: String = ThisProcess.bootID, patience: Double = AnnouncedUploads.patience) throws {
    (self.path, self.boot) = (path, boot)
    announced = AnnouncedUploads(patience: patience)
    var configuration = Configuration()
    configuration.label = "catalog"
    configuration.maximumReaderCount = Catalog.readers
    configuration.busyMode = .timeout(Catalog.patience)
    configuration.foreignKeysEnabled = true
    configuration.prepareDatabase { db in
      // Each connection keeps at most 1 MiB of pages of its own, five connections 5 MiB. The file is not mapped: a page
      // then costs a copy (asset checks: 4 % of their speed), but whatever readers touch would count as this process's
      // memory until the kernel wants it back: 650 MB after reading here and there in 1,000,000 assets, instead of 51.
      try db.execute(sql: "PRAGMA cache_size = -1024")
      try db.execute(sql: "PRAGMA temp_store = MEMORY")
      db.add(function: SearchText.function)
      db.add(function: Originals.placeFunction)
    }
    do {
      pool = try DatabasePool(path: path, configuration: configuration)
      try pool.writeWithoutTransaction { db in
        // GRDB chooses NORMAL for WAL, where a power cut can take the last commits: "stored" would be a lie then.
        try db.execute(sql: "PRAGMA synchronous = FULL")
        // The log is cut back to 4 MiB after a checkpoint instead of keeping its largest size.
        try db.execute(sql: "PRAGMA journal_size_limit = 4194304")
      }
      group = GroupCommit(pool: pool)
    } catch { throw StoreError.wrap(error) }
  }

  /// Runs `body` in one read transaction: it sees one moment of the catalog, whatever is written meanwhile.
  func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    do { return try await pool.read(body) } catch { throw StoreError.wrap(error) }
  }

  /// Runs one statement that finds a row by its key: for what every request asks. It sees one moment of the catalog by
  /// itself, without BEGIN and COMMIT, which SQLite would parse anew each time, and takes one queue where `read` takes two.
  func findByKey<T: Sendable>(_ statement: @escaping @Sendable (Database) throws -> T) async throws -> T {
    try await keyLanes.next().run { try alone(statement) }
  }

  /// Not `async`, so that GRDB's waiting call is taken: a lane may block.
  private func alone<T>(_ statement: (Database) throws -> T) throws -> T {
    do { return try pool.unsafeRead(statement) } catch { throw StoreError.wrap(error) }
  }

  /// Runs `body` in one write transaction, which is on disk when this returns and undone when `body` throws.
  func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    do { return try await pool.write(body) } catch { throw wrap(error) }
  }

  /// As `write`, together with whoever else asks at the moment: for small writes that many uploads make at once.
  func writeTogether<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    do { return try await group.write(body) } catch { throw wrap(error) }
  }

  /// As `StoreError.wrap`; a failed write on a disk without room (a quota that SQLite does not know as such) is want of it.
  func wrap(_ error: any Error) -> any Error {
    if let error = error as? DatabaseError, error.extendedResultCode == .SQLITE_IOERR_WRITE,
      let free = try? FileSystem.space(path).free, free < Catalog.pageRoom
    {
      return StoreError.diskFull
    }
    return StoreError.wrap(error)
  }

  /// Waits for running statements and closes every connection; the log is folded into the file, unless another process
  /// is reading: whoever copies the file alone after a clean stop has everything.
  package func close() throws {
    do {
      try pool.writeWithoutTransaction { db in
        // GRDB closes the writer before the readers, and SQLite lets only the last connection remove the log, if it may
        // write: here it is folded and emptied first. Shorter than a stopping server is given.
        try db.execute(sql: "PRAGMA busy_timeout = 2000")
        do { _ = try db.checkpoint(.truncate) } catch let error as DatabaseError
          where error.resultCode == .SQLITE_BUSY || error.resultCode == .SQLITE_LOCKED
        {
          // Another process reads: the log stays, and is as durable as the file.
        }
      }
    } catch {
      try? pool.close()
      throw StoreError.wrap(error)
    }
    do { try pool.close() } catch { throw StoreError.wrap(error) }
  }
}
