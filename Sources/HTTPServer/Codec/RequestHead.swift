import HTTPTypes

/// Everything before the body of one request, checked. An object, because it is passed on often and its parts would all be
/// counted each time.
final class RequestHead: Sendable {
  enum Framing: Equatable, Sendable {
    case none
    case length(Int64)
    case chunked
  }

  let method: HTTPRequest.Method
  let target: RequestTarget
  /// The minor version: 0 or 1 (RFC 9112 section 2.3).
  let minorVersion: Int
  let fields: RequestFields
  let framing: Framing
  /// Whether the client lets the connection live after this exchange (RFC 9112 section 9.3).
  let keepAlive: Bool
  /// The client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1).
  let expectsContinue: Bool

  init(
    method: HTTPRequest.Method, target: RequestTarget, minorVersion: Int, fields: RequestFields,
    framing: Framing = .none, keepAlive: Bool = true, expectsContinue: Bool = false
  ) {
    (self.method, self.target, self.minorVersion, self.fields) = (method, target, minorVersion, fields)
    (self.framing, self.keepAlive, self.expectsContinue) = (framing, keepAlive, expectsContinue)
  }
}

/// Limits of a request head.
enum HeadLimit {
  /// Bytes of the whole head; more is 431.
  static let head = 16 << 10
  /// Bytes of the request target; more is 414.
  static let target = 8 << 10
  /// Fields; more is 431.
  static let fields = 100
}
