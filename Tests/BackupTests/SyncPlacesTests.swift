import Ground
import Synchronization
import Testing

@testable import Backup

/// Phones that read slowly, or ask twice, keep nobody else from the sync that their backup waits for.
@Suite struct SyncPlacesTests {
  /// What ended whose connection.
  private final class HungUp: Sendable {
    let names = Mutex<[String]>([])
    func callAsFunction(_ name: String) -> @Sendable () -> Void { { self.names.withLock { $0.append(name) } } }
    var all: [String] { names.withLock { $0 } }
  }

  private func limits(_ change: (inout SyncPlaces.Limits) -> Void = { _ in }) -> SyncPlaces {
    var limits = SyncPlaces.Limits()
    limits.patience = 0.2
    change(&limits)
    return SyncPlaces(limits)
  }

  private func isBusy(_ body: () async throws -> SyncPlace) async throws -> Bool {
    do {
      _ = try await body()
      return false
    } catch BackupError.syncBusy(retryAfter: 5) { return true }
  }

  @Test("A person has two places, and another person's phone gets one at once")
  func perPerson() async throws {
    let (places, anna, bert) = (limits(), Identifier(), Identifier())
    let held = [
      try await places.take(session: Identifier(), user: anna) {},
      try await places.take(session: Identifier(), user: anna) {},
    ]
    #expect(try await isBusy { try await places.take(session: Identifier(), user: anna) {} })
    let other = try await places.take(session: Identifier(), user: bert) {}
    other.leave()
    held[0].leave()
    _ = try await places.take(session: Identifier(), user: anna) {}
    withExtendedLifetime(held) {}
  }

  @Test("A newer stream of a login ends the older, and has its place when that is gone")
  func newerEndsOlder() async throws {
    let (places, anna, phone, hungUp) = (limits { $0.patience = 60 }, Identifier(), Identifier(), HungUp())
    let older = try await places.take(session: phone, user: anna, hangUp: hungUp("older"))
    let another = try await places.take(session: Identifier(), user: anna, hangUp: hungUp("another"))
    let newer = Task { try await places.take(session: phone, user: anna, hangUp: hungUp("newer")) }
    while hungUp.all.isEmpty { await Task.yield() }
    older.leave()
    let place = try await newer.value
    #expect(hungUp.all == ["older"])
    withExtendedLifetime((place, another)) {}
  }

  @Test("Of two that wait for one login only one stays, and so of two where one may wait", arguments: [true, false])
  func waiting(isSameLogin: Bool) async throws {
    let places = limits { ($0.streams, $0.waiting, $0.patience) = (1, isSameLogin ? 64 : 1, 60) }
    let held = try await places.take(session: Identifier(), user: Identifier()) {}
    let phone = Identifier()
    let refused = try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<2 {
        let session = isSameLogin ? phone : Identifier()
        group.addTask { try await self.isBusy { try await places.take(session: session, user: Identifier()) {} } }
      }
      // The one that stays has its place only now.
      let first = try await group.next()
      held.leave()
      let second = try await group.next()
      return [first, second]
    }
    #expect(refused == [true, false])
  }

  @Test("One that waits and is cancelled leaves the line")
  func cancelled() async throws {
    let places = limits { ($0.streams, $0.waiting, $0.patience) = (1, 1, 60) }
    let held = try await places.take(session: Identifier(), user: Identifier()) {}
    let waiter = Task { try await places.take(session: Identifier(), user: Identifier()) {} }
    waiter.cancel()
    await #expect(throws: CancellationError.self) { try await waiter.value }
    held.leave()
    _ = try await places.take(session: Identifier(), user: Identifier()) {}
  }

  @Test("A place is free again when nobody holds it any more, even if the answer was never sent")
  func droppedPlace() async throws {
    let places = limits { $0.streams = 1 }
    do { _ = try await places.take(session: Identifier(), user: Identifier()) {} }
    _ = try await places.take(session: Identifier(), user: Identifier()) {}
  }

  @Test("A phone that takes its lines too slowly is hung up on; the server's own time does not count")
  func pace() async throws {
    let hungUp = HungUp()
    let places = limits { ($0.pace.grace, $0.pace.slowest) = (0.1, 1_000_000) }
    let place = try await places.take(session: Identifier(), user: Identifier(), hangUp: hungUp("slow"))
    try await place.send(100) {}
    try await Task.sleep(for: .milliseconds(200))
    try await place.send(100) {}
    // A second's worth of bytes.
    try await place.send(1_000_000) { try await Task.sleep(for: .milliseconds(150)) }
    #expect(hungUp.all.isEmpty)
    let began = MonotonicTime.now()
    try await place.send(100) { while hungUp.all.isEmpty { try await Task.sleep(for: .milliseconds(5)) } }
    // The grace alone is long over.
    #expect(MonotonicTime.now().seconds(since: began) > 0.3)
  }
}
