import FoundationEssentials
import GRDB
import Ground

// How the product's own types stand in the catalog: ids and digests as BLOBs, moments as integer milliseconds.

extension Identifier: DatabaseValueConvertible {
  package var databaseValue: DatabaseValue { Data(bytes).databaseValue }

  package static func fromDatabaseValue(_ value: DatabaseValue) -> Identifier? {
    Data.fromDatabaseValue(value).flatMap { Identifier(bytes: $0) }
  }
}

extension SHA1Digest: DatabaseValueConvertible {
  package var databaseValue: DatabaseValue { Data(bytes).databaseValue }

  package static func fromDatabaseValue(_ value: DatabaseValue) -> SHA1Digest? {
    Data.fromDatabaseValue(value).flatMap { SHA1Digest(bytes: $0) }
  }
}

extension Instant: DatabaseValueConvertible {
  package var databaseValue: DatabaseValue { milliseconds.databaseValue }

  package static func fromDatabaseValue(_ value: DatabaseValue) -> Instant? {
    Int64.fromDatabaseValue(value).map { Instant(milliseconds: $0) }
  }
}

extension [UInt8] {
  /// As a BLOB.
  var databaseBytes: Data { Data(self) }
}
