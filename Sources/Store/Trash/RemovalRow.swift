import GRDB
import Ground

/// A file of a deleted asset on its way out: from originals into quarantine, and in the end from there.
struct RemovalRow: Sendable, Equatable {
  let number: Int64
  /// The asset's that was.
  let id: Identifier
  let sha1: SHA1Digest
  let key: String
  let sidecarKey: String?
  /// The folder in quarantine: `2026-11-21`.
  let day: String
  /// Relative to quarantine.
  var target: String

  var sidecarTarget: String? { sidecarKey == nil ? nil : target + ".xmp" }

  static let columns = "number, id, sha1, original_key, sidecar_key, day, target"

  init(_ row: Row) {
    (number, id, sha1, key, sidecarKey) = (row[0], row[1], row[2], row[3], row[4])
    (day, target) = (row[5], row[6])
  }

  /// Such as `2026-11-21`, in UTC.
  static func day(_ instant: Instant) -> String { String(instant.iso8601.prefix(10)) }

  /// The first free place of a key in a day's folder: the same path, then with `+1`, `+2` …
  static func freeTarget(day: String, key: String, _ db: Database, isFree: (String) throws -> Bool = { _ in true })
    throws
    -> String
  {
    let (folder, name) = splitKey(key)
    for number in 0..<(1 << 20) {
      let target = "\(day)/\(folder)/\(SafeName.numbered(name, number))"
      let isTaken = try Bool.fetchOne(
        db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM removal WHERE target = ?)"), arguments: [target])
      if isTaken != true, try isFree(target) { return target }
    }
    throw StoreError.broken("no free name in a folder of the quarantine")
  }
}
