import Ground
import Media

/// One photo or video of one person.
package struct Asset: Sendable, Equatable {
  package let id: Identifier
  package let owner: Identifier
  package let checksum: SHA1Digest
  package let kind: MediaKind
  /// Such as `image/jpeg`, by the name's extension.
  package let mimeType: String
  package let size: Int64
  /// Relative to `originals/`, such as `anna/2024/2024-07/IMG_0001.JPG`.
  package let originalKey: String
  /// As the client sent it, byte for byte.
  package let originalName: [UInt8]
  package let fileCreatedAt: Instant
  package let fileModifiedAt: Instant
  /// The wall clock where the photo was taken, labelled as UTC.
  package let localDateTime: Instant
  package let createdAt: Instant
  package let updatedAt: Instant
  package let isFavorite: Bool
  package let visibility: Visibility
  /// Nil for photos and where unknown.
  package let durationMilliseconds: Int64?
  package let livePhotoVideo: Identifier?
  /// Nil unless in the trash.
  package let deletedAt: Instant?
  /// What was read from the file, and what its owner said of it.
  package let facts: Facts
  /// For its owner's eyes alone.
  package let tags: [Tag]
}

package enum Visibility: String, Sendable, Codable, CaseIterable {
  case archive, timeline, hidden, locked
}

/// What a client says of a file that it uploads.
package struct UploadFacts: Sendable {
  /// The file's name, byte for byte; where none came, one is made from the time and the type.
  package var name: [UInt8]?
  /// Where the client did not say: when the upload began.
  package var createdAt: WrittenTime?
  /// Where the client did not say: `createdAt`.
  package var modifiedAt: WrittenTime?
  package var isFavorite = false
  package var visibility = Visibility.timeline
  package var durationMilliseconds: Int64?
  package var livePhotoVideo: Identifier?
  /// The `metadata` field, JSON text, kept as it came.
  package var metadata: String?
  /// What the client says the bytes hash to; verified against what arrived.
  package var claimedChecksum: SHA1Digest?
  /// Whether the first bytes decide what the file is, and mend a name that says otherwise; as in Immich the name alone
  /// decides where this is false.
  package var typeByContent = false

  package init() {}

  package init(name: [UInt8], createdAt: WrittenTime, modifiedAt: WrittenTime) {
    (self.name, self.createdAt, self.modifiedAt) = (name, createdAt, modifiedAt)
  }
}

/// How an upload ended.
package enum UploadResult: Sendable, Equatable {
  /// Stored: synced, renamed, recorded.
  case created(Identifier)
  /// The owner has these bytes already (in the trash, perhaps).
  case duplicate(Identifier)

  package var id: Identifier {
    switch self {
    case .created(let id), .duplicate(let id): id
    }
  }

  package var isNew: Bool { if case .created = self { true } else { false } }
}

/// The answer to "do you have these bytes?".
package enum CheckResult: Sendable, Equatable {
  case wanted
  case present(Identifier, isTrashed: Bool)
}

package struct AssetCounts: Sendable, Equatable {
  package var images: Int
  package var videos: Int
}

/// How much lies there, by kind.
package struct AssetUsage: Sendable, Equatable {
  package var images: Int
  package var videos: Int
  package var imageBytes: Int64
  package var videoBytes: Int64
}
