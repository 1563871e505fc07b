import Ground
import Store

package typealias Tag = Store.TagRow

/// Words that people put on their own photos. A tag belongs to one person, lies in a tree by its path, and is seen by
/// nobody else; what somebody has not is `.noAccess(permission: "tag.…")`.
package final class Tags: Sendable {
  /// Tags of one person.
  package static let limit = 20_000
  /// Paths, or ids, in one call.
  package static let perCall = 65_000
  /// Bytes of a path, and its parts.
  static let longestPath = 1_000
  static let deepest = 32

  private let catalog: Catalog
  private let now: @Sendable () -> Instant

  package init(catalog: Catalog, now: @escaping @Sendable () -> Instant = { .now() }) {
    (self.catalog, self.now) = (catalog, now)
  }

  package func list(of owner: Identifier) async throws -> [Tag] {
    try await speaking { try await catalog.tags(of: owner) }
  }

  package func tag(_ id: Identifier, owner: Identifier) async throws -> Tag {
    guard let tag = try await speaking({ try await catalog.tag(id, owner: owner) }) else {
      throw BackupError.noAccess(permission: "tag.read")
    }
    return tag
  }

  /// Finds or makes these paths, with everything above them; empty parts do not count. One tag for each different path.
  package func upsert(_ paths: [String], owner: Identifier) async throws -> [Tag] {
    try Tags.check(count: paths.count)
    var (seen, parts): (Set<String>, [[String]]) = ([], [])
    for path in paths {
      let split = try Tags.parts(path)
      if !split.isEmpty, seen.insert(split.joined(separator: "/")).inserted { parts.append(split) }
    }
    let wanted = parts
    let outcome = try await speaking {
      try await catalog.upsertTags(wanted, owner: owner, limit: Tags.limit, now: now())
    }
    return try Tags.made(outcome)
  }

  package func create(_ name: String, parent: Identifier?, color: String?, owner: Identifier) async throws -> Tag {
    let parts = try Tags.parts(name)
    guard parts.count == 1, !name.contains("/") else {
      throw BackupError.invalid("name must be one name without slashes")
    }
    if let parent { _ = try Tags.parts(try await tag(parent, owner: owner).value + "/" + name) }
    let outcome = try await speaking {
      try await catalog.insertTag(
        parts[0], parent: parent, color: color, owner: owner, limit: Tags.limit, now: now())
    }
    return try Tags.made(outcome)[0]
  }

  package func setColor(_ color: String?, _ id: Identifier, owner: Identifier) async throws -> Tag {
    let changed = try await speaking { try await catalog.setTagColor(color, id, owner: owner, now: now()) }
    guard let changed else { throw BackupError.noAccess(permission: "tag.update") }
    return changed
  }

  /// With those below it; the assets stay.
  package func delete(_ id: Identifier, owner: Identifier) async throws {
    guard try await speaking({ try await catalog.deleteTag(id, owner: owner) }) else {
      throw BackupError.noAccess(permission: "tag.delete")
    }
  }

  // MARK: Assets

  /// One result per id, in order.
  package func add(_ id: Identifier, to assets: [Identifier], owner: Identifier) async throws -> [AlbumChange] {
    try Tags.check(count: assets.count)
    let changes = try await speaking { try await catalog.addTag(id, to: assets, owner: owner) }
    guard let changes else { throw BackupError.noAccess(permission: "tag.asset") }
    return zip(assets, changes).map(AlbumChange.init)
  }

  /// One result per id, in order.
  package func remove(_ id: Identifier, from assets: [Identifier], owner: Identifier) async throws -> [AlbumChange] {
    try Tags.check(count: assets.count)
    let changes = try await speaking { try await catalog.removeTag(id, from: assets, owner: owner) }
    guard let changes else { throw BackupError.noAccess(permission: "tag.asset") }
    return zip(assets, changes).map(AlbumChange.init)
  }

  /// Every tag to every asset, as far as they are the person's own; how many were put on.
  package func add(_ tags: [Identifier], to assets: [Identifier], owner: Identifier) async throws -> Int {
    try Tags.check(count: tags.count * max(1, assets.count))
    return try await speaking { try await catalog.addTags(tags, to: assets, owner: owner) }
  }

  // MARK: Rules

  private static func parts(_ path: String) throws(BackupError) -> [String] {
    guard path.utf8.count <= longestPath else { throw .invalid("a tag must be at most \(longestPath) bytes long") }
    // SQLite's text functions end at a zero byte.
    guard !path.utf8.contains(0) else { throw .invalid("a tag must not contain a zero character") }
    let parts = path.split(separator: "/").map(String.init)
    guard parts.count <= deepest else { throw .invalid("a tag must have at most \(deepest) parts") }
    return parts
  }

  private static func check(count: Int) throws(BackupError) {
    guard count <= perCall else { throw .invalid("there must be at most \(perCall) of them in one call") }
  }

  private static func made(_ outcome: TagOutcome) throws(BackupError) -> [Tag] {
    switch outcome {
    case .done(let tags): return tags
    case .exists: throw .invalid("A tag with that name already exists")
    case .unknownParent: throw .noAccess(permission: "tag.read")
    case .tooMany: throw .invalid("there must be at most \(limit) tags")
    }
  }
}
