import Ground
import Store

extension Assets {
  /// The asset that somebody may look at, download and see as a picture: their own, or one of an album that is shared with
  /// them, or the motion part of one. (What is in the trash or locked away is its owner's alone.) To change it they must own it.
  /// - Throws: `.noAccess` with the permission that was asked for; unknown and foreign ones cannot be told apart.
  package func readable(
    _ id: Identifier, by user: Identifier, permission: String = "asset.read"
  ) async throws -> Asset {
    guard let row = try await speaking({ try await catalog.asset(id, readableBy: user) }) else {
      throw BackupError.noAccess(permission: permission)
    }
    return try Asset(row)
  }
}
