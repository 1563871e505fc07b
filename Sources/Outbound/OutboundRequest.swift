import Ground

/// One HTTP request that the server makes by itself.
package struct OutboundRequest: Sendable {
  package enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case delete = "DELETE"
  }

  /// Whose word the address is.
  package enum Trust: Sendable {
    /// A client's or a person's: every rule of `OutboundURL` and `AddressRules` holds, but for hosts that an admin listed.
    case stranger
    /// The operator's, from a key file or a setting of the server: any address; https still.
    case configured
  }

  package var method: Method
  package var url: String
  /// Names and values; one with a control character refuses the request.
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]
  /// What it is for, in one word, for the page's list of connections: `push`, `ntfy`, `webhook`, `mail`.
  package var purpose: String
  package var trust = Trust.stranger
  /// Who named the address; nil for the server itself. Nobody's names keep others waiting.
  package var person: Identifier?
  /// HTTP/2 and nothing else (APNs); elsewhere the two agree by themselves.
  package var needsHTTP2 = false
  /// Seconds for all of it, from the queue to the last byte.
  package var timeout = 10.0

  package init(
    _ method: Method, _ url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [], purpose: String
  ) {
    (self.method, self.url, self.headers, self.body, self.purpose) = (method, url, headers, body, purpose)
  }

  /// Bytes of an answer's body that are kept; the rest is not read.
  package static let answerLimit = 4 << 10
}

/// What the other side said. Never shown to whoever gave the address, or this were a port scanner: they hear the class only.
package struct OutboundAnswer: Sendable, Equatable {
  package let status: Int
  /// Seconds that `Retry-After` asks for, from now on; at most thirty days.
  package let retryAfter: Int64?
  /// The first `OutboundRequest.answerLimit` bytes.
  package let body: [UInt8]

  package init(status: Int, retryAfter: Int64? = nil, body: [UInt8] = []) {
    (self.status, self.retryAfter, self.body) = (status, retryAfter, body)
  }

  package var isSuccess: Bool { (200..<300).contains(status) }
}

/// Why no answer came.
package enum OutboundError: Error, Sendable, Equatable {
  /// The rules refuse it, whatever the network says; nothing was sent.
  case refused(Refusal)
  /// The name is known to nobody.
  case unknownHost
  /// The names could not be asked for.
  case resolverFailed
  case cannotConnect
  /// The other side's certificate or handshake.
  case tls
  /// No answer in time, or none that was HTTP: it may have arrived all the same.
  case timedOut, broken
  /// As many requests wait as the server keeps, or it stops.
  case busy
  /// libcurl is not installed.
  case unavailable
  /// A mail server said no, with its reply code.
  case mailRefused(Int)

  package enum Refusal: String, Sendable, Equatable {
    /// Not an absolute https address of at most 1,000 bytes, or with a character that none has.
    case malformed
    /// A name or password in the address.
    case userinfo
    /// http, and no admin listed the host.
    case plain
    /// Another port than 443, and no admin listed the host with it.
    case port
    /// One of its addresses is not on the public internet, and no admin listed the host.
    case address
    /// A header with a control character.
    case header
  }

  /// One word, for the log and the page.
  package var label: String {
    switch self {
    case .refused(let why): "refused_\(why.rawValue)"
    case .unknownHost: "unknown_host"
    case .resolverFailed: "resolver_failed"
    case .cannotConnect: "cannot_connect"
    case .tls: "tls"
    case .timedOut: "timed_out"
    case .broken: "broken"
    case .busy: "busy"
    case .unavailable: "unavailable"
    case .mailRefused(let code): "mail_\(code)"
    }
  }
}
