import Backup
import FoundationEssentials
import Ground
import HTTPServer
import HTTPTypes

/// `GET /api/backup/events`: what happens, as it happens (server-sent events, as browsers' `EventSource` reads them). A
/// watcher has no queue here: it is woken, and reads what it missed from where it stands. So a slow one costs nothing, and
/// one that comes back with `Last-Event-ID` goes on where it was.
struct EventStream: Sendable {
  let backup: Backup
  let authentication: Authentication

  /// Entries that are read at once.
  private static let batch = 100
  /// Seconds between two looks, however much happens.
  private static let pace = 0.2
  /// Seconds of silence after which a comment is sent: proxies close what is silent.
  private static let heartbeat = 20.0
  /// Milliseconds after which a browser whose stream broke comes again.
  private static let retry = 3000

  func open(_ request: Request, _ principal: Principal) async throws -> Response {
    let isListener = await backup.push.canListen(principal.device)
    guard
      let place = backup.live.enter(
        principal.user.id, device: principal.device, as: isListener ? .device : .page)
    else {
      throw BackupError.tooManyAttempts(retryAfter: 30)
    }
    var start: Int64?
    if let last = request.field("Last-Event-ID") ?? request.target.query("lastEventId"), !last.isEmpty {
      // Whatever it is that is not ours: as one that is too old.
      start = Int64(last).flatMap { $0 >= 0 ? $0 : nil } ?? -1
    }
    let (from, seat) = (start, Seat(live: backup.live, place: place))
    return Response(
      status: .ok,
      fields: [
        .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
        // nginx would keep the events until it has a bufferful.
        EventStream.buffering: "no",
      ],
      body: .stream(length: nil) { write in
        defer { seat.leave() }
        let watch = Watch(stream: self, request: request, principal: principal, seat: seat, write: write)
        guard isListener, let device = principal.device else { return try await watch.run(from: from) }
        backup.push.streamOpened(device)
        do { try await watch.run(from: from) } catch {
          await left(device, seat)
          throw error
        }
        await left(device, seat)
      })
  }

  /// A task of its own: the one of a connection that broke is cancelled already.
  private func left(_ device: Int64, _ seat: Seat) async {
    seat.leave()
    let push = backup.push
    await Task { await push.streamClosed(device) }.value
  }

  private static let buffering: HTTPField.Name = {
    guard let name = HTTPField.Name("X-Accel-Buffering") else { preconditionFailure("no field name") }
    return name
  }()

  /// A place among the watchers, given back at the latest when nobody holds it.
  private final class Seat: Sendable {
    let live: LiveSignal
    let place: UInt64

    init(live: LiveSignal, place: UInt64) { (self.live, self.place) = (live, place) }

    func leave() { live.leave(place) }
    deinit { leave() }
  }

  /// One watcher.
  private struct Watch {
    let stream: EventStream
    let request: Request
    let principal: Principal
    let seat: Seat
    let write: ResponseWriter

    func run(from start: Int64?) async throws {
      try await write(Array("retry: \(EventStream.retry)\n\n".utf8))
      var cursor = try await place(start)
      var spoken = MonotonicTime.now()
      var progress = Progress()
      while true {
        var isFresh = false
        while true {
          let rows = try await read(behind: cursor)
          guard let last = rows.last else { break }
          // A slow reader far behind takes an hour for it: a login that ends meanwhile hears no more of it.
          if isFresh { guard await holds() else { return } }
          try await tell(rows)
          (cursor, isFresh) = (last.number, true)
        }
        if try await progress.tell(self) { isFresh = true }
        if isFresh { spoken = .now() }
        switch await seat.live.wait(seat.place) {
        case .closed: return
        case .wake(let tickle):
          try await send("wake", id: nil, try JSON.bytes(["tickle": String(tickle)]))
          spoken = .now()
        case .news:
          try await Task.sleep(for: .seconds(EventStream.pace))
          // The end of a login is news, too: its stream ends at once, however much else happens.
          guard await holds() else { return }
        case .heartbeat:
          guard MonotonicTime.now().seconds(since: spoken) >= EventStream.heartbeat else { continue }
          guard await holds() else { return }
          try await write(Array(": still here\n\n".utf8))
          spoken = .now()
        }
      }
    }

    /// Whether the login still stands, with the same rights: one that ended meanwhile sees nothing more.
    private func holds() async -> Bool {
      guard let now = try? await stream.authentication.principal(of: request, isPresence: true) else { return false }
      return now.user.isAdmin == principal.user.isAdmin && now.permissions == principal.permissions
    }

    /// Where to begin.
    private func place(_ start: Int64?) async throws -> Int64 {
      let (first, last) = try await stream.backup.activity.range()
      guard let start else { return last }
      guard start >= first - 1, start <= last else {
        try await send("reset", id: last, Array("{}".utf8))
        return last
      }
      return start
    }

    private func read(behind cursor: Int64) async throws -> [ActivityRow] {
      var filter = ActivityFilter()
      filter.user = principal.scope
      return try await stream.backup.activity.list(filter, after: cursor, limit: EventStream.batch)
    }

    private struct Changed: Encodable {
      let ids: [Identifier]
    }

    private func tell(_ rows: [ActivityRow]) async throws {
      for row in rows { try await send("activity", id: row.number, try JSON.bytes(ActivityShape(row, to: principal))) }
      let ids = Set(rows.compactMap(\.device)).sorted()
      if !ids.isEmpty { try await send("devices", id: nil, try JSON.bytes(Changed(ids: ids))) }
    }

    func send(_ event: String, id: Int64?, _ data: [UInt8]) async throws {
      let head = (id.map { "id: \($0)\n" } ?? "") + "event: \(event)\ndata: "
      // JSON as our encoder writes it holds no line end.
      try await write(Array(head.utf8) + data + Array("\n\n".utf8))
    }
  }

  /// What moves, at most every two seconds, and once more when nothing does.
  private struct Progress {
    private var told: MonotonicTime?
    private var wasEmpty = true

    mutating func tell(_ watch: Watch) async throws -> Bool {
      let now = MonotonicTime.now()
      let scope = watch.principal.scope
      let isEmpty = !watch.stream.backup.isReceiving { scope == nil || $0 == scope }
      if isEmpty, wasEmpty { return false }
      if !isEmpty, let told, now.seconds(since: told) < 1.9 { return false }
      let moving = try await watch.stream.backup.transfersUnderWay { scope == nil || $0 == scope }
      (told, wasEmpty) = (now, moving.isEmpty)
      let shapes = moving.map { TransferShape($0, to: watch.principal) }
      try await watch.send("progress", id: nil, try JSON.bytes(["uploads": shapes]))
      return true
    }
  }
}

/// JSON on one line.
private enum JSON {
  static func bytes(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
    return Array(try encoder.encode(value))
  }
}
