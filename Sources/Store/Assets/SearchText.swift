import FoundationEssentials
import GRDB

/// Text as it is searched: `Ångström.JPG` is found by `angstrom`.
enum SearchText {
  /// In lower case, canonically decomposed, without combining marks; `ß`, `ø` and the like stay letters of their own.
  static func folded(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.lowercased() }
    var scalars = String.UnicodeScalarView()
    for scalar in text.lowercased().decomposed.unicodeScalars
    where scalar.properties.generalCategory != .nonspacingMark { scalars.append(scalar) }
    return String(scalars)
  }

  /// `folded(text)` in SQL, for what is not kept folded: descriptions and paths. A BLOB is read as UTF-8.
  static var function: DatabaseFunction {
    DatabaseFunction("folded", argumentCount: 1, pure: true) { values in
      guard let value = values.first, !value.isNull else { return nil }
      if let text = String.fromDatabaseValue(value) { return folded(text) }
      return Data.fromDatabaseValue(value).map { folded(String(decoding: $0, as: UTF8.self)) }
    }
  }
}

extension Catalog {
  /// Rows in one transaction.
  private static let foldedAtOnce = 5_000

  /// Folds the names of rows that were written before names were searched. Nothing to do costs nothing.
  package func foldNames() async throws {
    while true {
      let changed = try await write { db in
        try db.execute(
          sql: """
            UPDATE asset SET search_name = folded(original_name)
            WHERE number IN (SELECT number FROM asset WHERE search_name IS NULL LIMIT ?)
            """, arguments: [Catalog.foldedAtOnce])
        return db.changesCount
      }
      if changed < Catalog.foldedAtOnce { return }
    }
  }
}
