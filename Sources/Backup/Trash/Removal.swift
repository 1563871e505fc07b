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

  func run(_ now: Instant) async {
    do {
      try await deleteOldTrash(now)
      try await deleteOldPeople(now)
      var moved = 0
      while !Task.isCancelled, case let count = try await remover.move(), count > 0 { moved += count }
      if moved > 0 { logger.info("\(moved) deleted files are in quarantine") }
      var expired = 0
      let limit = now.adding(seconds: -Int64(limits.quarantineDays) * Removal.secondsPerDay)
      while !Task.isCancelled, case let count = try await remover.expire(before: limit), count > 0 { expired += count }
      if expired > 0 { logger.notice("\(expired) files left the quarantine for good") }
    } catch FinishError.unavailable {
      // The server stops, or must be restarted: the next start goes on.
    } catch {
      logger.error("deleted files could not be moved, which is tried again in an hour: \(error)")
    }
  }

  private func deleteOldTrash(_ now: Instant) async throws {
    let limit = now.adding(seconds: -Int64(limits.trashDays) * Removal.secondsPerDay)
    var count = 0
    while !Task.isCancelled {
      let numbers = try await catalog.trashed(owner: nil, before: limit)
      if numbers.isEmpty { break }
      try await delete(numbers, now)
      count += numbers.count
    }
    if count > 0 { logger.notice("\(count) photos and videos lay in the trash for \(limits.trashDays) days") }
  }

  private func deleteOldPeople(_ now: Instant) async throws {
    let limit = now.adding(seconds: -Int64(limits.userDays) * Removal.secondsPerDay)
    for user in try await catalog.usersDeleted(before: limit) {
      while !Task.isCancelled {
        let numbers = try await catalog.anyAssets(owner: user)
        if numbers.isEmpty { break }
        try await delete(numbers, now)
      }
      if Task.isCancelled { return }
      if try await catalog.removeDeletedUser(user) {
        logger.notice("user \(user) is removed; the files are in quarantine")
      }
    }
  }

  private func delete(_ numbers: [Int64], _ now: Instant) async throws {
    for id in try await catalog.delete(numbers, now: now) { originals.lost.remove(id) }
  }
}
