import FoundationEssentials
import Ground

/// Everything the catalog will say of a file that is whole in staging.
package struct NewAsset: Sendable, Equatable {
  package var id: Identifier
  package var owner: Owner
  package var sha1: SHA1Digest
  package var size: Int64
  /// `IMAGE` or `VIDEO`.
  package var kind: String
  package var mimeType: String
  /// As the client sent it, byte for byte.
  package var originalName: [UInt8]
  /// On the wall clock that the client wrote: names the folder.
  package var wallClock: CalendarTime
  package var fileCreatedAt: Instant
  package var fileModifiedAt: Instant
  package var isFavorite: Bool
  /// `archive`, `timeline`, `hidden` or `locked`.
  package var visibility: String
  package var durationMilliseconds: Int64?
  package var livePhotoVideo: Identifier?
  /// JSON text.
  package var metadata: String?
  /// Of the sidecar, where there is one.
  package var sidecarSHA1: SHA1Digest?
  /// Bytes of the sidecar, 0 where there is none.
  package var sidecarSize: Int64
  /// The device that brought it; nil where it is not known.
  package var origin: Origin?

  package init(
    id: Identifier, owner: Owner, sha1: SHA1Digest, size: Int64, kind: String, mimeType: String, originalName: [UInt8],
    wallClock: CalendarTime, fileCreatedAt: Instant, fileModifiedAt: Instant, isFavorite: Bool = false,
    visibility: String = "timeline", durationMilliseconds: Int64? = nil, livePhotoVideo: Identifier? = nil,
    metadata: String? = nil, sidecarSHA1: SHA1Digest? = nil, sidecarSize: Int64 = 0, origin: Origin? = nil
  ) {
    (self.id, self.owner, self.sha1, self.size) = (id, owner, sha1, size)
    (self.kind, self.mimeType, self.originalName) = (kind, mimeType, originalName)
    (self.wallClock, self.fileCreatedAt, self.fileModifiedAt) = (wallClock, fileCreatedAt, fileModifiedAt)
    (self.isFavorite, self.visibility) = (isFavorite, visibility)
    (self.durationMilliseconds, self.livePhotoVideo) = (durationMilliseconds, livePhotoVideo)
    (self.metadata, self.sidecarSHA1, self.sidecarSize) = (metadata, sidecarSHA1, sidecarSize)
    self.origin = origin
  }

  /// What it takes of its owner's quota.
  var bytes: Int64 { size + sidecarSize }
}

/// The person a file belongs to, as the store knows them.
package struct Owner: Sendable, Equatable {
  /// `user.number`.
  package let number: Int64
  /// Under `originals/`.
  package let folder: String

  package init(number: Int64, folder: String) { (self.number, self.folder) = (number, folder) }
}

// The form in which an intent keeps it until it is a row.
extension NewAsset {
  private struct Kept: Codable {
    var id: Identifier
    var owner: Int64
    var folder: String
    var sha1: String
    var size: Int64
    var kind: String
    var mimeType: String
    var originalName: Data
    var localDateTime: Int64
    var fileCreatedAt: Int64
    var fileModifiedAt: Int64
    var isFavorite: Bool
    var visibility: String
    var duration: Int64?
    var livePhotoVideo: Identifier?
    var metadata: String?
    var sidecarSHA1: String?
    var sidecarSize: Int64
    var origin: Origin?
  }

  var json: String {
    get throws {
      let kept = Kept(
        id: id, owner: owner.number, folder: owner.folder, sha1: sha1.hex, size: size, kind: kind, mimeType: mimeType,
        originalName: Data(originalName), localDateTime: wallClock.instant.milliseconds,
        fileCreatedAt: fileCreatedAt.milliseconds, fileModifiedAt: fileModifiedAt.milliseconds, isFavorite: isFavorite,
        visibility: visibility, duration: durationMilliseconds, livePhotoVideo: livePhotoVideo, metadata: metadata,
        sidecarSHA1: sidecarSHA1?.hex, sidecarSize: sidecarSize,
        origin: origin)
      return String(decoding: try JSONEncoder().encode(kept), as: UTF8.self)
    }
  }

  init(json: String) throws {
    let kept = try JSONDecoder().decode(Kept.self, from: Data(json.utf8))
    guard let sha1 = SHA1Digest(text: kept.sha1) else { throw StoreError.broken("an intent holds no digest") }
    self.init(
      id: kept.id, owner: Owner(number: kept.owner, folder: kept.folder), sha1: sha1, size: kept.size, kind: kept.kind,
      mimeType: kept.mimeType, originalName: [UInt8](kept.originalName),
      wallClock: CalendarTime(Instant(milliseconds: kept.localDateTime)),
      fileCreatedAt: Instant(milliseconds: kept.fileCreatedAt),
      fileModifiedAt: Instant(milliseconds: kept.fileModifiedAt), isFavorite: kept.isFavorite,
      visibility: kept.visibility, durationMilliseconds: kept.duration, livePhotoVideo: kept.livePhotoVideo,
      metadata: kept.metadata, sidecarSHA1: kept.sidecarSHA1.flatMap { SHA1Digest(text: $0) },
      sidecarSize: kept.sidecarSize, origin: kept.origin)
  }
}
