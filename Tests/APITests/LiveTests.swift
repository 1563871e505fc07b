import Dispatch
import Ground
import HTTPTypes
import Testing

@testable import API
@testable import HTTPServer

/// The API behind the real server, over sockets.
@Suite struct LiveTests {
  private func withPort(_ body: (World, UInt16) async throws -> Void) async throws {
    try await World.with { world in
      var configuration = ServerConfiguration()
      configuration.port = 0
      let server = try Server(
        configuration, responder: world.responder, blocks: world.backup.desk.blocks, logger: world.log.logger)
      let port = try await server.start()
      do { try await body(world, port) } catch {
        await server.shutdown()
        throw error
      }
      await server.shutdown()
    }
  }

  /// Sends on one connection, in pieces, and reads until the server closes; off the cooperative threads.
  private func exchange(_ port: UInt16, _ pieces: [[UInt8]], endsWriting: Bool = false) async throws -> String {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(
          with: Result {
            let client = try RawClient(port: port)
            for piece in pieces { try client.send(piece) }
            if endsWriting { client.endWriting() }
            return try client.receiveAll()
          })
      }
    }
  }

  private func head(_ line: String, _ session: (String, String), _ more: String) -> [UInt8] {
    Array("\(line) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(session.0): \(session.1)\r\n\(more)\r\n".utf8)
  }

  private static let multipart = "Content-Type: multipart/form-data; boundary=bound\r\n"

  /// Splits into chunks of a size that shares no factor with a block's.
  private func chunked(_ bytes: [UInt8]) -> [[UInt8]] {
    var out: [[UInt8]] = []
    for start in stride(from: 0, to: bytes.count, by: 70_001) {
      let piece = bytes[start..<min(start + 70_001, bytes.count)]
      out.append(Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + Array("\r\n".utf8))
    }
    return out + [Array("0\r\n\r\n".utf8)]
  }

  @Test("A file of several blocks arrives whole, with a length and chunked, and downloads again")
  func uploads() async throws {
    try await withPort { world, port in
      let session = try await world.login()
      for (index, isChunked) in [false, true].enumerated() {
        let photo = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* (31 + index) ^ $0 >> 11) }
        let form = World.form(World.dates + [("assetData", "a\(index).jpg", photo)])
        let framing = isChunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: \(form.count)\r\n"
        let answer = try await exchange(
          port,
          [head("POST /api/assets", session, LiveTests.multipart + framing)] + (isChunked ? chunked(form) : [form]))
        #expect(answer.hasPrefix("HTTP/1.1 201 "), "\(answer)")
        let id = try #require(answer.firstRange(of: "\"id\":\"")).upperBound
        let path = "/api/assets/\(answer[id...].prefix(36))"
        let checksum = try await world.send(.get, path, [session]).object()["checksum"]?.text
        let running = RunningSHA1()
        photo.withUnsafeBytes { running.update($0) }
        #expect(checksum == running.finish().base64)
        let part = try await exchange(port, [head("GET \(path)/original", session, "Range: bytes=-5\r\n")])
        #expect(part.hasPrefix("HTTP/1.1 206 ") && part.contains("bytes 4999995-4999999/5000000"))
      }
    }
  }

  @Test("A duplicate that is announced is answered before its body has come, and the answer can be read")
  func announced() async throws {
    try await withPort { world, port in
      let session = try await world.login()
      let photo = (0..<400_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      let first = try await world.upload(World.dates + [("assetData", "a.jpg", photo)], [session])
      let running = RunningSHA1()
      photo.withUnsafeBytes { running.update($0) }
      let fields =
        LiveTests.multipart + "Transfer-Encoding: chunked\r\nx-immich-checksum: \(running.finish().base64)\r\n"
      let form = World.form(World.dates + [("assetData", "a.jpg", photo)])
      let answer = try await exchange(port, [head("POST /api/assets", session, fields)] + chunked(form))
      let id = try #require(try first.object()["id"]?.text)
      #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.contains(id))
    }
  }

  @Test("A client that vanishes in the middle of its upload leaves nothing")
  func vanished() async throws {
    try await withPort { world, port in
      let session = try await world.login()
      let before = try world.storedFiles()
      let form = World.form(World.dates + [("assetData", "a.jpg", [UInt8](repeating: 7, count: 3_000_000))])
      let request = head("POST /api/assets", session, LiveTests.multipart + "Content-Length: \(form.count)\r\n")
      _ = try await exchange(port, [request, Array(form.prefix(2_500_000))], endsWriting: true)
      #expect(try world.storedFiles() == before)
      #expect(try await world.send(.get, "/api/assets/statistics", [session]).object()["total"] == .number(0))
    }
  }

  @Test("What the server itself refuses has the API's words, and so has a body over its route's limit")
  func refusals() async throws {
    try await withPort { world, port in
      let session = try await world.login()
      for (request, status) in [
        (Array("GET / HTTP/1.1\r\n\r\n".utf8), "400"), (Array("BREW /api HTTP/1.1\r\nHost: x\r\n\r\n".utf8), "501"),
        (head("POST /api/auth/login", session, "Content-Length: 2000000\r\n"), "413"),
        (head("GET /api/plugins", session, ""), "404"),
      ] {
        let answer = try await exchange(port, [request])
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
        let lowered = answer.lowercased()
        #expect(lowered.contains("\r\ncontent-type: application/json") && lowered.contains("\r\nx-correlation-id: "))
        #expect(answer.contains(#"{"message":""#))
      }
    }
  }
}
