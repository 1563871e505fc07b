import Ground
import Store

/// What changed since a phone last asked. The phone backs up only after this stream has succeeded, keeps the rows in tables
/// with foreign keys, and is wedged for good by a row that breaks one: so every pass reads one moment of the catalog, parents
/// come before children, and deletions before everything else of their kind (`contracts`: Immich's sync, version 3.1).
package final class Sync: Sendable {
  /// Streams at once: each holds a connection to the catalog and keeps its log from shrinking. More wait.
  package static let streams = 8
  /// Rows that are read at once.
  static let page = 1000

  private let catalog: Catalog
  private let slots = Slots(Sync.streams)
  private let lanes = Lanes(label: "sync", count: 2)

  init(catalog: Catalog) { self.catalog = catalog }

  // MARK: Streaming

  /// - Parameters:
  ///   - types: Immich's request types; those that nothing is known of give no lines.
  ///   - emit: takes a handful of lines at a time; while it waits for a slow phone, nothing more is read. Runs on a lane.
  /// - Throws: what `emit` throws; `StoreError`.
  package func stream<Piece: Sendable>(
    _ types: Set<String>, from session: Session, reset: Bool, encode: @escaping @Sendable ([SyncLine]) -> Piece,
    emit: (Piece) async throws -> Void
  ) async throws {
    if reset { try await catalog.deleteAcks(nil, session: session.id) }
    await slots.take()
    defer { slots.give() }
    let (acks, needsReset) = try await catalog.syncState(session: session.id)
    let snapshot = try await catalog.syncSnapshot(for: session.user)
    let cursors = acks.compactMapValues { SyncAck($0)?.cursor }
    // Acknowledged what the catalog never reached: it was put back to an older state.
    let isAhead = cursors.values.contains { $0.change > snapshot.bound }
    if needsReset || isAhead {
      return try await emit(encode([SyncLine(type: .reset, entity: .nothing, ack: "\(SyncType.reset.rawValue)|reset")]))
    }
    for pass in SyncPass.inOrder where types.contains(pass.request) {
      if pass.startsAtBound, cursors[pass.type.rawValue] == nil {
        // What a first stream would bring came in the pass before: only later changes count.
        let ack = SyncAck(pass.type, SyncCursor(change: snapshot.bound, row: Int64.max))
        try await emit(encode([SyncLine(type: .ack, entity: .nothing, ack: ack.text)]))
        continue
      }
      var cursor = cursors[pass.type.rawValue] ?? .start
      while true {
        let from = cursor
        let (piece, last, count) = try await lanes.next().run {
          let rows = try pass.read(snapshot, from, Sync.page)
          let lines = rows.map {
            SyncLine(type: pass.type, entity: $0.value, ack: SyncAck(pass.type, $0.cursor).text)
          }
          return (lines.isEmpty ? nil : encode(lines), rows.last?.cursor, rows.count)
        }
        if let piece { try await emit(piece) }
        guard count == Sync.page, let last else { break }
        cursor = last
      }
    }
    let end = SyncAck(.complete, SyncCursor(change: snapshot.bound, row: 0))
    try await emit(encode([SyncLine(type: .complete, entity: .nothing, ack: end.text)]))
  }

  // MARK: Acknowledgements

  /// - Throws: `.invalid("Invalid ack type: …")`.
  package func acknowledge(_ acks: [String], _ session: Session) async throws {
    var kept: [(type: String, ack: String)] = []
    for text in acks {
      let type = String(text.prefix { $0 != "|" })
      guard SyncType.known.contains(type) else { throw BackupError.invalid("Invalid ack type: \(type)") }
      guard text.utf8.count <= 200 else { throw BackupError.invalid("An ack is too long") }
      if type == SyncType.reset.rawValue { return try await catalog.finishSyncReset(session: session.id) }
      kept.append((type, text))
    }
    try await catalog.setAcks(kept, session: session.id)
  }

  /// By type, in order.
  package func acknowledged(_ session: Session) async throws -> [(type: String, ack: String)] {
    try await catalog.syncState(session: session.id).acks.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// - Parameter types: nil forgets everything.
  package func forget(_ types: [String]?, _ session: Session) async throws {
    for type in types ?? [] where !SyncType.known.contains(type) {
      throw BackupError.invalid("Invalid ack type: \(type)")
    }
    try await catalog.deleteAcks(types, session: session.id)
  }
}

/// `<type>|<change>.<row>`: opaque to phones.
struct SyncAck {
  let type: String
  let cursor: SyncCursor

  init(_ type: SyncType, _ cursor: SyncCursor) { (self.type, self.cursor) = (type.rawValue, cursor) }

  /// Nil for what this server never sent.
  init?(_ text: String) {
    let parts = text.split(separator: "|", omittingEmptySubsequences: false)
    guard parts.count >= 2 else { return nil }
    let numbers = parts[1].split(separator: ".", omittingEmptySubsequences: false)
    guard numbers.count == 2, let change = Int64(numbers[0]), let row = Int64(numbers[1]) else { return nil }
    (type, cursor) = (String(parts[0]), SyncCursor(change: change, row: row))
  }

  var text: String { "\(type)|\(cursor.change).\(cursor.row)" }
}
