import GRDB
import Ground

/// What goes wrong between the use cases and the disk, in the store's words. The text is for the log and the operator,
/// never for a client.
package enum StoreError: Error, Sendable, Equatable {
  /// The disk, its quota or the catalog's file system has no room left. Nothing was changed.
  case diskFull
  /// The data directory is not one, or not there.
  case notADataDirectory(path: String, reason: String)
  /// There is none yet, and what was asked for makes none.
  case noDataDirectory(path: String)
  /// Another server has this data directory.
  case inUse(path: String)
  /// The catalog knows a migration that this program does not.
  case catalogTooNew(applied: Int, known: Int)
  /// Files of the migrations folder are missing, doubled, misnamed or differ from what was applied.
  case migrations(String)
  /// A migration's SQL failed; the catalog is as it was before.
  case migrationFailed(name: String, message: String)
  /// The catalog has to change while a server is using it.
  case migrationBlocked(path: String)
  /// SQLite refused.
  case catalog(code: Int32, message: String)
  /// The kernel refused.
  case disk(call: String, code: Int32, message: String)
  /// Bytes of an upload that were acknowledged are not there any more.
  case uploadLost
  /// An upload that was to be recorded is not open any more.
  case uploadEnded
  /// An attempt to store an upload failed and could not be undone yet: its bytes may lie in originals.
  case uploadUnsettled
  /// Bytes of an upload could not be put on disk; the kernel may have dropped them, and the upload can never be trusted.
  case syncFailed
  /// Something that must hold does not.
  case broken(String)

  /// What `error` is in the store's words; the store's own errors and those of callers pass unchanged.
  static func wrap(_ error: any Error) -> any Error {
    switch error {
    case let error as SystemError: return StoreError(error)
    case let error as DatabaseError:
      if error.isWantOfRoom { return StoreError.diskFull }
      return StoreError.catalog(
        code: error.extendedResultCode.rawValue, message: error.message ?? "no message from SQLite")
    default: return error
    }
  }

  package init(_ error: SystemError) {
    self = error.isDiskFull ? .diskFull : .disk(call: error.call, code: error.code, message: error.description)
  }
}

extension DatabaseError {
  /// The disk is full: as SQLite says it, or as the file for the log's index could not grow. Nothing was committed.
  var isWantOfRoom: Bool {
    resultCode == .SQLITE_FULL || extendedResultCode == .SQLITE_IOERR_SHMSIZE
  }
}

extension StoreError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .diskFull: "the disk is full"
    case .uploadLost: "acknowledged bytes of an upload are missing in staging"
    case .uploadEnded: "an upload is not open any more"
    case .uploadUnsettled: "an upload that could not be stored could not be undone yet"
    case .syncFailed: "the disk could not take the bytes of an upload"
    case .notADataDirectory(let path, let reason): "\(path) is no data directory of Nightstand: \(reason)"
    case .noDataDirectory(let path): "there is no data directory in \(path)"
    case .inUse(let path): "another Nightstand is using \(path)"
    case .catalogTooNew(let applied, let known):
      "the catalog is newer than this program: it has migration \(applied), this program knows \(known)"
    case .migrations(let problem): "migrations: \(problem)"
    case .migrationFailed(let name, let message): "migration \(name) failed, the catalog is unchanged: \(message)"
    case .migrationBlocked(let path): "the catalog in \(path) must be migrated, and a server is using it"
    case .catalog(let code, let message): "catalog: \(message) (SQLite \(code))"
    case .disk(_, _, let message): message
    case .broken(let what): what
    }
  }

  /// The next thing an operator can do.
  package var hint: String {
    switch self {
    case .diskFull: "free some space, then try again; nothing that was stored is affected"
    case .notADataDirectory:
      "if a disk should be mounted there, mount it; otherwise choose an empty or new folder with --data"
    case .noDataDirectory:
      "check --data and whether its disk is mounted; 'nightstand serve' and 'nightstand user add' make a new one"
    case .inUse: "stop the other server, or give this one another folder with --data"
    case .catalogTooNew:
      "run the newer program, or restore a copy from the folder backups/ that was made before the upgrade"
    case .migrations: "reinstall the program, so that its migrations/ folder is as released; never edit an applied file"
    case .migrationFailed: "report this; the copy in backups/ and the catalog itself are both as before"
    case .migrationBlocked: "restart the server with this version first"
    case .catalog: "check the disk and its mount; `sqlite3 nightstand.sqlite 'PRAGMA integrity_check'` tells more"
    case .disk: "check that the folder exists, is writable and its disk healthy"
    case .uploadLost: "the client sends the file again; check the disk if this repeats"
    case .uploadUnsettled: "it is tried again; check the disk and its mount if this repeats"
    case .syncFailed: "check the disk and its mount; the client sends the file again"
    case .uploadEnded: "nothing needs to be done: it was cancelled, or it is stored"
    case .broken: "keep the data directory as it is and report this"
    }
  }
}
