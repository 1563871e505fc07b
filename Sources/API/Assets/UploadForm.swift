import Backup
import Ground
import HTTPServer
import Wire

/// The text fields of an upload, in whatever order they come. Each is checked when it comes, so that a wrong one is
/// refused before the file behind it is received.
struct UploadForm {
  /// Text of the `metadata` field, in bytes.
  static let metadataLimit = 1 << 20

  /// From the `filename` field. It beats the file part's own name, whichever comes first: iOS uploads from the
  /// background name the part after a temporary file.
  private(set) var fieldName: [UInt8]?
  /// From the file part.
  var partName: [UInt8]?
  private var createdAt: WrittenTime?
  private var modifiedAt: WrittenTime?
  private var isFavorite = false
  private var visibility = Visibility.timeline
  private var durationMilliseconds: Int64?
  private var livePhotoVideo: Identifier?
  private var metadata: String?

  /// How many bytes a field may have; nil for a field that means nothing here and is skipped: `deviceAssetId`,
  /// `deviceId` and whatever older and newer clients send.
  static func limit(of name: String) -> Int? {
    switch name {
    case "metadata": metadataLimit
    case "filename", "fileCreatedAt", "fileModifiedAt", "isFavorite", "visibility", "duration", "livePhotoVideoId":
      MultipartReader.textLimit
    default: nil
    }
  }

  /// - Throws: `ValidationFailure`.
  mutating func set(_ name: String, _ bytes: [UInt8]) throws(ValidationFailure) {
    if name == "filename" {
      if !bytes.isEmpty { fieldName = bytes }
      return
    }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw ValidationFailure(name, "must be UTF-8") }
    switch name {
    case "fileCreatedAt": createdAt = try UploadForm.time(name, text)
    case "fileModifiedAt": modifiedAt = try UploadForm.time(name, text)
    case "isFavorite":
      guard text == "true" || text == "false" else { throw ValidationFailure(name, "must be true or false") }
      isFavorite = text == "true"
    case "visibility":
      guard let value = Visibility(rawValue: text) else {
        throw ValidationFailure(name, "must be one of archive, timeline, hidden, locked")
      }
      visibility = value
    // Whole milliseconds. Older immich-go sends `00:00:00.000000`, apps send 0 for photos: a duration that is none must
    // not cost the photo.
    case "duration": durationMilliseconds = Int64(text).flatMap { $0 > 0 ? $0 : nil }
    case "livePhotoVideoId":
      if text.isEmpty { return }
      guard let id = Identifier(text) else { throw ValidationFailure(name, "must be a UUID") }
      livePhotoVideo = id
    case "metadata":
      if text.isEmpty { return }
      guard isJSON(bytes) else { throw ValidationFailure(name, "must be JSON") }
      metadata = text
    default: break
    }
  }

  private static func time(_ name: String, _ text: String) throws(ValidationFailure) -> WrittenTime {
    guard let time = WrittenTime(text) else { throw ValidationFailure(name, "must be an ISO 8601 date and time") }
    return time
  }

  /// All that came, where nothing is required: the doors that take a file without a form decide by its content what it is.
  var looseFacts: UploadFacts {
    var facts = UploadFacts()
    (facts.name, facts.createdAt, facts.modifiedAt) = (fieldName ?? partName, createdAt, modifiedAt)
    (facts.isFavorite, facts.visibility) = (isFavorite, visibility)
    (facts.durationMilliseconds, facts.livePhotoVideo) = (durationMilliseconds, livePhotoVideo)
    facts.metadata = metadata
    facts.typeByContent = true
    return facts
  }

  /// - Throws: `ValidationFailure` naming every required field that never came.
  func facts(claimedChecksum: SHA1Digest?, hasFile: Bool) throws(ValidationFailure) -> UploadFacts {
    var issues: [ValidationFailure.Issue] = []
    func missing(_ name: String, _ message: String) { issues.append(.init(path: [.key(name)], message: message)) }
    if !hasFile { missing("assetData", "a file is required") }
    if createdAt == nil { missing("fileCreatedAt", "is required") }
    if modifiedAt == nil { missing("fileModifiedAt", "is required") }
    let name = fieldName ?? partName ?? []
    if hasFile, name.isEmpty { missing("filename", "the file has no name") }
    guard issues.isEmpty else { throw ValidationFailure(issues) }
    var facts = looseFacts
    (facts.name, facts.claimedChecksum, facts.typeByContent) = (name, claimedChecksum, false)
    return facts
  }
}
