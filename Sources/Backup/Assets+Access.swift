import Ground
import Store

package typealias Reader = Store.Reader

extension Principal {
  /// Their person, as a reader.
  package var reader: Reader { Reader(user.id, opensLocked: session != nil) }

  /// - Throws: `.lockedToKeys` where a key asks for what is locked away.
  package func require(unlocking visibilities: [String]) throws {
    guard reader.opensLocked || !visibilities.contains(Visibility.locked.rawValue) else {
      throw BackupError.lockedToKeys
    }
  }
}

extension Assets {
  /// The asset that somebody may look at, download and see as a picture: their own, or one of an album that is shared with
  /// them, or the motion part of one. (What is in the trash or locked away is its owner's alone, and what
  /// is locked away is for no key.) To change it they must own it.
  /// - Throws: `.noAccess` with the permission that was asked for; unknown and foreign ones cannot be told apart.
  package func readable(
    _ id: Identifier, by user: Reader, permission: String = "asset.read"
  ) async throws -> Asset {
    guard let row = try await speaking({ try await catalog.asset(id, readableBy: user) }) else {
      throw BackupError.noAccess(permission: permission)
    }
    return try Asset(row)
  }
}
