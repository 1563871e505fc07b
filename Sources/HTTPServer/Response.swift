import Ground
import HTTPTypes

/// What a handler answers. The server adds Date, Content-Length or Transfer-Encoding, Connection, and compression.
package struct Response: Sendable {
  package var status: HTTPResponse.Status
  package var fields: HTTPFields
  package var body: ResponseBody
  /// Who goes on after a `101 Switching Protocols`: see `webSocket(to:_:)`.
  var webSocket: (any WebSocketConversation)?

  package init(status: HTTPResponse.Status, fields: HTTPFields = [:], body: ResponseBody = .empty) {
    (self.status, self.fields, self.body) = (status, fields, body)
  }
}

/// Where an answer's bytes come from.
package enum ResponseBody: Sendable {
  case empty
  /// Held in memory; text and JSON above 1 KiB are compressed where the client accepts gzip.
  case bytes([UInt8])
  /// A stretch of an open file, read on a disk lane and sent as the client takes it.
  case file(Descriptor, offset: Int64, length: Int64)
  /// Written by the closure as the client takes it; chunked where `length` is nil.
  case stream(length: Int64?, @Sendable (ResponseWriter) async throws -> Void)
}

/// The open end of a streamed answer; every write waits until the kernel has taken the bytes.
package struct ResponseWriter: Sendable {
  let write: @Sendable ([UInt8]) async throws -> Void

  package func callAsFunction(_ bytes: [UInt8]) async throws { try await write(bytes) }
}
