import Foundation
import Ground
import HTTPTypes
import Logging

@testable import HTTPServer

/// Small answers that show what the server understood.
struct Echo: Responder {
  let file: Descriptor?
  let lane = Lane(label: "test.upload")

  func respond(to request: Request) async -> Response {
    switch request.target.rawPath {
    case "/echo":
      do {
        let body = try await request.body.collect(limit: 1 << 20)
        return text(.ok, "\(request.method) \(String(decoding: body, as: UTF8.self))")
      } catch let error as BodyError {
        return text(error == .disconnected ? .badRequest : .contentTooLarge, "\(error)")
      } catch {
        return text(.internalServerError, "\(error)")
      }
    case "/count":
      // As an upload is received: on a lane, while the loop sees the same socket's events.
      let count = try? await lane.run { () async throws -> Int in
        let block = Block(capacity: 64 << 10)
        var total = 0
        while case let more = try await request.body.read(into: block), more > 0 {
          total += more
          block.count = 0
        }
        return total
      }
      return text(count == nil ? .requestTimeout : .ok, "\(count ?? -1)")
    case "/early":
      return text(.forbidden, "no")
    case "/interim":
      try? await request.sendInterim(.init(code: 104), [.init("Upload-Offset")!: "7"])
      return text(.ok, "done")
    case "/stream":
      return Response(
        status: .ok, fields: [.contentType: "text/plain"],
        body: .stream(length: nil) { writer in
          for part in ["one ", "two ", "three"] { try await writer(Array(part.utf8)) }
        })
    case "/file":
      guard let file else { return text(.notFound, "") }
      let size = (try? file.status.size) ?? 0
      return fileResponse(
        to: request, file: file, size: size, etag: "\"tag\"", modified: Instant(milliseconds: 784_111_777_000),
        fields: [.contentType: "image/jpeg"])
    case "/json":
      return Response(
        status: .ok, fields: [.contentType: "application/json"], body: .bytes([UInt8](repeating: 0x20, count: 5000)))
    default:
      return text(.ok, request.target.rawPath)
    }
  }

  func bodyLimit(for method: HTTPRequest.Method, _ target: RequestTarget) -> Int64? {
    target.rawPath == "/echo" ? 1000 : nil
  }

  func refusal(_ refusal: Refusal) -> Response { text(refusal.status, refusal.message) }

  private func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
    Response(status: status, fields: [.contentType: "text/plain"], body: .bytes(Array(text.utf8)))
  }
}

/// The defaults on a free port, changed.
func settings(_ change: (inout ServerConfiguration) -> Void) -> ServerConfiguration {
  var configuration = ServerConfiguration()
  configuration.port = 0
  change(&configuration)
  return configuration
}

/// A server of its own for each test; ends with it.
func withServer(
  _ configuration: ServerConfiguration = settings { _ in }, file: Descriptor? = nil,
  _ body: @Sendable (UInt16, Server) async throws -> Void
) async throws {
  let server = try Server(
    configuration, responder: Echo(file: file), blocks: BlockPool(), logger: Logger(label: "test"))
  let port = try await server.start()
  do {
    try await body(port, server)
  } catch {
    await server.shutdown()
    throw error
  }
  await server.shutdown()
}

/// Runs blocking client code on a thread of its own: on Dispatch it would take the few threads the server's lanes need, a second at a time.
func blocking<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
  }
}
