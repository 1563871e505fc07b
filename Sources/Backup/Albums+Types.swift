import Ground

/// A named collection of assets.
package struct Album: Sendable, Equatable {
  package let id: Identifier
  package let owner: Identifier
  package var name: String
  package var description: String
  package var thumbnail: Identifier?
  package var isActivityEnabled: Bool
  package var order: AlbumOrder
  package var assetCount: Int
  /// The earliest and latest `localDateTime` in it; nil while empty.
  package var startDate: Instant?
  package var endDate: Instant?
  package var lastModifiedAsset: Instant?
  package let createdAt: Instant
  package var updatedAt: Instant
  /// Who may see it: its owner first.
  package var people: [AlbumPerson]

  package var isShared: Bool { people.count > 1 }
}

/// What somebody may do in an album that they may see. An editor changes its name and its like, and adds and removes assets
/// of their own.
package enum AlbumRole: String, Sendable, Codable { case owner, editor, viewer }

/// Somebody who may see an album.
package struct AlbumPerson: Sendable, Equatable {
  package let role: AlbumRole
  package let user: User
}

package enum AlbumOrder: String, Sendable, Codable { case asc, desc }

/// What happened to one id that should join or leave an album.
package struct AlbumChange: Sendable, Equatable {
  package enum Failure: String, Sendable {
    case duplicate
    case noPermission = "no_permission"
    case notFound = "not_found"
  }
  package let id: Identifier
  package let failure: Failure?

  package init(id: Identifier, failure: Failure?) { (self.id, self.failure) = (id, failure) }
}
