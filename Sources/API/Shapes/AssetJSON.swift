import Backup
import Ground
import Wire

/// Immich's `AssetResponseDto`, by hand: answers have a thousand of them. `people` and `resized` are optional there, but
/// aioimmich cannot do without them; nor without a key whose value is null.
struct AssetJSON: Sendable {
  /// Who reads it: what others like is their own business.
  let reader: Identifier
  let withExif: Bool
  var withDuration = true

  func append(_ asset: Asset, to json: inout JSONWriter) {
    json.beginObject()
    json.id("id", asset.id)
    json.id("ownerId", asset.owner)
    json.string("type", asset.kind.rawValue)
    json.string("originalPath", asset.originalKey)
    // JSON is UTF-8; the catalog keeps a name that is not, byte for byte.
    json.string("originalFileName", String(decoding: asset.originalName, as: UTF8.self))
    json.string("originalMimeType", asset.mimeType)
    json.string("checksum", asset.checksum.base64)
    json.string("thumbhash", asset.facts.thumbhash.map { Base64.encode($0) })
    json.time("fileCreatedAt", asset.fileCreatedAt)
    json.time("fileModifiedAt", asset.fileModifiedAt)
    json.time("localDateTime", asset.localDateTime)
    json.time("createdAt", asset.createdAt)
    json.time("updatedAt", asset.updatedAt)
    json.flag("isFavorite", asset.isFavorite && asset.owner == reader)
    json.flag("isArchived", asset.visibility == .archive)
    json.flag("isTrashed", asset.deletedAt != nil)
    json.flag("isOffline", false)
    json.flag("isEdited", false)
    json.string("visibility", asset.visibility.rawValue)
    // The schema ends at 2^31 - 1 milliseconds, 24 days.
    json.integer("duration", withDuration ? asset.durationMilliseconds.map { min($0, Int64(Int32.max)) } : nil)
    json.id("livePhotoVideoId", asset.livePhotoVideo)
    json.integer("width", asset.facts.width)
    json.integer("height", asset.facts.height)
    // A picture was made, and with it the hash that stands for it while it loads.
    json.flag("resized", asset.facts.thumbhash != nil)
    json.flag("hasMetadata", asset.facts.wereRead)
    json.id("libraryId", nil)
    json.id("duplicateId", nil)
    json.id("stack", nil)
    json.key("people")
    json.raw("[]")
    json.key("tags")
    json.beginArray()
    if asset.owner == reader { for tag in asset.tags { TagShape.append(tag, to: &json) } }
    json.endArray()
    if withExif {
      json.key("exifInfo")
      exif(asset, &json)
    }
    json.endObject()
  }

  /// Immich's `ExifResponseDto`.
  private func exif(_ asset: Asset, _ json: inout JSONWriter) {
    let facts = asset.facts
    json.beginObject()
    json.integer("fileSizeInByte", asset.size)
    json.string("make", facts.make)
    json.string("model", facts.model)
    json.integer("exifImageWidth", facts.width)
    json.integer("exifImageHeight", facts.height)
    json.string("orientation", facts.orientation)
    time("dateTimeOriginal", facts.takenAt, &json)
    time("modifyDate", facts.modifiedAt, &json)
    json.string("timeZone", facts.timeZone)
    json.string("lensModel", facts.lens)
    json.number("fNumber", facts.fNumber)
    json.number("focalLength", facts.focalLength)
    json.integer("iso", facts.iso)
    json.string("exposureTime", facts.exposureTime)
    json.number("latitude", facts.latitude)
    json.number("longitude", facts.longitude)
    // Places have no names here: no map is looked at.
    json.string("city", nil)
    json.string("state", nil)
    json.string("country", nil)
    json.string("description", facts.description)
    json.string("projectionType", facts.projection)
    json.integer("rating", facts.rating)
    json.endObject()
  }

  /// With `+00:00` instead of `Z`: immich-go takes nothing else here.
  private func time(_ name: JSONWriter.Name, _ moment: Instant?, _ json: inout JSONWriter) {
    json.string(name, moment.map { $0.iso8601.dropLast() + "+00:00" }.map { String($0) })
  }
}

extension Facts {
  /// Whether anything was found in the file.
  fileprivate var wereRead: Bool { width != nil || takenAt != nil || make != nil || model != nil }
}
