import Ground
import Logging
import Store

/// What is done about what is due, in small batches: whatever cannot be done now is done an hour later.
struct Removal: Sendable {
  let limits: Trash.Limits
  let catalog: Catalog
  let originals: Originals
  let remover: Remover
  let logger: Logger

  private static let secondsPerDay: Int64 = 86_400

  /// Each step by itself: what keeps one from its work keeps no other.
  func run(_ now: Instant) async {
    await trying { try await deleteOldTrash(now) }
    await trying { try await deleteOldPeople(now) }
    await trying {
      var moved = 0
      while !Task.isCancelled, case let count = try await remover.move(), count > 0 { moved += count }
      if moved > 0 { logger.info("\(moved) deleted files left originals for quarantine") }
    }
    await trying {
      var expired = 0
      let limit = now.adding(seconds: -Int64(limits.quarantineDays) * Removal.secondsPerDay)
      while !Task.isCancelled, case let count = try await remover.expire(before: limit), count > 0 { expired += count }
      if expired > 0 { logger.notice("\(expired) files left the quarantine for good") }
    }
  }

  private func trying(_ step: () async throws -> Void) async {
    do { try await step() } catch FinishError.unavailable {
      // The server stops, or must be restarted: the next start goes on.
    } catch {
      logger.error("what is deleted could not be cleared away, which is tried again in an hour: \(error)")
    }
  }

  private func deleteOldTrash(_ now: Instant) async throws {
    let limit = now.adding(seconds: -Int64(limits.trashDays) * Removal.secondsPerDay)
    var count = 0
    while !Task.isCancelled {
      let assets = try await catalog.trashed(owner: nil, before: limit)
      if assets.isEmpty { break }
      // What was restored since then stays, and is not listed again.
      count += forget(try await catalog.deleteTrashed(assets, before: limit, now: now))
    }
    if count > 0 { logger.notice("\(count) photos and videos lay in the trash for \(limits.trashDays) days") }
  }

  private func deleteOldPeople(_ now: Instant) async throws {
    let limit = now.adding(seconds: -Int64(limits.userDays) * Removal.secondsPerDay)
    for user in try await catalog.usersDeleted(before: limit) {
      while !Task.isCancelled {
        // Asks each time whether they still are deleted.
        if forget(try await catalog.deleteSome(ofDeleted: user, before: limit, now: now)) == 0 { break }
      }
      if Task.isCancelled { return }
      if try await catalog.removeDeletedUser(user, before: limit) {
        logger.notice("user \(user) is removed; the files are in quarantine")
      }
    }
  }

  /// Gone assets are not lost ones.
  private func forget(_ gone: [Identifier]) -> Int {
    for id in gone { originals.lost.remove(id) }
    return gone.count
  }
}
