import GRDB
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

  /// Anna's phone, and a second one that became a part of it. - Returns: ids and the devices' numbers.
  private func phone(_ store: StoreFixture) async throws -> (user: Identifier, device: Identifier, numbers: [Int64]) {
    let (user, owner) = (store.annaID, store.anna.number)
    let (phone, part) = (Identifier(), Identifier())
    let numbers = try await store.catalog.write { db in
      var numbers: [Int64] = []
      for id in [phone, part] {
        try db.execute(
          sql: "INSERT INTO device (id, user, kind, first_contact, last_contact) VALUES (?, ?, 'phone', 0, 0)",
          arguments: [id, owner])
        numbers.append(db.lastInsertedRowID)
      }
      try db.execute(sql: "UPDATE device SET merged_into = ? WHERE number = ?", arguments: [numbers[0], numbers[1]])
      return numbers
    }
    return (user, phone, numbers)
  }

  @Test("A line of somebody who is gone by now keeps nobody else's from being written")
  func ofSomebodyWhoIsGone() async throws {
    let store = try await StoreFixture()
    let (_, bob) = try await StoreFixture.addUser("bob", to: store.catalog)
    try await store.catalog.write { db in
      try db.execute(sql: "DELETE FROM user WHERE number = ?", arguments: [bob.number])
    }
    let before = try await store.count("activity")
    let now = Instant(milliseconds: 1_800_000_000_000)
    try await store.catalog.record([
      ActivityEntry(at: now, kind: .rejected, user: bob.number, name: "his.jpg"),
      ActivityEntry(at: now, kind: .rejected, user: store.anna.number, name: "hers.jpg"),
      ActivityEntry(at: now, kind: .loginFailed, user: nil),
    ])
    #expect(try await store.count("activity") == before + 2)
  }

  @Test("A device's activity is that of all its parts, in one order, page by page")
  func ofADevice() async throws {
    let store = try await StoreFixture()
    let (user, device, numbers) = try await phone(store)
    let now = Instant(milliseconds: 1_800_000_000_000)
    for index in 0..<40 {
      let taken: Instant? = index == 33 || index == 37 ? now.adding(seconds: Int64(index)) : now.adding(seconds: -9000)
      try await store.catalog.record([
        ActivityEntry(
          at: now.adding(seconds: Int64(index)), kind: index % 3 == 0 ? .stored : .duplicate, user: store.anna.number,
          device: index % 4 == 3 ? nil : numbers[index % 2], name: "\(index)", capturedAt: taken)
      ])
    }
    var filter = ActivityFilter()
    filter.device = device
    var (seen, before): ([String], Int64?) = ([], nil)
    while true {
      let page = try await store.catalog.activity(filter, before: before, limit: 7)
      seen += page.compactMap(\.name)
      before = page.last?.number
      if page.count < 7 { break }
    }
    #expect(seen == (0..<40).reversed().filter { $0 % 4 != 3 }.map(String.init))
    let next = try await store.catalog.activity(filter, after: 0, limit: 5)
    #expect(next.compactMap(\.name) == ["0", "1", "2", "4", "5"])
    filter.kinds = ["stored"]
    (filter.from, filter.to) = (now.adding(seconds: 10), now.adding(seconds: 30))
    #expect(
      try await store.catalog.activity(filter, before: nil, limit: 50).compactMap(\.name) == ["24", "21", "18", "12"])
    filter.device = Identifier()
    #expect(try await store.catalog.activity(filter, before: nil, limit: 50).isEmpty)

    func arrival(_ user: Identifier?, _ device: Identifier?) async throws -> String? {
      try await store.catalog.firstArrival(from: now, takenSince: now, user: user, device: device)?.name
    }
    #expect(try await arrival(user, device) == "33")
    #expect(try await arrival(nil, nil) == "33")
    #expect(try await arrival(Identifier(), nil) == nil)
    #expect(try await arrival(nil, Identifier()) == nil)
  }

  @Test("No page of it sorts or reads what it does not show; neither does a person's count of photos")
  func plans() async throws {
    let store = try await StoreFixture()
    let (user, device, _) = try await phone(store)
    func plan(_ sql: String, _ arguments: StatementArguments) async throws -> String {
      try await store.catalog.read { db in
        try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN \(sql)", arguments: arguments).map { $0["detail"] as String }
          .joined(separator: "\n")
      }
    }
    var narrow = ActivityFilter()
    (narrow.user, narrow.device, narrow.kinds) = (user, device, ["stored", "alarm"])
    (narrow.from, narrow.olderCaptures) = (Instant.now(), true)
    var filters = [ActivityFilter](repeating: ActivityFilter(), count: 4)
    filters[1].user = user
    filters[2].device = device
    (filters[3].from, filters[3].kinds) = (Instant.now(), ["stored"])
    for filter in filters + [narrow] {
      for search in [
        ActivitySearch(filter, before: nil, limit: 50), ActivitySearch(filter, before: 9, limit: 50),
        ActivitySearch(filter, after: 9, limit: 50),
      ] {
        let statements = try await store.catalog.read { db in try search.statements(db) }
        #expect(statements.count == (filter.device == nil ? 1 : 2))
        for (sql, arguments) in statements {
          let plan = try await plan(sql, arguments)
          #expect(!plan.contains("TEMP B-TREE"), "\(plan)")
          if filter.device != nil {
            #expect(plan.contains("activity_device (device=?"))
          } else if filter.user != nil {
            #expect(plan.contains("activity_user (user=?"))
          }
        }
      }
    }
    let (arrival, arguments) = try ActivitySearch.firstArrival(.now(), .now(), user, [1])
    let canary = try await plan(arrival, arguments)
    #expect(canary.contains("activity_at (at>?)") && !canary.contains("TEMP B-TREE"), "\(canary)")
    let summary = try await plan(Catalog.countsSQL, [Instant.now(), user])
    #expect(summary.contains("activity_at (at>?)") && !summary.contains("TEMP B-TREE"), "\(summary)")
    let count = try await plan(Catalog.visibleSQL, [user])
    #expect(count.contains("SEARCH month USING PRIMARY KEY") && !count.contains("asset"), "\(count)")
  }
}
