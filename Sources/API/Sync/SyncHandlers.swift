import Backup
import HTTPServer
import HTTPTypes

/// `/api/sync`: the stream that the phone app waits for before it backs up, and its acknowledgements.
struct SyncHandlers: Sendable {
  let sync: Sync

  private struct StreamRequest: Decodable {
    let types: [String]
    let reset: Bool?
  }

  /// JSON lines. Each line ends in a line feed, the last one too: the app drops one that does not; an empty line would fail
  /// its whole sync.
  func stream(_ request: Request, _ principal: Principal) async throws -> Response {
    let session = try SyncHandlers.session(principal)
    let input = try await request.json(StreamRequest.self)
    let types = Set(input.types)
    // Before the head: who cannot be served shall hear it, not wait in silence.
    let place = try await sync.place(for: session, hangUp: request.hangUp)
    return Response(
      status: .ok,
      fields: [
        .contentType: "application/jsonlines+json", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
      ],
      body: .stream(length: nil) { [sync] write in
        defer { place.leave() }
        try await sync.stream(types, from: session, reset: input.reset ?? false, encode: SyncLines.encode) { lines in
          try await place.send(lines.count) { try await write(lines) }
        }
      })
  }

  private struct Acks: Decodable {
    let acks: [String]
  }

  func acknowledge(_ request: Request, _ principal: Principal) async throws -> Response {
    let session = try SyncHandlers.session(principal)
    let acks = try await request.json(Acks.self).acks
    guard acks.count <= 1000 else { throw ValidationFailure("acks", "must contain no more than 1000 elements") }
    try await sync.acknowledge(acks, session)
    return .noContent
  }

  private struct AckShape: Encodable {
    let type: String
    let ack: String
  }

  func acknowledged(_ request: Request, _ principal: Principal) async throws -> Response {
    let session = try SyncHandlers.session(principal)
    return .json(try await sync.acknowledged(session).map { AckShape(type: $0.type, ack: $0.ack) })
  }

  private struct Forgetting: Decodable {
    let types: [String]?
  }

  /// No body, or no types, forgets everything.
  func forget(_ request: Request, _ principal: Principal) async throws -> Response {
    let session = try SyncHandlers.session(principal)
    let hasBody = request.body.declaredLength != 0
    let types = hasBody ? try await request.json(Forgetting.self).types : nil
    try await sync.forget(types, session)
    return .noContent
  }

  private static func session(_ principal: Principal) throws -> Session {
    guard case .session(let session) = principal.credential else {
      throw Refusal(.forbidden, "Sync endpoints cannot be used with API keys")
    }
    return session
  }
}
