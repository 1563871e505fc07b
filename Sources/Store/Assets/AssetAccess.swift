import GRDB
import Ground

/// Who looks at assets.
package struct Reader: Sendable {
  package let user: Identifier
  /// Whether they see what they locked away: a person who logged in does, a program with a key never.
  package let opensLocked: Bool

  package init(_ user: Identifier, opensLocked: Bool) { (self.user, self.opensLocked) = (user, opensLocked) }
}

/// Who may look at an asset: its owner; and at what is neither in the trash nor locked away, everybody with whom an album
/// is shared that holds it, or that holds the still whose motion part it is. Only its owner may change it.
enum AssetAccess {
  /// A condition on the row `asset`: not locked away, nor the motion part of what is.
  static let isUnlocked = """
    (asset.visibility <> 'locked' AND NOT EXISTS (
      SELECT 1 FROM asset AS secret WHERE secret.live_photo_video = asset.number AND secret.visibility = 'locked'))
    """

  /// A condition on the row `asset`.
  /// - Parameter user: an expression for `user.number`.
  static func isReadable(by user: String, opensLocked: Bool) -> String {
    (opensLocked ? "" : isUnlocked + " AND ") + """
      (asset.owner = \(user) OR (asset.deleted_at IS NULL AND asset.visibility <> 'locked' AND (
        EXISTS (
          SELECT 1 FROM album_asset AS link JOIN album_user AS member ON member.album = link.album
          WHERE link.asset = asset.number AND member.user = \(user))
        OR EXISTS (
          SELECT 1 FROM asset AS still JOIN album_asset AS link ON link.asset = still.number
          JOIN album_user AS member ON member.album = link.album
          WHERE still.live_photo_video = asset.number AND still.deleted_at IS NULL AND still.visibility <> 'locked'
            AND member.user = \(user)))))
      """
  }
}

extension Catalog {
  /// - Returns: nil where there is no such asset, or the person may not see it.
  package func asset(_ id: Identifier, readableBy reader: Reader) async throws -> AssetRow? {
    try await read { db in
      try Row.fetchOne(
        db.cachedStatement(
          sql: AssetRow.selection
            + " JOIN user AS reader ON reader.id = ?2 WHERE asset.id = ?1 AND \(AssetAccess.isReadable(by: "reader.number", opensLocked: reader.opensLocked))"
        ), arguments: [id, reader.user]
      ).map(AssetRow.init)
    }
  }
}
