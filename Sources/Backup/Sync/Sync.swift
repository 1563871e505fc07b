import Ground
import Store

/// What changed since a phone last asked. The phone backs up only after this stream has succeeded, keeps the rows in tables
/// with foreign keys, and is wedged for good by a row that breaks one: so every pass reads one moment of the catalog, parents
/// come before children, and deletions before everything else of their kind (`contracts`: Immich's sync, version 3.1).
package final class Sync: Sendable {
  /// Rows that are read at once.
  static let page = 1000

  private let catalog: Catalog
  private let places = SyncPlaces()
  private let lanes = Lanes(label: "sync", count: 2)

  init(catalog: Catalog) { self.catalog = catalog }

  // MARK: Streaming

  /// A place for a stream of this login, whose older one is ended.
  /// - Parameter hangUp: ends the connection that asks, where a newer one comes or the phone takes its lines too slowly.
  /// - Throws: `.syncBusy` where none comes free in some seconds.
  package func place(for session: Session, hangUp: @escaping @Sendable () -> Void) async throws -> SyncPlace {
    try await places.take(session: session.id, user: session.user, hangUp: hangUp)
  }

  /// Call it with a place in hand.
  /// - Parameters:
  ///   - types: Immich's request types; those that nothing is known of give no lines.
  ///   - emit: takes a handful of lines at a time; while it waits for a slow phone, nothing more is read. Runs on a lane.
  /// - Throws: what `emit` throws; `StoreError`.
  package func stream<Piece: Sendable>(
    _ types: Set<String>, from session: Session, reset: Bool, encode: @escaping @Sendable ([SyncLine]) -> Piece,
    emit: (Piece) async throws -> Void
  ) async throws {
    if reset { try await catalog.deleteAcks(nil, session: session.id) }
    let (acks, needsReset) = try await catalog.syncState(session: session.id)
    let snapshot = try await catalog.syncSnapshot(for: session.user)
    let cursors = acks.compactMapValues { SyncAck($0)?.cursor }
    // Acknowledged what the catalog never reached: it was put back to an older state.
    let isAhead = cursors.values.contains { $0.change > snapshot.bound }
    if needsReset || isAhead {
      return try await emit(encode([SyncLine(type: .reset, entity: .nothing, ack: "\(SyncType.reset.rawValue)|reset")]))
    }
    for pass in SyncPass.inOrder where types.contains(pass.request) {
      let known = cursors[pass.type.rawValue]
      // A phone that forgot only where it stood with the changes gets all of them.
      if known == nil, let origin = pass.changesOf, cursors[origin.rawValue] == nil { continue }
      var first: [SyncLine] = []
      if known == nil, let changes = pass.changes, cursors[changes.rawValue] == nil {
        let ack = SyncAck(changes, SyncCursor(change: snapshot.bound, row: Int64.max))
        first = [SyncLine(type: .ack, entity: .nothing, ack: ack.text)]
      }
      var cursor = known ?? .start
      while true {
        let (from, ahead) = (cursor, first)
        first = []
        let page = try await lanes.next().run { () -> (piece: Piece, last: SyncCursor, isFull: Bool)? in
          let rows = try pass.read(snapshot, from, Sync.page)
          guard let last = rows.last else { return nil }
          var lines = ahead
          lines.reserveCapacity(ahead.count + rows.count)
          for row in rows {
            lines.append(SyncLine(type: pass.type, entity: row.value, ack: SyncAck(pass.type, row.cursor).text))
          }
          return (encode(lines), last.cursor, rows.count == Sync.page)
        }
        guard let page else { break }
        try await emit(page.piece)
        guard page.isFull else { break }
        cursor = page.last
      }
    }
    let end = SyncAck(.complete, SyncCursor(change: snapshot.bound, row: 0))
    try await emit(encode([SyncLine(type: .complete, entity: .nothing, ack: end.text)]))
  }

  /// Lets the phones of everybody, or of one person, forget what they have and begin again at their next sync.
  /// - Returns: how many logins.
  package func restart(_ user: Identifier?) async throws -> Int { try await catalog.resetSync(of: user) }

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
