import HTTPTypes

/// What stands above the server: it turns requests into answers, and puts the server's own refusals into its words.
package protocol Responder: Sendable {
  /// Called on the connection's queue: anything that blocks moves to a lane. Never throws: a failure is an answer too.
  func respond(to request: Request) async -> Response
  /// The largest body, in bytes, that the route takes; asked before the body is read. Nil: no limit.
  func bodyLimit(for method: HTTPRequest.Method, _ target: RequestTarget) -> Int64?
  /// The answer to a request that the server refuses by itself.
  func refusal(_ refusal: Refusal) -> Response
}

/// Why the server refuses a request before any handler sees it. After each of them the connection is closed.
package struct Refusal: Error, Equatable, Sendable {
  package let status: HTTPResponse.Status
  /// A sentence for the client; says what is wrong, never what is stored.
  package let message: String

  package init(_ status: HTTPResponse.Status, _ message: String) { (self.status, self.message) = (status, message) }
}

/// Why a body could not be read to its end.
package enum BodyError: Error, Equatable, Sendable {
  /// The client went away, or cut the body short.
  case disconnected
  /// No byte came for the stall time-out, or the body as a whole came too slowly.
  case stalled
  /// Bodies in memory take up all that they may together; the client shall try again.
  case overloaded
  /// The framing is broken; the text says how.
  case malformed(String)
  /// The body is larger than the route takes.
  case tooLarge(limit: Int64)
}
