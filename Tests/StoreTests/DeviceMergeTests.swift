import GRDB
import Ground
import Testing

@testable import Store

@Suite struct DeviceMergeTests {
  @Test(
    "What the newer one of two said last, and the snooze that ends later, are those of the whole",
    arguments: [true, false])
  func keeps(isPartNewer: Bool) async throws {
    let store = try await StoreFixture()
    let (whole, part) = (Identifier(), Identifier())
    let newer = isPartNewer ? part : whole
    try await store.catalog.write { db in
      for id in [whole, part] {
        try db.execute(
          sql: """
            INSERT INTO device (id, user, kind, first_contact, last_contact, check_in, checked_in_at, snoozed_until)
            VALUES (?, ?, 'phone', 0, 0, ?, ?, ?)
            """,
          arguments: [
            id, store.anna.number, id == newer ? "new" : "old", id == newer ? 2000 : 1000, id == newer ? 9000 : nil,
          ])
      }
    }
    let now = Instant(milliseconds: 3000)
    #expect(try await store.catalog.merge(device: whole, with: part, of: store.annaID, now: now) == .done)
    let seen = try #require(
      try await store.catalog.devices(of: store.annaID, withRevoked: false, now: now).first
    ).device
    #expect(seen.id == whole && seen.checkIn == "new" && seen.checkedInAt == Instant(milliseconds: 2000))
    #expect(seen.snoozedUntil == Instant(milliseconds: 9000))
  }

  @Test(
    "A phone that is merged into a browser goes on as a phone, and what both brought since the last check-in of one",
    arguments: [true, false])
  func staysAPhone(isPhonePart: Bool) async throws {
    let store = try await StoreFixture()
    let (phone, browser) = (Identifier(), Identifier())
    try await store.catalog.write { db in
      try db.execute(
        sql: """
          INSERT INTO device (id, user, kind, maker, model, os, client, first_contact, last_contact, stored, duplicates,
            check_in, checked_in_at, checked_in_count)
          VALUES (?, ?, 'phone', 'Google', 'Pixel 8', 'Android', 'Immich for Android', 0, 0, 40, 5, 'said', 1000, 42),
            (?, ?, 'browser', NULL, NULL, 'Linux', 'Firefox', 0, 0, 7, 0, NULL, NULL, NULL)
          """, arguments: [phone, store.anna.number, browser, store.anna.number])
    }
    let (whole, part) = isPhonePart ? (browser, phone) : (phone, browser)
    let now = Instant(milliseconds: 3000)
    #expect(try await store.catalog.merge(device: whole, with: part, of: store.annaID, now: now) == .done)
    let seen = try #require(
      try await store.catalog.devices(of: store.annaID, withRevoked: false, now: now).first
    ).device
    #expect(seen.id == whole && seen.facts.kind == "phone" && seen.facts.model == "Pixel 8")
    #expect(seen.facts.os == "Android" && seen.facts.client == "Immich for Android")
    #expect(seen.stored == 47 && seen.checkIn == "said" && seen.arrivedSinceCheckIn == 3)
  }
}
