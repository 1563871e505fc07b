import Ground
import Store

/// What an owner changes of their assets; nil changes nothing.
package struct AssetChanges: Sendable {
  package var isFavorite: Bool?
  package var visibility: Visibility?
  package var description: String?
  /// 1 to 5; `.some(nil)`: unrated.
  package var rating: Int??
  /// Degrees; both or none.
  package var latitude: Double?
  package var longitude: Double?
  package var taken: WrittenTime?
  /// Minutes that the time moves.
  package var shift: Int?
  /// `Europe/Berlin`, `UTC+2`.
  package var zone: String?
  /// `.some(nil)` takes a live photo apart.
  package var livePhotoVideo: Identifier??

  package init() {}
}

extension Assets {
  /// Ids in one change.
  package static let idsPerChange = 65_000
  /// Unicode scalars.
  static let longestDescription = 10_000
  /// Minutes: a thousand years.
  private static let longestShift = 525_960_000

  /// Changes assets, all or none.
  /// - Throws: `.noAccess(permission: "asset.update")` where one is not the owner's, `.invalid`.
  package func change(_ ids: [Identifier], owner: Reader, _ changes: AssetChanges) async throws {
    guard ids.count <= Assets.idsPerChange else {
      throw BackupError.invalid("ids may name at most \(Assets.idsPerChange) assets")
    }
    let change = try Assets.checked(changes)
    guard try await speaking({ try await catalog.change(ids, owner: owner, change) }) else {
      throw BackupError.noAccess(permission: "asset.update")
    }
  }

  private static func checked(_ changes: AssetChanges) throws(BackupError) -> AssetChange {
    var change = AssetChange()
    change.isFavorite = changes.isFavorite
    change.visibility = changes.visibility?.rawValue
    if let description = changes.description {
      guard description.unicodeScalars.count <= longestDescription else {
        throw .invalid("description must be shorter than or equal to \(longestDescription) characters")
      }
      // SQLite's text functions end at a zero byte.
      guard !description.utf8.contains(0) else { throw .invalid("description must not contain a zero character") }
      change.description = description
    }
    if let rating = changes.rating {
      guard rating != -1 else {
        throw .invalid("rating -1 (rejected) is not supported by Nightstand; 1 to 5, or null")
      }
      guard rating.map({ (1...5).contains($0) }) ?? true else { throw .invalid("rating must be 1 to 5, or null") }
      change.rating = rating
    }
    switch (changes.latitude, changes.longitude) {
    case (nil, nil): break
    case (let latitude?, let longitude?):
      guard (-90...90).contains(latitude), (-180...180).contains(longitude) else {
        throw .invalid("latitude must be -90 to 90, and longitude -180 to 180")
      }
      change.place = (latitude, longitude)
    default: throw .invalid("latitude and longitude must be given together")
    }
    change.taken = changes.taken
    if let shift = changes.shift {
      // The smallest number has no absolute value.
      guard shift.magnitude <= longestShift else { throw .invalid("dateTimeRelative is too large") }
      change.shiftMilliseconds = Int64(shift) * 60_000
    }
    if let zone = changes.zone {
      guard let rules = TimeZoneRules(zone) else { throw .invalid("timeZone must be an IANA time zone") }
      change.zone = .init(name: zone) { rules.offset(at: $0) }
    }
    change.livePhotoVideo = changes.livePhotoVideo
    return change
  }
}
