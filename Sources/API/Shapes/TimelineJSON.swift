import Backup
import Ground
import Wire

/// Immich's `TimeBucketAssetResponseDto`: a list per column, all of the same length.
struct TimelineJSON: Sendable {
  let reader: Identifier
  let withCoordinates: Bool
  let withStacked: Bool

  func encode(_ rows: [TimelineRow]) -> [UInt8] {
    var json = JSONWriter(capacity: 100 + rows.count * 300)
    func column(_ name: JSONWriter.Name, _ value: (TimelineRow, inout JSONWriter) -> Void) {
      json.key(name)
      json.beginArray()
      for row in rows { value(row, &json) }
      json.endArray()
    }
    json.beginObject()
    column("id") { $1.id($0.id) }
    column("ownerId") { $1.id($0.owner) }
    column("ratio") { $1.number(TimelineJSON.ratio($0)) }
    column("isFavorite") { $1.flag($0.isFavorite && $0.owner == reader) }
    column("visibility") { $1.string($0.visibility) }
    column("isTrashed") { $1.flag($0.isTrashed) }
    column("isImage") { $1.flag($0.kind == "IMAGE") }
    column("thumbhash") { TimelineJSON.text($0.thumbhash.map { Base64.encode($0) }, &$1) }
    column("createdAt") { $1.time($0.createdAt) }
    column("fileCreatedAt") { $1.time($0.fileCreatedAt) }
    column("localOffsetHours") {
      $1.number(Double($0.localDateTime.milliseconds - $0.fileCreatedAt.milliseconds) / 3_600_000)
    }
    column("duration") {
      // The schema ends at 2^31 - 1 milliseconds.
      if let duration = $0.durationMilliseconds { $1.integer(min(duration, Int64(Int32.max))) } else { $1.null() }
    }
    column("projectionType") { TimelineJSON.text($0.projection, &$1) }
    column("livePhotoVideoId") { if let id = $0.livePhotoVideo { $1.id(id) } else { $1.null() } }
    // Places have no names here, and nothing is stacked.
    column("city") { $1.null() }
    column("country") { $1.null() }
    if withStacked { column("stack") { $1.null() } }
    if withCoordinates {
      column("latitude") { TimelineJSON.number($0.latitude, &$1) }
      column("longitude") { TimelineJSON.number($0.longitude, &$1) }
    }
    json.endObject()
    return json.take()
  }

  /// Width by height; a square where they are not known.
  private static func ratio(_ row: TimelineRow) -> Double {
    guard let width = row.width, let height = row.height, height > 0 else { return 1 }
    return (Double(width) / Double(height) * 1000).rounded() / 1000
  }

  private static func text(_ text: String?, _ json: inout JSONWriter) {
    if let text { json.string(text) } else { json.null() }
  }

  private static func number(_ number: Double?, _ json: inout JSONWriter) {
    if let number, number.isFinite { json.number(number) } else { json.null() }
  }
}
