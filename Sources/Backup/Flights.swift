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
  }
  /// As many groups as transfers at the most.
  private let groups = Mutex<[Key: Group]>([:])

  /// Joins the transfers of these bytes. Nil where the client announced none.
  func join(_ owner: Identifier, _ sha1: SHA1Digest?) -> Flight? {
    guard let sha1 else { return nil }
    let key = Key(owner: owner, sha1: sha1)
    groups.withLock { $0[key, default: Group()].members += 1 }
    return Flight(flights: self, key: key)
  }

  /// These bytes are stored by now.
  func land(_ owner: Identifier, _ sha1: SHA1Digest, as asset: Identifier) {
    groups.withLock { $0[Key(owner: owner, sha1: sha1)]?.stored = asset }
  }

  fileprivate func stored(_ key: Key) -> Identifier? { groups.withLock { $0[key]?.stored } }

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

  fileprivate init(flights: Flights, key: Flights.Key) { (self.flights, self.key) = (flights, key) }

  deinit { flights.leave(key) }

  /// - Throws: `.storedMeanwhile`.
  func check() throws(BackupError) {
    if let asset = flights.stored(key) { throw .storedMeanwhile(asset) }
  }
}
