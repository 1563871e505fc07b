import Glibc
import Ground

/// Named places in the finish sequence where a test lets the process die as in a power cut:
/// `NIGHTSTAND_CRASH_AT=renamed:3` kills it at the third passage of `renamed`. Without that variable a passage costs one
/// comparison; it is always compiled in, so that the tested program is the one that is released.
package enum CrashPoint: String, Sendable {
  /// A new upload is in the catalog, or announced in memory; its client does not know its address yet.
  case uploadInserted = "upload-inserted"
  /// More bytes of an upload are on disk than its row says.
  case checkpointSynced = "checkpoint-synced"
  /// The row says it, the client was not told.
  case checkpointed
  /// The file's bytes are on disk, nothing is known of it.
  case stagedSynced = "staged-synced"
  case digestCompared = "digest-compared"
  /// The catalog says what shall be moved where.
  case intentsCommitted = "intents-committed"
  /// One file is in its place, its folder not yet synced.
  case renamed
  case folderSynced = "folder-synced"
  /// The row is there, the client was not answered.
  case recorded
  /// The catalog says that the owner has these bytes already; the staged file is still there.
  case duplicateFound = "duplicate-found"
  /// Assets are deleted and their files announced as on their way out; they lie where they lay.
  case removalAnnounced = "removal-announced"
  /// One file has left originals, no folder is synced.
  case removalMoved = "removal-moved"
  /// The files are on disk in quarantine, its list names them, that of originals too.
  case removalListed = "removal-listed"
  /// Only the catalog does not know yet that they have left.
  case removalUnlisted = "removal-unlisted"
  /// It knows.
  case removalRecorded = "removal-recorded"

  private static let target: (point: CrashPoint, passage: UInt64)? = {
    guard let raw = getenv("NIGHTSTAND_CRASH_AT") else { return nil }
    let parts = String(cString: raw).split(separator: ":", maxSplits: 1)
    guard let name = parts.first, let point = CrashPoint(rawValue: String(name)) else { return nil }
    return (point, parts.count == 2 ? UInt64(parts[1]) ?? 1 : 1)
  }()
  private static let passages = Counter()

  package func pass() {
    guard let target = CrashPoint.target, target.point == self else { return }
    if CrashPoint.passages.next() + 1 == target.passage { kill(getpid(), SIGKILL) }
  }
}
