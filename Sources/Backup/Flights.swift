import Ground
import Synchronization

/// Transfers under way whose clients announced their bytes, whatever door they came through: as soon as one of several
/// with the same bytes is stored, the others learn that theirs are not needed any more.
final class Flights: Sendable {
  struct Key: Hashable, Sendable {
    let owner: Identifier
    let sha1: SHA1Digest
  }

  private struct Group {
    var members = 0
    var stored: Identifier?
    /// How often the bytes were stored while the group lived: who joins later has not heard of those before.
    var landings: UInt64 = 0
  }
  /// As many groups as transfers at the most.
  private let groups = Mutex<[Key: Group]>([:])

  /// Joins the transfers of these bytes. Nil where the client announced none.
  func join(_ owner: Identifier, _ sha1: SHA1Digest?) -> Flight? {
    guard let sha1 else { return nil }
    let key = Key(owner: owner, sha1: sha1)
    let landings = groups.withLock { groups in
      groups[key, default: Group()].members += 1
      return groups[key]?.landings ?? 0
    }
    return Flight(flights: self, key: key, landings: landings)
  }

  /// These bytes are stored by now.
  func land(_ owner: Identifier, _ sha1: SHA1Digest, as asset: Identifier) {
    let key = Key(owner: owner, sha1: sha1)
    groups.withLock { groups in
      groups[key]?.stored = asset
      groups[key]?.landings += 1
    }
  }

  /// What was stored of these bytes after the first `landings` times: an older word may be a lie by now, as its asset may
  /// have been deleted since.
  fileprivate func stored(_ key: Key, after landings: UInt64) -> Identifier? {
    groups.withLock { groups in
      guard let group = groups[key], group.landings > landings else { return nil }
      return group.stored
    }
  }

  fileprivate func leave(_ key: Key) {
    groups.withLock { groups in
      guard var group = groups[key] else { return }
      group.members -= 1
      groups[key] = group.members == 0 ? nil : group
    }
  }
}

/// One transfer's part in it; leaves when it is dropped.
final class Flight: Sendable {
  private let flights: Flights
  private let key: Flights.Key

  private let landings: UInt64

  fileprivate init(flights: Flights, key: Flights.Key, landings: UInt64) {
    (self.flights, self.key, self.landings) = (flights, key, landings)
  }

  deinit { flights.leave(key) }

  /// - Throws: `.storedMeanwhile`.
  func check() throws(BackupError) {
    if let asset = flights.stored(key, after: landings) { throw .storedMeanwhile(asset) }
  }
}
