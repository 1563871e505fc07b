import Backup
import Ground
import HTTPServer

/// Immich's `UpdateAssetDto` and `AssetBulkUpdateDto`.
struct AssetChangeInput: Decodable {
  private(set) var changes = AssetChanges()
  /// Nil where one asset is named by the address.
  let ids: [Identifier]?

  private enum Key: String, CodingKey {
    case ids, isFavorite, visibility, description, rating, latitude, longitude, dateTimeOriginal, dateTimeRelative
    case timeZone, livePhotoVideoId, duplicateId
  }

  init(from decoder: any Decoder) throws {
    let input = try decoder.container(keyedBy: Key.self)
    ids = try input.decodeIfPresent([Identifier].self, forKey: .ids)
    changes.isFavorite = try input.decodeIfPresent(Bool.self, forKey: .isFavorite)
    if let text = try input.decodeIfPresent(String.self, forKey: .visibility) {
      guard let visibility = Visibility(rawValue: text) else {
        throw DecodingError.dataCorruptedError(
          forKey: .visibility, in: input, debugDescription: "must be one of archive, timeline, hidden, locked")
      }
      changes.visibility = visibility
    }
    changes.description = try input.decodeIfPresent(String.self, forKey: .description)
    if input.contains(.rating) { changes.rating = .some(try input.decodeIfPresent(Int.self, forKey: .rating)) }
    changes.latitude = try input.decodeIfPresent(Double.self, forKey: .latitude)
    changes.longitude = try input.decodeIfPresent(Double.self, forKey: .longitude)
    if let text = try input.decodeIfPresent(String.self, forKey: .dateTimeOriginal) {
      guard let taken = WrittenTime(text) else {
        throw DecodingError.dataCorruptedError(
          forKey: .dateTimeOriginal, in: input, debugDescription: "must be an ISO 8601 date")
      }
      changes.taken = taken
    }
    changes.shift = try input.decodeIfPresent(Int.self, forKey: .dateTimeRelative)
    changes.zone = try input.decodeIfPresent(String.self, forKey: .timeZone)
    if input.contains(.livePhotoVideoId) {
      changes.livePhotoVideo = .some(try input.decodeIfPresent(Identifier.self, forKey: .livePhotoVideoId))
    }
    if try input.decodeIfPresent(String.self, forKey: .duplicateId) != nil {
      throw DecodingError.dataCorruptedError(
        forKey: .duplicateId, in: input, debugDescription: "is not supported by Nightstand: it looks for no duplicates")
    }
  }
}

extension Request {
  /// The ids and the changes of `PUT /api/assets`.
  func bulkChange() async throws -> ([Identifier], AssetChanges) {
    let input = try await json(AssetChangeInput.self)
    guard let ids = input.ids else { throw ValidationFailure("ids", "is required") }
    return (ids, input.changes)
  }
}
