import Ground

/// One numbered SQL file, such as `0002_assets.sql`.
package struct Migration: Sendable, Equatable {
  package let number: Int
  /// The file's name.
  package let name: String
  package let sql: String
  /// Of the file's bytes; says whether an applied file was edited later.
  package let sha256: [UInt8]
}

/// The migrations that this program knows, in order: 1, 2, 3 …
package struct Migrations: Sendable {
  package let all: [Migration]

  /// Reads every `.sql` file of a folder.
  /// - Throws: `StoreError.migrations` where names are not `NNNN_name.sql` or numbers are missing or doubled.
  package init(folder: String) throws {
    let names: [String]
    do { names = try FileSystem.names(in: folder) } catch { throw StoreError(error) }
    var found: [Migration] = []
    for name in names.filter({ $0.hasSuffix(".sql") }).sorted() {
      guard let number = Migrations.number(of: name) else {
        throw StoreError.migrations("\(name) is not named like 0001_name.sql")
      }
      let bytes: [UInt8]
      do { bytes = try FileSystem.contents("\(folder)/\(name)") } catch { throw StoreError(error) }
      guard let sql = String(validating: bytes, as: UTF8.self) else {
        throw StoreError.migrations("\(name) is not UTF-8")
      }
      found.append(Migration(number: number, name: name, sql: sql, sha256: Ground.sha256(bytes)))
    }
    guard !found.isEmpty else { throw StoreError.migrations("none found in \(folder)") }
    for (index, migration) in found.enumerated() where migration.number != index + 1 {
      throw StoreError.migrations(
        migration.number == index
          ? "two files have the number \(index): \(found[index - 1].name) and \(migration.name)"
          : "number \(index + 1) is missing before \(migration.name)")
    }
    all = found
  }

  private static func number(of name: String) -> Int? {
    let units = Array(name.utf8)
    guard units.count > 9, units[4] == UInt8(ascii: "_"), units[..<4].allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    return Int(name.prefix(4))
  }
}
