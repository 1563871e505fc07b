import GRDB
import Ground

/// What an asset's owner says of it; nil changes nothing.
package struct AssetChange: Sendable {
  package var isFavorite: Bool?
  package var visibility: String?
  package var description: String?
  /// `.some(nil)`: unrated.
  package var rating: Int??
  /// Degrees.
  package var place: (latitude: Double, longitude: Double)?
  /// When it was taken, on the clock there; then `shift`, then `zone`.
  package var taken: WrittenTime?
  package var shiftMilliseconds: Int64?
  package var zone: Zone?
  /// `.some(nil)` takes a live photo apart.
  package var livePhotoVideo: Identifier??

  package struct Zone: Sendable {
    package let name: String
    /// Milliseconds that its clocks are ahead of UTC at a moment.
    package let offset: @Sendable (Instant) -> Int64
    package init(name: String, offset: @escaping @Sendable (Instant) -> Int64) {
      (self.name, self.offset) = (name, offset)
    }
  }

  package init() {}

  fileprivate var movesTime: Bool { taken != nil || shiftMilliseconds != nil || zone != nil }
}

extension Catalog {
  /// Changes assets and their facts, all or none.
  /// - Returns: false where an id is not the owner's; nothing changes then.
  /// - Throws: `FinishError.liveVideoNotFound`, `.liveVideoIsNoVideo`, `.timeOutOfRange`.
  package func change(
    _ ids: [Identifier], owner: Reader, _ change: AssetChange, now: Instant = .now()
  ) async throws -> Bool {
    try await write { db in
      let find = try db.cachedStatement(
        sql: """
          SELECT asset.number FROM asset JOIN user ON user.number = asset.owner WHERE asset.id = ? AND user.id = ?
          """ + (owner.opensLocked ? "" : " AND \(AssetAccess.isUnlocked)"))
      var numbers: [Int64] = []
      for id in ids {
        guard let number = try Int64.fetchOne(find, arguments: [id, owner.user]) else { return false }
        numbers.append(number)
      }
      for number in numbers { try ChangedAsset(number: number, now: now).apply(change, db) }
      return true
    }
  }
}

/// An asset inside the transaction that changes it.
private struct ChangedAsset {
  let number: Int64
  let now: Instant

  func apply(_ change: AssetChange, _ db: Database) throws {
    var row: [(String, (any DatabaseValueConvertible)?)] = [("updated_at", now)]
    var facts: [(String, (any DatabaseValueConvertible)?)] = []
    if let isFavorite = change.isFavorite { row.append(("is_favorite", isFavorite)) }
    if let visibility = change.visibility { row.append(("visibility", visibility)) }
    if let description = change.description { facts.append(("description", description)) }
    if let rating = change.rating { facts.append(("rating", rating)) }
    if let place = change.place { facts += [("latitude", place.latitude), ("longitude", place.longitude)] }
    if change.movesTime {
      let (taken, local, zone) = try time(change, db)
      row += [("file_created_at", taken), ("local_date_time", local)]
      facts.append(("taken_at", taken))
      if let zone { facts.append(("time_zone", zone)) }
    }
    try update("asset", key: "number", row, db)
    if !facts.isEmpty { try update("facts", key: "asset", facts, db) }
    if change.visibility == "locked" {
      // What is locked away is in no album.
      try db.execute(sql: "DELETE FROM album_asset WHERE asset = ?", arguments: [number])
      try db.execute(sql: "UPDATE album SET thumbnail = NULL WHERE thumbnail = ?", arguments: [number])
    }
    if let video = change.livePhotoVideo { try link(video, db) }
  }

  /// Only what changes is named: the triggers look at that.
  private func update(
    _ table: String, key: String, _ columns: [(String, (any DatabaseValueConvertible)?)], _ db: Database
  ) throws {
    let assignments = columns.map { "\($0.0) = ?" }.joined(separator: ", ")
    try db.cachedStatement(sql: "UPDATE \(table) SET \(assignments) WHERE \(key) = ?")
      .execute(arguments: StatementArguments(columns.map(\.1) + [number]))
  }

  /// The moment, what the wall clock showed then, and the zone's name where it changes.
  private func time(_ change: AssetChange, _ db: Database) throws -> (Instant, Instant, String?) {
    var (taken, local): (Instant, Instant)
    var zone: String?
    if let written = change.taken {
      (taken, local) = (written.instant, written.wallClock.instant)
      zone = ZoneName.text(offset: local.milliseconds - taken.milliseconds)
    } else {
      let row = try Row.fetchOne(
        db.cachedStatement(sql: "SELECT file_created_at, local_date_time FROM asset WHERE number = ?"),
        arguments: [number])
      guard let row else { throw StoreError.broken("an asset went away inside a transaction") }
      (taken, local) = (row[0], row[1])
    }
    let shift = change.shiftMilliseconds ?? 0
    (taken.milliseconds, local.milliseconds) = (taken.milliseconds + shift, local.milliseconds + shift)
    if let other = change.zone {
      local = Instant(milliseconds: taken.milliseconds + other.offset(taken))
      zone = other.name
    }
    // What lies outside could not be written as a date.
    guard [taken, local].allSatisfy({ (1...9999).contains(CalendarTime($0).year) }) else {
      throw FinishError.timeOutOfRange
    }
    return (taken, local, zone)
  }

  /// Makes `video` the asset's motion part and hides it; what was its motion part shows by itself again.
  private func link(_ video: Identifier?, _ db: Database) throws {
    let row = try Row.fetchOne(
      db, sql: "SELECT owner, visibility, live_photo_video FROM asset WHERE number = ?", arguments: [number])
    guard let row else { return }
    let (owner, visibility, old): (Int64, String, Int64?) = (row[0], row[1], row[2])
    let new = try video.map { try FinishError.liveVideo(db, $0, owner: owner) }
    guard new != number else { throw FinishError.liveVideoNotFound }
    guard new != old else { return }
    try db.execute(sql: "UPDATE asset SET live_photo_video = ? WHERE number = ?", arguments: [new, number])
    if let new {
      try db.execute(
        sql:
          "UPDATE asset SET visibility = 'hidden', updated_at = ? WHERE number = ? AND visibility IN ('timeline', 'archive')",
        arguments: [now, new])
    }
    if let old {
      try db.execute(
        sql: """
          UPDATE asset SET visibility = ?, updated_at = ? WHERE number = ? AND visibility = 'hidden'
            AND NOT EXISTS (SELECT 1 FROM asset AS still WHERE still.live_photo_video = asset.number)
          """, arguments: [visibility, now, old])
    }
  }
}

/// `UTC`, `UTC+2`, `UTC-3:30`: how a zone is called of which only the offset is known.
enum ZoneName {
  /// - Parameter offset: milliseconds ahead of UTC.
  static func text(offset: Int64) -> String {
    let minutes = Int(abs(offset) / 60_000)
    guard minutes > 0 else { return "UTC" }
    let (hours, rest) = minutes.quotientAndRemainder(dividingBy: 60)
    return "UTC\(offset < 0 ? "-" : "+")\(hours)" + (rest == 0 ? "" : ":\(rest < 10 ? "0" : "")\(rest)")
  }
}
