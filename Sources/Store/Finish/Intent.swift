import GRDB
import Ground

/// The catalog's word on a file that is about to move from staging into originals: what it takes to carry that out, or
/// to undo it, after a crash.
struct Intent: Sendable, Equatable {
  var number: Int64 = 0
  /// In `staging/`.
  let staged: String
  let sidecarStaged: String?
  /// Where it goes.
  var key: String
  var asset: NewAsset
  /// `upload.number` of the upload that ends with it.
  var upload: Int64?
  /// The file itself, whatever its name; known from its move on, to this process alone.
  var inode: UInt64?

  /// The sidecar lies beside its original, named after it.
  var sidecarKey: String? { asset.sidecarSHA1 == nil ? nil : key + ".xmp" }

  var lines: [ChecksumList.Line] {
    var lines = [ChecksumList.Line(sha1: asset.sha1, name: splitKey(key).name)]
    if let sidecarKey, let sha1 = asset.sidecarSHA1 {
      lines.append(ChecksumList.Line(sha1: sha1, name: splitKey(sidecarKey).name))
    }
    return lines
  }

  static func all(_ db: Database) throws -> [Intent] {
    try Row.fetchAll(
      db, sql: "SELECT number, staged, sidecar_staged, original_key, asset, upload FROM intent ORDER BY number"
    ).map { row in
      Intent(
        number: row["number"], staged: row["staged"], sidecarStaged: row["sidecar_staged"], key: row["original_key"],
        asset: try NewAsset(json: row["asset"]), upload: row["upload"])
    }
  }

  mutating func insert(_ db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO intent (staged, sidecar_staged, original_key, sidecar_key, place, owner, sha1, asset, upload)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      staged, sidecarStaged, key, sidecarKey, Originals.place(of: key), asset.owner.number, asset.sha1, asset.json,
      upload,
    ])
    number = db.lastInsertedRowID
  }

  /// Records that the file goes elsewhere, or that its sidecar is lost.
  func update(_ db: Database) throws {
    try db.execute(
      sql: "UPDATE intent SET original_key = ?, sidecar_key = ?, place = ?, asset = ? WHERE number = ?",
      arguments: [key, sidecarKey, Originals.place(of: key), asset.json, number])
  }

  func delete(_ db: Database) throws {
    try db.cachedStatement(sql: "DELETE FROM intent WHERE number = ?").execute(arguments: [number])
  }

  /// Turns the intent into the asset's row.
  /// - Returns: false where its upload had ended already.
  /// - Throws: `FinishError.liveVideoNotFound` where the motion part is gone by now.
  func record(_ db: Database, now: Instant) throws -> Bool {
    var motion: Int64?
    if let id = asset.livePhotoVideo {
      let video = try FinishError.liveVideo(db, id, owner: asset.owner.number)
      motion = video
      try db.execute(
        sql: """
          UPDATE asset SET visibility = 'hidden', updated_at = ?
          WHERE number = ? AND visibility IN ('timeline', 'archive')
          """,
        arguments: [now, video])
    }
    try db.cachedStatement(
      sql: """
        INSERT INTO asset (id, owner, sha1, kind, mime_type, size, original_key, place, original_name, file_created_at,
          file_modified_at, local_date_time, created_at, updated_at, is_favorite, visibility, duration,
          live_photo_video, sidecar_key, sidecar_size, metadata, search_name, device, client)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      asset.id, asset.owner.number, asset.sha1, asset.kind, asset.mimeType, asset.size, key, Originals.place(of: key),
      asset.originalName.databaseBytes, asset.fileCreatedAt, asset.fileModifiedAt, asset.wallClock.instant, now, now,
      asset.isFavorite, asset.visibility, asset.durationMilliseconds, motion, sidecarKey, asset.sidecarSize,
      asset.metadata, SearchText.folded(String(decoding: asset.originalName, as: UTF8.self)),
      asset.origin?.device, asset.origin?.client,
    ])
    try db.cachedStatement(sql: "UPDATE user SET used = used + ? WHERE number = ?")
      .execute(arguments: [asset.bytes, asset.owner.number])
    try DeviceChanges.stored(db, asset, now: now)
    let isEnded = try upload.map { try UploadRow.complete(db, $0, isNew: true, asset.id, asset) } ?? true
    try delete(db)
    return isEnded
  }
}

/// Why a whole file may not become an asset.
package enum FinishError: Error, Sendable, Equatable {
  case quotaExceeded
  /// The person was deleted while the bytes came.
  case ownerGone
  case liveVideoNotFound
  case liveVideoIsNoVideo
  /// A changed date lies outside the years 1 to 9999.
  case timeOutOfRange
  /// Nothing is stored until the server was restarted; the text may be told to the client.
  case unavailable(String)

  /// The number of a motion part that a still may point to: a video of the same owner.
  static func liveVideo(_ db: Database, _ id: Identifier, owner: Int64) throws -> Int64 {
    guard
      let row = try Row.fetchOne(
        db.cachedStatement(sql: "SELECT number, kind FROM asset WHERE id = ? AND owner = ?"), arguments: [id, owner])
    else { throw FinishError.liveVideoNotFound }
    guard row["kind"] == "VIDEO" else { throw FinishError.liveVideoIsNoVideo }
    return row["number"]
  }
}
