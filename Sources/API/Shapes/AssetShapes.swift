import Backup
import Ground

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
