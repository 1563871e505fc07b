import GRDB
import Ground
import Logging

// What fails after its intent was written is taken back; what cannot be taken back at once is tried again.
extension FinishSteps {
  func fail(_ member: inout FinishMember, _ intent: Intent, _ moved: Moved, _ error: any Error) {
    member.phase = .done(.failure(catalog.wrap(error)))
    var left = moved
    do { try undo(intent, &left) } catch {
      leave(.intent(intent, left), error)
    }
  }

  /// Removes the file wherever it lies (that of an upload goes back to staging), its lines, then the intent: a crash in
  /// between leaves an intent, which recovery undoes again, or carries out where the file is in staging. The sidecar goes first: without its original
  /// nobody would know whose it was. A list that cannot be written keeps no intent: a line too many harms less than bytes
  /// that cannot be sent again.
  /// - Parameter moved: what is left in originals when this throws. Nobody else's file is ever removed.
  func undo(_ intent: Intent, _ moved: inout Moved) throws {
    let folder = splitKey(intent.key).folder
    if moved == .all {
      if let key = intent.sidecarKey { try originals.remove(key) }
      moved = .original
    }
    if moved == .original {
      if intent.upload == nil { try originals.remove(intent.key) } else { try takeBack(intent) }
      try originals.sync(folder: folder)
      moved = .nothing
    }
    removeStaged(intent.upload == nil ? intent.staged : nil, intent.sidecarStaged)
    let names = Set(intent.lines.map(\.name))
    let unlisted = Result { try removeLines(folder, names) }
    try catalog.pool.write { db in try intent.delete(db) }
    if case .failure(let error) = unlisted { leave(.lines(folder: folder, names: names), error) }
  }

  /// Its client may have been told of the bytes: they are in staging again, on disk, before they leave originals for good.
  private func takeBack(_ intent: Intent) throws {
    // Under the key lies somebody else's file where an earlier attempt came so far; under the name in staging nothing
    // can lie, for no upload is opened while an intent names it.
    if let inode = intent.inode, try originals.inode(intent.key) == inode {
      try originals.moveOut(intent.key, staging.path(intent.staged))
    }
    try staging.syncFolder()
  }

  /// Those whose files are gone: a stranger's file under such a name keeps its line.
  private func removeLines(_ folder: String, _ names: Set<String>) throws {
    let gone = try names.filter { try !originals.exists("\(folder)/\($0)") }
    if try originals.list(folder: folder).remove(gone) { try originals.sync(folder: folder) }
  }

  private func leave(_ item: Leftovers.Item, _ error: any Error) {
    let isKept = leftovers.add(item)
    logger.error("an upload could not be undone, \(isKept ? "the next one" : "a restart") tries again: \(error)")
  }

  /// Undoes what could not be undone before; stops where that still fails.
  func settleLeftovers() {
    var items = leftovers.take()
    while let item = items.popLast() {
      do {
        switch item {
        case .intent(let intent, var moved):
          do { try undo(intent, &moved) } catch {
            items.append(.intent(intent, moved))
            throw error
          }
        case .lines(let folder, let names):
          do { try removeLines(folder, names) } catch {
            items.append(item)
            throw error
          }
        }
      } catch {
        for item in items { _ = leftovers.add(item) }
        return
      }
    }
  }

  /// Removes what no row speaks of: an upload that was not stored keeps its file.
  func discard(_ request: FinishRequest, _ result: Result<FinishOutcome, any Error>) {
    var staged: String? = request.staged
    if case .failure = result, request.upload != nil { staged = nil }
    removeStaged(staged, request.sidecarStaged)
  }

  func removeStaged(_ names: String?...) {
    for case let name? in names {
      do { try FileSystem.remove(staging.path(name)) } catch {
        logger.warning("staged file stays until the sweep: \(error)")
      }
    }
  }
}
