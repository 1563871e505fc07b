import Ground

extension MediaFacts {
  /// What exiftool is asked for; `#` wants the number behind the words.
  static let tags = [
    "Error", "ImageSize#", "ImageWidth#", "ImageHeight#", "Orientation#", "Rotation#", "SubSecDateTimeOriginal",
    "SubSecCreateDate", "SubSecModifyDate", "DateTimeOriginal", "CreationDate", "CreateDate", "MediaCreateDate",
    "DateTimeCreated", "GPSDateTime", "ModifyDate", "GPSLatitude#", "GPSLongitude#", "Make", "Model", "LensModel",
    "LensID", "FNumber#", "FocalLength#", "ISO#", "ExposureTime#", "VideoFrameRate#", "ProjectionType",
    "ProfileDescription", "Duration#",
  ]

  private static let mostPixels = 1.0...1_000_000.0

  /// - Parameter now: dates far behind it are nonsense.
  init(_ answer: ExifAnswer, mimeType: String, now: Instant) {
    let isVideo = mimeType.hasPrefix("video/") || mimeType == "application/mxf"
    setSize(answer, mimeType: mimeType, isVideo: isVideo)
    taken = MediaFacts.taken(answer, isVideo: isVideo, now: now)
    modified = ["SubSecModifyDate", "ModifyDate"].lazy.compactMap { answer.date($0, now: now)?.time.instant }.first
    setPlace(answer)
    (make, model) = (answer.text("Make"), answer.text("Model"))
    lens = ["LensModel", "LensID"].lazy.compactMap { answer.text($0) }.first { !$0.lowercased().hasPrefix("unknown") }
    fNumber = answer.number("FNumber", in: 0.1...1000)
    focalLength = answer.number("FocalLength", in: 0.1...100_000)
    iso = answer.number("ISO", in: 1...10_000_000).map { Int($0) }
    exposureTime = answer.number("ExposureTime", in: 1e-9...1e6).map(MediaFacts.exposure)
    projection = answer.text("ProjectionType")?.uppercased()
    profile = answer.text("ProfileDescription")
    if isVideo {
      fps = answer.number("VideoFrameRate", in: 0.01...100_000)
      durationMilliseconds = answer.seconds("Duration", in: 0.001...864_000).map { Int64(($0 * 1000).rounded()) }
    }
  }

  private mutating func setSize(_ answer: ExifAnswer, mimeType: String, isVideo: Bool) {
    orientation = answer.number("Orientation", in: 1...8).map { Int($0) }
    // The composite knows raw formats whose first directory describes a preview.
    let pair = answer.text("ImageSize")?.split(separator: " ").compactMap { Double($0) } ?? []
    let stored =
      pair.count == 2 && pair.allSatisfy(MediaFacts.mostPixels.contains)
      ? (pair[0], pair[1])
      : answer.number("ImageWidth", in: MediaFacts.mostPixels).flatMap { width in
        answer.number("ImageHeight", in: MediaFacts.mostPixels).map { (width, $0) }
      }
    guard let stored else { return }
    // HEIF and videos are turned by a property of their own; EXIF's word in them is for those who do not know it.
    let isTurned =
      if isVideo || ["image/heic", "image/heif", "image/hif", "image/avif"].contains(mimeType) {
        answer.number("Rotation").map { Int($0.rounded()) % 180 != 0 } ?? false
      } else {
        orientation.map { $0 >= 5 } ?? false
      }
    (width, height) = isTurned ? (Int(stored.1), Int(stored.0)) : (Int(stored.0), Int(stored.1))
  }

  private mutating func setPlace(_ answer: ExifAnswer) {
    guard let north = answer.number("GPSLatitude", in: -90...90),
      let east = answer.number("GPSLongitude", in: -180...180),
      // What a receiver without a fix writes.
      north != 0 || east != 0
    else { return }
    (latitude, longitude) = (north, east)
  }

  private static func taken(_ answer: ExifAnswer, isVideo: Bool, now: Instant) -> TakenTime? {
    let names = [
      "SubSecDateTimeOriginal", "DateTimeOriginal", "SubSecCreateDate", "CreationDate", "CreateDate",
      "MediaCreateDate", "DateTimeCreated", "GPSDateTime",
    ]
    for name in names {
      guard let (time, hasOffset) = answer.date(name, now: now) else { continue }
      let wallClock = time.wallClock.instant
      if hasOffset {
        let minutes = Int((wallClock.milliseconds - time.instant.milliseconds) / 60_000)
        return TakenTime(instant: time.instant, wallClock: wallClock, zone: zone(minutes))
      }
      // QuickTime's own dates are UTC; the camera's zone is not in the file.
      if isVideo { return TakenTime(instant: wallClock, wallClock: wallClock, zone: zone(0)) }
      // Satellites tell UTC: their time beside the camera's clock gives its zone.
      if let satellite = answer.date("GPSDateTime", now: now)?.time.instant,
        let minutes = offset(wallClock.milliseconds - satellite.milliseconds)
      {
        return TakenTime(
          instant: wallClock.adding(seconds: Int64(-minutes * 60)), wallClock: wallClock, zone: zone(minutes))
      }
      return TakenTime(instant: wallClock, wallClock: wallClock, zone: nil)
    }
    return nil
  }

  /// The offset in minutes that a clock's distance from UTC is within two minutes of; nil where it is none.
  private static func offset(_ milliseconds: Int64) -> Int? {
    let minutes = Double(milliseconds) / 60_000
    let quarter = (minutes / 15).rounded() * 15
    guard abs(minutes - quarter) <= 2, (-12 * 60...14 * 60).contains(quarter) else { return nil }
    return Int(quarter)
  }

  private static func zone(_ minutes: Int) -> String {
    guard minutes != 0 else { return "UTC" }
    let (hours, rest) = (abs(minutes) / 60, abs(minutes) % 60)
    return "UTC\(minutes < 0 ? "-" : "+")\(hours)" + (rest == 0 ? "" : ":\(rest < 10 ? "0" : "")\(rest)")
  }

  /// `1/250` below a third of a second, else at most one digit behind the point.
  private static func exposure(_ seconds: Double) -> String {
    if seconds < 0.3 { return "1/\(Int64((1 / seconds).rounded()))" }
    let tenths = Int64((seconds * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
  }
}
