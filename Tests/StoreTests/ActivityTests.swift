import Ground
import Testing

@testable import Store

@Suite struct ActivityTests {
  @Test("A large import pushes out its own lines, not who logged in; and strangers' failed logins only their own")
  func shares() async throws {
    let store = try await StoreFixture()
    let now = Instant.now()
    func entries(_ kind: ActivityKind, _ count: Int) -> [ActivityEntry] {
      (0..<count).map { _ in ActivityEntry(at: now, kind: kind, user: nil) }
    }
    try await store.catalog.record(entries(.login, 4) + entries(.loginFailed, 50) + entries(.duplicate, 300))
    while try await store.catalog.pruneActivity(before: now.adding(seconds: -86_400), rows: 100) {}
    func kept(_ kind: ActivityKind) async throws -> Int {
      var filter = ActivityFilter()
      filter.kinds = [kind.rawValue]
      return try await store.catalog.activity(filter, before: nil, limit: 500).count
    }
    #expect(try await kept(.login) == 4)
    #expect(try await kept(.loginFailed) == 5)
    #expect(try await kept(.duplicate) == 90)
  }
}
