import GRDB
import Ground
import Testing

@testable import Store

/// The plans of the statements that must stay quick with a million rows, and what they are kept up to date by.
@Suite struct BrowseTests {
  private func plan(_ catalog: Catalog, _ sql: String) async throws -> [String] {
    try await catalog.read { db in
      try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN " + sql).map { $0["detail"] as String }
    }
  }

  @Test("A page of a search walks an index in order and sorts nothing")
  func searchPlan() async throws {
    let fixture = try await StoreFixture()
    var query = AssetQuery()
    query.visibilities = ["timeline", "archive"]
    query.taken = .init(from: Instant(milliseconds: 1))
    var statements: [String] = []
    for trash in [AssetQuery.Trash.without, .with, .only] {
      query.trash = trash
      let compiled = CompiledQuery(query, user: 1)
      let sql = try await fixture.catalog.read { db in
        try SearchPlan(compiled, db).selects(
          "asset.number AS number, asset.file_created_at AS time, asset.id AS id", compiled)
      }
      var bare = "SELECT number FROM (\(sql) ORDER BY time DESC, id DESC LIMIT 251 OFFSET 0)"
      for name in compiled.arguments.keys.sorted(by: >) { bare = bare.replacing(":\(name)", with: "1") }
      statements.append(bare)
    }
    for sql in statements {
      let steps = try await plan(fixture.catalog, sql)
      #expect(!steps.contains { $0.contains("TEMP B-TREE") || $0.contains("SCAN asset") }, "\(steps)")
      #expect(
        steps.contains { $0.contains("COVERING INDEX asset_taken") || $0.contains("COVERING INDEX asset_discarded") })
    }
  }

  @Test("Folded text: case and accents are gone, other letters stay")
  func folding() {
    #expect(SearchText.folded("IMG_0001.JPG") == "img_0001.jpg")
    #expect(SearchText.folded("Grüße aus Ålesund") == "gruße aus alesund")
    #expect(SearchText.folded("e\u{301}te\u{301} ÉTÉ") == "ete ete")
    #expect(SearchText.folded("日本の写真") == "日本の写真")
    // が is か with a mark: both sides are folded the same way.
    #expect(SearchText.folded("が") == SearchText.folded("か\u{3099}"))
  }

  @Test("An offset as the name of a zone")
  func zoneNames() {
    #expect(ZoneName.text(offset: 0) == "UTC")
    #expect(ZoneName.text(offset: 7_200_000) == "UTC+2")
    #expect(ZoneName.text(offset: -12_600_000) == "UTC-3:30")
  }
}
