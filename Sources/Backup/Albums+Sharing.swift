import Ground
import Store

extension Albums {
  /// People in one call.
  package static let peoplePerCall = 1000

  /// Lets people see an album: all of them or none.
  /// - Throws: `.invalid` for its owner, for who is in it already and for nobody; `.noAccess` unless the caller owns it.
  package func share(
    _ id: Identifier, by owner: Identifier, with people: [(user: Identifier, role: AlbumRole)]
  ) async throws -> Album {
    try Albums.check(people)
    let shared = try await speaking {
      try await catalog.share(id, by: owner, with: people.map { ($0.user, $0.role.rawValue) })
    }
    guard let row = shared.album else { throw Albums.refusal(shared.outcome, permission: "album.share") }
    return Album(row)
  }

  package func setRole(
    _ role: AlbumRole, of person: Identifier, in id: Identifier, by owner: Identifier
  ) async throws {
    guard role != .owner else { throw Albums.secondOwner }
    let outcome = try await speaking { try await catalog.setRole(role.rawValue, of: person, in: id, by: owner) }
    guard outcome == .done else { throw Albums.refusal(outcome, permission: "album.share") }
  }

  /// Takes somebody out of an album, or leaves it; what they put into it stays.
  package func unshare(_ id: Identifier, with person: Identifier, by user: Identifier) async throws {
    let outcome = try await speaking { try await catalog.unshare(id, with: person, by: user) }
    if outcome == .isOwner { throw BackupError.invalid("Cannot remove album owner") }
    guard outcome == .done else {
      throw Albums.refusal(outcome, permission: person == user ? "album.read" : "album.share")
    }
  }

  static func check(_ people: [(user: Identifier, role: AlbumRole)]) throws(BackupError) {
    guard people.count <= peoplePerCall else { throw .invalid("there must be at most \(peoplePerCall) albumUsers") }
    guard people.allSatisfy({ $0.role != .owner }) else { throw secondOwner }
  }

  private static let secondOwner = BackupError.invalid("An album has one owner; the role must be editor or viewer")

  static func refusal(_ outcome: SharingOutcome, permission: String) -> BackupError {
    switch outcome {
    case .done, .unknown: .noAccess(permission: permission)
    case .noSuchUser: .invalid("User not found")
    case .isOwner: .invalid("Cannot be shared with owner")
    case .isMember: .invalid("User already added")
    case .isNoMember: .invalid("Album not shared with user")
    }
  }
}
