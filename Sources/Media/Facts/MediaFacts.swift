import Ground

/// What a file says of itself. Nil where it says nothing, or nonsense.
package struct MediaFacts: Sendable, Equatable {
  /// Pixels of the picture as shown, with its orientation applied.
  package var width: Int?
  package var height: Int?
  /// EXIF's number, 1 to 8.
  package var orientation: Int?
  package var taken: TakenTime?
  package var modified: Instant?
  /// Degrees; both or none.
  package var latitude: Double?
  package var longitude: Double?
  package var make: String?
  package var model: String?
  package var lens: String?
  package var fNumber: Double?
  /// Millimetres.
  package var focalLength: Double?
  package var iso: Int?
  /// Seconds as people write them: `1/250`, `2.5`.
  package var exposureTime: String?
  /// Frames a second.
  package var fps: Double?
  /// Of a panorama, such as `EQUIRECTANGULAR`.
  package var projection: String?
  /// The colour profile's name.
  package var profile: String?
  /// Of a video.
  package var durationMilliseconds: Int64?

  package init() {}
}

/// When a photo was taken.
package struct TakenTime: Sendable, Equatable {
  package var instant: Instant
  /// What the clock showed there, labelled as UTC.
  package var wallClock: Instant
  /// Such as `UTC+2`, `UTC+5:30`, `UTC`; nil where nothing tells, and the clock is read as UTC then.
  package var zone: String?

  package init(instant: Instant, wallClock: Instant, zone: String?) {
    (self.instant, self.wallClock, self.zone) = (instant, wallClock, zone)
  }
}
