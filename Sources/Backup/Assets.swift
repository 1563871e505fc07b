import Ground

/// What is stored, looked up and changed.
package final class Assets: Sendable {
  init() {}

  /// One answer per digest, in order; other people's assets never match. Takes about 1 µs a digest.
  package func check(_ digests: [SHA1Digest], owner: Identifier) async throws -> [CheckResult] { fatalError() }

  /// - Throws: `.noAccess(permission: "asset.read")`; it is the caller's own or nobody's.
  package func asset(_ id: Identifier, owner: Identifier) async throws -> Asset { fatalError() }
  /// Counts of visible assets; nil filters do not filter. Hidden motion parts never count.
  package func counts(owner: Identifier, isFavorite: Bool?, isTrashed: Bool?, visibility: Visibility?) async throws
    -> AssetCounts
  { fatalError() }

  /// The original's open file and size.
  /// - Throws: `.noAccess(permission: "asset.download")`, `.originalMissing`.
  package func openOriginal(_ id: Identifier, owner: Identifier) async throws -> (asset: Asset, file: Descriptor) {
    fatalError()
  }

  /// Moves assets to the trash; all ids must be the owner's or nothing changes (`.noAccess(permission: "asset.delete")`).
  package func trash(_ ids: [Identifier], owner: Identifier) async throws { fatalError() }
  /// Brings assets back from the trash; the count of those that were in it.
  package func restore(_ ids: [Identifier], owner: Identifier) async throws -> Int { fatalError() }
}
