import Ground

/// Albums and what is in them. Foreign and unknown albums are `.noAccess(permission: "album.…")`.
package final class Albums: Sendable {
  init() {}

  package func list(owner: Identifier, containing asset: Identifier?) async throws -> [Album] { fatalError() }
  package func album(_ id: Identifier, owner: Identifier) async throws -> Album { fatalError() }
  /// Ids that are not the owner's are left out without a word, as Immich does; the first becomes the thumbnail.
  package func create(owner: Identifier, name: String, description: String, assets: [Identifier]) async throws -> Album
  { fatalError() }
  /// Changes what is not nil.
  package func update(
    _ id: Identifier, owner: Identifier, name: String?, description: String?, thumbnail: Identifier?,
    isActivityEnabled: Bool?, order: AlbumOrder?
  ) async throws -> Album { fatalError() }
  package func delete(_ id: Identifier, owner: Identifier) async throws { fatalError() }
  /// One result per id, in order; a repeated id is a duplicate the second time.
  package func add(_ assets: [Identifier], to id: Identifier, owner: Identifier) async throws -> [AlbumChange] {
    fatalError()
  }
  package func remove(_ assets: [Identifier], from id: Identifier, owner: Identifier) async throws -> [AlbumChange] {
    fatalError()
  }
}
