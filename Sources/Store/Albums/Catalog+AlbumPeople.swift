import GRDB
import Ground

extension Catalog {
  /// Lets people see an album; all of them or none. For its owner alone.
  package func share(
    _ album: Identifier, by owner: Identifier, with people: [(user: Identifier, role: String)]
  ) async throws -> (album: AlbumRow?, outcome: SharingOutcome) {
    struct Refused: Error { let outcome: SharingOutcome }
    do {
      return try await write { db in
        guard let open = try OpenAlbum(album, owner, db), open.role == .owner else { throw Refused(outcome: .unknown) }
        let outcome = try open.add(people, db)
        guard outcome == .done else { throw Refused(outcome: outcome) }
        return (try Catalog.album(album, seenBy: owner, db), .done)
      }
    } catch let refused as Refused { return (nil, refused.outcome) }
  }

  /// For the album's owner alone.
  package func setRole(
    _ role: String, of person: Identifier, in album: Identifier, by owner: Identifier
  ) async throws -> SharingOutcome {
    try await write { db in
      guard let open = try OpenAlbum(album, owner, db), open.role == .owner else { return .unknown }
      let (number, outcome) = try Catalog.member(person, of: open, db)
      guard let number else { return outcome }
      try db.execute(
        sql: "UPDATE album_user SET role = ? WHERE album = ? AND user = ? AND role <> ?",
        arguments: [role, open.number, number, role])
      return .done
    }
  }

  /// Takes somebody out: its owner everybody else, everybody themselves. What they put into the album stays in it.
  package func unshare(
    _ album: Identifier, with person: Identifier, by user: Identifier
  ) async throws -> SharingOutcome {
    try await write { db in
      guard let open = try OpenAlbum(album, user, db), open.role == .owner || person == user else { return .unknown }
      let (number, outcome) = try Catalog.member(person, of: open, db)
      guard let number else { return outcome }
      try db.execute(sql: "DELETE FROM album_user WHERE album = ? AND user = ?", arguments: [open.number, number])
      return .done
    }
  }

  /// `user.number` of an editor or viewer; nil for everybody else, and why.
  private static func member(
    _ person: Identifier, of album: OpenAlbum, _ db: Database
  ) throws -> (number: Int64?, outcome: SharingOutcome) {
    guard
      let number = try Int64.fetchOne(
        db.cachedStatement(sql: "SELECT number FROM user WHERE id = ?"), arguments: [person])
    else { return (nil, .isNoMember) }
    switch try album.memberRole(number, db) {
    case nil: return (nil, .isNoMember)
    case .owner: return (nil, .isOwner)
    case .editor, .viewer: return (number, .done)
    }
  }
}
