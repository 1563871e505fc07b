import Ground
import Store

package typealias AssetQuery = Store.AssetQuery

/// One page of what was found.
package struct SearchPage: Sendable {
  package let assets: [Asset]
  package let hasMore: Bool

  package static let empty = SearchPage(assets: [], hasMore: false)
}

/// A column of the camera's facts that searches offer values of.
package enum CameraFact: String, Sendable, CaseIterable { case make, model, lens }

extension Assets {
  package static let pageLimit = 1000
  /// Characters of a text that is searched for.
  static let longestText = 1000

  /// - Parameter page: from 1.
  /// - Throws: `.noAccess(permission: "album.read")` where an album is asked for that the person may not see, `.invalid`.
  package func search(
    _ query: AssetQuery, user: Identifier, ascending: Bool, page: Int, size: Int
  ) async throws -> SearchPage {
    precondition((1...Assets.pageLimit).contains(size) && page > 0)
    // Nobody has that many, and the product must not overflow.
    guard page <= 1 << 40 else { return .empty }
    return try await searching(query, user) {
      let (rows, hasMore) = try await catalog.search(
        query, user: user, ascending: ascending, limit: size, offset: (page - 1) * size)
      return SearchPage(assets: try rows.map(Asset.init), hasMore: hasMore)
    }
  }

  /// Different ones in no order.
  package func random(_ query: AssetQuery, user: Identifier, size: Int) async throws -> [Asset] {
    precondition((1...Assets.pageLimit).contains(size))
    return try await searching(query, user) {
      try await catalog.random(query, user: user, limit: size).map(Asset.init)
    }
  }

  package func count(_ query: AssetQuery, user: Identifier) async throws -> Int {
    try await searching(query, user) { try await catalog.count(query, user: user) }
  }

  /// At most 1,000 values, in order.
  package func values(
    of fact: CameraFact, where filters: [CameraFact: String], user: Identifier
  ) async throws -> [String] {
    await searches.take()
    defer { searches.give() }
    let filters = filters.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key.rawValue, $0.value) }
    return try await speaking {
      try await catalog.cameraValues(fact.rawValue, filters: filters, user: user, limit: Assets.pageLimit)
    }
  }

  private func searching<T: Sendable>(_ query: AssetQuery, _ user: Identifier, _ body: () async throws -> T)
    async throws -> T
  {
    for text in [query.name, query.path, query.description, query.make ?? nil, query.model ?? nil, query.lens ?? nil] {
      guard (text?.unicodeScalars.count ?? 0) <= Assets.longestText else {
        throw BackupError.invalid("A text to search for may have at most \(Assets.longestText) characters")
      }
    }
    guard query.albums.count <= 100 else { throw BackupError.invalid("albumIds may name at most 100 albums") }
    await searches.take()
    defer { searches.give() }
    return try await speaking {
      guard try await catalog.mayRead(albums: query.albums, user) else {
        throw BackupError.noAccess(permission: "album.read")
      }
      return try await body()
    }
  }
}
