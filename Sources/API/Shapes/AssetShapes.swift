import Backup
import Ground

/// Immich's `AssetResponseDto`. `people` and `resized` are optional there, but aioimmich cannot do without them.
struct AssetShape: Encodable {
  let id: Identifier
  let ownerId: Identifier
  let type: String
  let originalPath: String
  let originalFileName: String
  let originalMimeType: String
  let checksum: String
  let fileCreatedAt: String
  let fileModifiedAt: String
  /// Local wall time, labelled Z.
  let localDateTime: String
  let createdAt: String
  let updatedAt: String
  let isFavorite: Bool
  let isArchived: Bool
  let isTrashed: Bool
  let isOffline = false
  let isEdited = false
  let visibility: Visibility
  @Nullable var duration: Int64?
  @Nullable var livePhotoVideoId: Identifier?
  @Nullable var thumbhash: String?
  @Nullable var width: Int?
  @Nullable var height: Int?
  @Nullable var libraryId: Identifier?
  @Nullable var duplicateId: Identifier?
  @Nullable var stack: String?
  /// No pictures are made from originals, and no EXIF is read.
  let resized = false
  let hasMetadata = false
  let people: [String] = []
  let tags: [String] = []
  let exifInfo: ExifShape

  init(_ asset: Asset) {
    (id, ownerId) = (asset.id, asset.owner)
    type = asset.kind.rawValue
    originalPath = asset.originalKey
    // JSON is UTF-8; the catalog keeps a name that is not, byte for byte.
    originalFileName = String(decoding: asset.originalName, as: UTF8.self)
    originalMimeType = asset.mimeType
    checksum = asset.checksum.base64
    fileCreatedAt = asset.fileCreatedAt.iso8601
    fileModifiedAt = asset.fileModifiedAt.iso8601
    localDateTime = asset.localDateTime.iso8601
    createdAt = asset.createdAt.iso8601
    updatedAt = asset.updatedAt.iso8601
    isFavorite = asset.isFavorite
    isArchived = asset.visibility == .archive
    isTrashed = asset.deletedAt != nil
    visibility = asset.visibility
    // The schema ends at 2^31 - 1 milliseconds, 24 days.
    duration = asset.durationMilliseconds.map { min($0, Int64(Int32.max)) }
    livePhotoVideoId = asset.livePhotoVideo
    exifInfo = ExifShape(fileSizeInByte: asset.size)
  }
}

/// Immich's `ExifResponseDto`, of which the size is known.
struct ExifShape: Encodable {
  let fileSizeInByte: Int64
  @Nullable var make: String?
  @Nullable var model: String?
  @Nullable var exifImageWidth: Int?
  @Nullable var exifImageHeight: Int?
  @Nullable var orientation: String?
  @Nullable var dateTimeOriginal: String?
  @Nullable var modifyDate: String?
  @Nullable var timeZone: String?
  @Nullable var lensModel: String?
  @Nullable var fNumber: Double?
  @Nullable var focalLength: Double?
  @Nullable var iso: Int?
  @Nullable var exposureTime: String?
  @Nullable var latitude: Double?
  @Nullable var longitude: Double?
  @Nullable var city: String?
  @Nullable var state: String?
  @Nullable var country: String?
  @Nullable var description: String?
  @Nullable var projectionType: String?
  @Nullable var rating: Int?

  init(fileSizeInByte: Int64) { self.fileSizeInByte = fileSizeInByte }
}

/// `POST /api/assets`.
struct UploadShape: Encodable {
  let id: Identifier
  /// `created` or `duplicate`.
  let status: String
}

struct AssetCountsShape: Encodable {
  let images: Int
  let videos: Int
  let total: Int

  init(_ counts: AssetCounts) {
    (images, videos, total) = (counts.images, counts.videos, counts.images + counts.videos)
  }
}
