import Ground
import HTTPTypes

/// One request as the router and the handlers see it: the head is complete and legal, the body is still on the wire.
package struct Request: Sendable {
  let head: RequestHead
  package let body: RequestBody
  /// Where the connection comes from.
  package let peer: PeerAddress
  /// Whether the connection itself is TLS.
  package let isTLS: Bool
  /// Values of the route's `{name}` segments, percent-decoded; set by the router.
  package var parameters: [String: String] = [:]

  package var method: HTTPRequest.Method { head.method }
  package var target: RequestTarget { head.target }
  package var fields: RequestFields { head.fields }

  /// The field's value, or nil; repeated fields are joined with `, ` (RFC 9110 section 5.3), `Cookie` with `; `.
  package subscript(_ name: HTTPField.Name) -> String? { fields[name] }

  /// Sends an interim answer (1xx) before the final one; nothing for an HTTP/1.0 client (RFC 9110 section 15.2).
  package let sendInterim: @Sendable (_ status: HTTPResponse.Status, _ fields: HTTPFields) async throws -> Void

  /// Whether the client understands interim answers: HTTP/1.1.
  package let takesInterim: Bool

  /// Ends the connection at once, from whatever thread: whoever reads the body gets `BodyError.disconnected`, and no
  /// answer reaches the client. For an upload that another connection takes over.
  package let hangUp: @Sendable () -> Void
}

/// The address of a peer, as text without a port: `192.0.2.7`, `2001:db8::1`; IPv4 mapped into IPv6 is shown as IPv4.
package struct PeerAddress: Hashable, Sendable, CustomStringConvertible {
  package let text: String
  package init(_ text: String) { self.text = text }
  package var description: String { text }
}
