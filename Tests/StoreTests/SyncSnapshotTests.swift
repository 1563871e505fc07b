import GRDB
import Ground
import Testing

@testable import Store

/// What a stream reads of albums: page by page the same rows in the same order as all at once, each of them once.
@Suite struct SyncSnapshotTests {
  /// Three albums of bert's with anna among their people, and assets of both, added in turn.
  private func shared(_ fixture: StoreFixture, count: Int) async throws {
    let (_, bert) = try await StoreFixture.addUser("bert", to: fixture.catalog)
    let anna = fixture.anna
    try await fixture.catalog.write { db in
      var albums: [Int64] = []
      for _ in 0..<3 {
        try db.execute(
          sql: "INSERT INTO album (id, owner, name, description, created_at, updated_at) VALUES (?, ?, 'a', '', 0, 0)",
          arguments: [Identifier(), bert.number])
        albums.append(db.lastInsertedRowID)
      }
      for number in 0..<count {
        let owner = number.isMultiple(of: 4) ? anna : bert
        try db.execute(
          sql: """
            INSERT INTO asset (id, owner, sha1, size, kind, mime_type, original_name, original_key, place, local_date_time,
              file_created_at, file_modified_at, created_at, updated_at, is_favorite, visibility)
            VALUES (?, ?, randomblob(20), 1, 'IMAGE', 'image/jpeg', CAST('x' AS BLOB), ?, ?, 0, 0, 0, 0, 0, 0, 'timeline')
            """,
          arguments: [Identifier(), owner.number, "\(owner.folder)/\(number)", number])
        let asset = db.lastInsertedRowID
        try db.execute(
          sql: "INSERT INTO album_asset (album, asset, added_at) VALUES (?, ?, 0)",
          arguments: [albums[number % 3], asset])
      }
      // Joining gives all links of one album the same change.
      try db.execute(
        sql: "INSERT INTO album_user (album, user, role) VALUES (?, ?, 'viewer'), (?, ?, 'editor'), (?, ?, 'viewer')",
        arguments: [albums[0], anna.number, albums[2], anna.number, albums[1], anna.number])
      for number in 0..<count {
        try db.execute(
          sql:
            "INSERT OR IGNORE INTO album_asset (album, asset, added_at) SELECT ?, number, 0 FROM asset WHERE place = ?",
          arguments: [albums[(number + 1) % 3], number * 2])
      }
    }
  }

  private func pages<Value>(
    _ limit: Int, _ read: (SyncCursor, Int) throws -> [SyncRow<Value>]
  ) throws -> [SyncCursor] {
    var (all, cursor): ([SyncCursor], SyncCursor) = ([], .start)
    while true {
      let rows = try read(cursor, limit)
      all += rows.map(\.cursor)
      guard rows.count == limit, let last = rows.last else { return all }
      cursor = last.cursor
    }
  }

  @Test func pagesThroughAlbumsMissNothing() async throws {
    let fixture = try await StoreFixture()
    try await shared(fixture, count: 240)
    let snapshot = try await fixture.catalog.syncSnapshot(for: fixture.annaID)
    let counts = try await fixture.catalog.read { db in
      [
        try Int.fetchOne(db, sql: "SELECT count(*) FROM album_asset") ?? 0,
        try Int.fetchOne(
          db, sql: "SELECT count(*) FROM album_asset JOIN asset ON number = asset WHERE owner <> ?",
          arguments: [fixture.anna.number]) ?? 0,
      ]
    }
    // A window is 50 pages: each pass crosses its end.
    for limit in [1, 3] {
      let links = try pages(limit) { try snapshot.albumAssets(after: $0, limit: $1) }
      #expect(links.count == counts[0] && links == links.sorted() && links.count > 50 * limit)
      let others = try pages(limit) { try snapshot.sharedAssets(after: $0, limit: $1) }
      #expect(others.count == counts[1] && others == others.sorted() && others.count > 50 * limit)
      #expect(try pages(limit) { try snapshot.sharedFacts(after: $0, limit: $1) } == others)
      #expect(try pages(limit) { try snapshot.changedSharedAssets(after: $0, limit: $1) }.count == 180)
      #expect(try pages(limit) { try snapshot.changedSharedFacts(after: $0, limit: $1) }.count == 180)
    }
    // From the middle, as after a kill; and from elsewhere than where the last page ended.
    let all = try pages(500) { try snapshot.albumAssets(after: $0, limit: $1) }
    #expect(try snapshot.albumAssets(after: all[99], limit: 5).map(\.cursor) == Array(all[100..<105]))
    #expect(try snapshot.albumAssets(after: all[9], limit: 5).map(\.cursor) == Array(all[10..<15]))
  }

  @Test func passesThatComeOftenReadOnlyWhatTheyNeed() async throws {
    let fixture = try await StoreFixture()
    let plan = try await fixture.catalog.read { db in
      try Row.fetchAll(
        db,
        sql: """
          EXPLAIN QUERY PLAN SELECT change, number, id, metadata FROM asset
          WHERE owner = 1 AND (change, number) > (1, 1) AND metadata IS NOT NULL ORDER BY change, number
          """
      ).map { $0["detail"] as String }
    }
    #expect(
      plan.contains { $0.contains("asset_metadata_change") } && !plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)"
    )
  }
}
