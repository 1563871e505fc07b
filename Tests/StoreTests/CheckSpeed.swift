import Foundation
import GRDB
import Ground
import Testing

@testable import Store

/// Look-ups against a large catalog; off unless asked for, as it takes minutes without optimisation.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["NIGHTSTAND_MEASURE"] != nil))
struct CheckSpeed {
  @Test func lookups() async throws {
    let store = try await StoreFixture()
    let count = 1_000_000
    @Sendable func digest(_ n: UInt64) -> [UInt8] { sha256(withUnsafeBytes(of: n) { Array($0) }).prefix(20).map { $0 } }
    try await store.catalog.write { [anna = store.anna] db in
      let insert = try db.makeStatement(
        sql: """
          INSERT INTO asset (id, owner, sha1, kind, mime_type, size, original_key, place, original_name,
            file_created_at, file_modified_at, local_date_time, created_at, updated_at, is_favorite, visibility)
          VALUES (?, ?, ?, 'IMAGE', 'image/jpeg', 1, 'anna/2024/2024-07/IMG_0001.JPG', ?, x'00', 0, 0, 0, 0, 0, 0, 'timeline')
          """)
      for n in 0..<count {
        try insert.execute(arguments: [Identifier(), anna.number, Data(digest(UInt64(n) * 2)), Int64(n)])
      }
    }
    var seconds = 0.0
    var known = 0
    for round in 0..<40 {
      let digests = (0..<5000).map { SHA1Digest(bytes: digest(UInt64(($0 * 7919 + round * 104_729) % (2 * count))))! }
      let start = MonotonicTime.now()
      let answers = try await store.catalog.check(digests, owner: store.annaID)
      seconds += MonotonicTime.now().seconds(since: start)
      known += answers.count { $0 != .unknown }
    }
    print("checks/s:", Int(Double(40 * 5000) / seconds), "known:", known)
  }
}
