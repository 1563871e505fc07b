import FoundationEssentials
import GRDB
import Ground

/// Who asked for it; nobody where it was due.
package struct TrashedBy: Sendable, Equatable {
  /// `device.number`.
  package let device: Int64?

  package init(device: Int64?) { self.device = device }
}

/// What one transaction throws away, takes back or deletes, as one line of activity for each person: a thousand photos are
/// one thing that somebody did.
struct TrashTally {
  private struct Heap {
    var count: Int64 = 0
    var bytes: Int64 = 0
    /// Of the only one.
    var name: [UInt8]?
    var asset: Identifier?
  }
  private var heaps: [Int64: Heap] = [:]

  mutating func add(_ number: Int64, _ db: Database) throws {
    let find = try db.cachedStatement(
      sql: "SELECT owner, size + sidecar_size, original_name, id FROM asset WHERE number = ?")
    guard let row = try Row.fetchOne(find, arguments: [number]) else { return }
    var heap = heaps[row[0], default: Heap()]
    (heap.count, heap.bytes) = (heap.count + 1, heap.bytes + (row[1] as Int64))
    (heap.name, heap.asset) = heap.count == 1 ? ([UInt8](row[2] as Data), row[3]) : (nil, nil)
    heaps[row[0]] = heap
  }

  func record(_ kind: ActivityKind, _ db: Database, by: TrashedBy?, now: Instant) throws {
    for (owner, heap) in heaps {
      try ActivityEntry(
        at: now, kind: kind, user: owner, device: by?.device, asset: heap.asset,
        name: heap.name.map { String(decoding: $0, as: UTF8.self) }, bytes: heap.bytes, count: heap.count
      ).insert(db)
    }
  }
}
