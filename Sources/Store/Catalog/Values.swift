import FoundationEssentials
import GRDB
import GRDBSQLite
import Ground

// How the product's own types stand in the catalog: ids and digests as BLOBs, moments as integer milliseconds. Each is
// read from where SQLite keeps the column as well: through `DatabaseValue` and `Data` it took a third of a sync's time.

/// A column's bytes, which are valid until the statement steps on; none for NULL.
func blob(_ statement: SQLiteStatement, _ index: CInt) -> UnsafeRawBufferPointer {
  UnsafeRawBufferPointer(
    start: sqlite3_column_blob(statement, index), count: Int(sqlite3_column_bytes(statement, index)))
}

extension Identifier: DatabaseValueConvertible, StatementColumnConvertible {
  package init?(sqliteStatement statement: SQLiteStatement, index: CInt) { self.init(raw: blob(statement, index)) }

  package var databaseValue: DatabaseValue { Data(bytes).databaseValue }

  package static func fromDatabaseValue(_ value: DatabaseValue) -> Identifier? {
    Data.fromDatabaseValue(value).flatMap { Identifier(bytes: $0) }
  }
}

extension SHA1Digest: DatabaseValueConvertible, StatementColumnConvertible {
  package init?(sqliteStatement statement: SQLiteStatement, index: CInt) { self.init(raw: blob(statement, index)) }

  package var databaseValue: DatabaseValue { Data(bytes).databaseValue }

  package static func fromDatabaseValue(_ value: DatabaseValue) -> SHA1Digest? {
    Data.fromDatabaseValue(value).flatMap { SHA1Digest(bytes: $0) }
  }
}

extension Instant: DatabaseValueConvertible, StatementColumnConvertible {
  package init?(sqliteStatement statement: SQLiteStatement, index: CInt) {
    guard sqlite3_column_type(statement, index) == SQLITE_INTEGER else { return nil }
    self.init(milliseconds: sqlite3_column_int64(statement, index))
  }

  package var databaseValue: DatabaseValue { milliseconds.databaseValue }

  package static func fromDatabaseValue(_ value: DatabaseValue) -> Instant? {
    Int64.fromDatabaseValue(value).map { Instant(milliseconds: $0) }
  }
}

extension [UInt8] {
  /// As a BLOB.
  var databaseBytes: Data { Data(self) }
}
