import FoundationEssentials
import GRDB
import Ground

/// A row of `facts`: what was read from a file, and what its owner said of it.
package struct Facts: Sendable, Equatable {
  /// Pixels of the picture as shown, with its orientation applied.
  package var width: Int?
  package var height: Int?
  package var orientation: String?
  package var takenAt: Instant?
  package var modifiedAt: Instant?
  package var timeZone: String?
  package var latitude: Double?
  package var longitude: Double?
  package var make: String?
  package var model: String?
  package var lens: String?
  package var fNumber: Double?
  package var focalLength: Double?
  package var iso: Int?
  package var exposureTime: String?
  package var fps: Double?
  package var projection: String?
  package var profile: String?
  package var thumbhash: [UInt8]?
  package var description = ""
  /// 1 to 5.
  package var rating: Int?

  package init() {}

  static let columns = """
    facts.width, facts.height, facts.orientation, facts.taken_at, facts.modified_at, facts.time_zone, facts.latitude,
    facts.longitude, facts.make, facts.model, facts.lens, facts.f_number, facts.focal_length, facts.iso,
    facts.exposure_time, facts.fps, facts.projection, facts.profile, facts.thumbhash, facts.description, facts.rating
    """

  init(_ row: Row, at start: Int) {
    (width, height, orientation) = (row[start], row[start + 1], row[start + 2])
    (takenAt, modifiedAt, timeZone) = (row[start + 3], row[start + 4], row[start + 5])
    (latitude, longitude) = (row[start + 6], row[start + 7])
    (make, model, lens) = (row[start + 8], row[start + 9], row[start + 10])
    (fNumber, focalLength, iso) = (row[start + 11], row[start + 12], row[start + 13])
    (exposureTime, fps) = (row[start + 14], row[start + 15])
    (projection, profile) = (row[start + 16], row[start + 17])
    thumbhash = (row[start + 18] as Data?).map { [UInt8]($0) }
    (description, rating) = (row[start + 19], row[start + 20])
  }
}
