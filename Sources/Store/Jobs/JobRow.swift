import GRDB
import Ground

/// A job that was claimed, with what its work needs to know of the asset.
package struct ClaimedJob: Sendable {
  /// `asset.number`.
  package let asset: Int64
  /// `facts` or `pictures`.
  package let kind: String
  package let id: Identifier
  package let originalKey: String
  package let mimeType: String
  /// `IMAGE` or `VIDEO`.
  package let mediaKind: String
  /// Bytes of the original.
  package let size: Int64
  /// This one included.
  package let attempts: Int

  /// Under originals/, its owner's.
  package var ownerFolder: String { String(originalKey.prefix { $0 != "/" }) }

  /// Whether its asset is still there: minutes may lie between a claim and its ending.
  func isOfItsAsset(_ db: Database) throws -> Bool {
    try Bool.fetchOne(
      db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM asset WHERE number = ? AND id = ?)"),
      arguments: [asset, id]) == true
  }
}

/// How a try ended.
package enum JobEnding: Sendable, Equatable {
  case done
  /// To be tried again from `at` on.
  case later(at: Instant, reason: String)
  /// A tool is missing; the try does not count.
  case blocked(reason: String)
  /// Given up.
  case failed(reason: String)
  /// The server stops; the try does not count.
  case interrupted
}

/// How many jobs of one kind are in which state.
package struct JobStates: Sendable, Equatable {
  package var waiting = 0
  package var running = 0
  package var later = 0
  package var blocked = 0
  package var failed = 0
}

/// A job that was given up.
package struct JobFailure: Sendable, Equatable {
  package let asset: Identifier
  package let owner: Identifier
  package let kind: String
  package let originalName: [UInt8]
  package let attempts: Int
  package let reason: String
}
