import FoundationEssentials
import GRDB
import Ground

/// What was read from a file.
package struct FileFacts: Sendable, Equatable {
  /// Without what its owner says of it.
  package var row = Facts()
  /// What the clock showed where it was taken, labelled as UTC.
  package var localDateTime: Instant?
  package var durationMilliseconds: Int64?

  package init() {}
}

extension Catalog {
  /// Records what was read from a file. What the owner set meanwhile stays: date, zone and place are written only where
  /// there are none yet, and the asset's own times follow the date.
  /// Nothing happens where the asset is gone.
  package func recordFacts(of job: ClaimedJob, _ file: FileFacts) async throws {
    let (asset, facts) = (job.asset, file.row)
    try await writeTogether { db in
      guard try job.isOfItsAsset(db) else { return }
      let isDated = try Bool.fetchOne(
        db.cachedStatement(sql: "SELECT taken_at IS NOT NULL FROM facts WHERE asset = ?"), arguments: [asset])
      guard let isDated else { return }
      try db.cachedStatement(
        sql: """
          UPDATE facts SET width = ?, height = ?, orientation = ?,
            taken_at = coalesce(taken_at, ?), modified_at = ?, time_zone = coalesce(time_zone, ?),
            latitude = CASE WHEN latitude IS NULL OR longitude IS NULL THEN ? ELSE latitude END,
            longitude = CASE WHEN latitude IS NULL OR longitude IS NULL THEN ? ELSE longitude END,
            make = ?, model = ?, lens = ?, f_number = ?, focal_length = ?, iso = ?, exposure_time = ?, fps = ?,
            projection = ?, profile = ?
          WHERE asset = ?
          """
      ).execute(
        arguments: [
          facts.width, facts.height, facts.orientation, facts.takenAt, facts.modifiedAt, isDated ? nil : facts.timeZone,
          facts.latitude, facts.longitude, facts.make, facts.model, facts.lens, facts.fNumber, facts.focalLength,
          facts.iso, facts.exposureTime, facts.fps, facts.projection, facts.profile, asset,
        ])
      if let duration = file.durationMilliseconds {
        try db.cachedStatement(sql: "UPDATE asset SET duration = ?1 WHERE number = ?2 AND duration IS NOT ?1")
          .execute(arguments: [duration, asset])
      }
      if !isDated, let takenAt = facts.takenAt, let local = file.localDateTime {
        try db.cachedStatement(
          sql: """
            UPDATE asset SET file_created_at = ?1, local_date_time = ?2
            WHERE number = ?3 AND (file_created_at, local_date_time) IS NOT (?1, ?2)
            """
        ).execute(arguments: [takenAt, local, asset])
      }
    }
  }

  /// - Parameter thumbhash: nil takes a former one away.
  /// - Returns: false where the asset is gone.
  package func recordThumbhash(of job: ClaimedJob, _ thumbhash: [UInt8]?) async throws -> Bool {
    try await writeTogether { db in
      guard try job.isOfItsAsset(db) else { return false }
      try db.cachedStatement(sql: "UPDATE facts SET thumbhash = ?1 WHERE asset = ?2 AND thumbhash IS NOT ?1")
        .execute(arguments: [thumbhash.map { Data($0) }, job.asset])
      return true
    }
  }

  /// Whether the asset has had pictures before.
  package func hasThumbhash(_ id: Identifier) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(
        db.cachedStatement(
          sql: """
            SELECT EXISTS (
              SELECT 1 FROM asset JOIN facts ON facts.asset = asset.number WHERE asset.id = ? AND thumbhash IS NOT NULL)
            """), arguments: [id]) == true
    }
  }

  /// Which of these are no assets.
  package func strangers(among ids: Set<Identifier>) async throws -> [Identifier] {
    try await read { db in
      let find = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM asset WHERE id = ?)")
      return try ids.filter { try Bool.fetchOne(find, arguments: [$0]) != true }
    }
  }
}
