import Ground
import HTTPTypes

/// What the protocol above does with an open WebSocket. All of it is called on the connection's loop and must not block.
package protocol WebSocketConversation: Sendable {
  /// Nothing was sent yet.
  func opened(_ socket: WebSocket)
  func received(_ text: String, on socket: WebSocket)
  /// The last call, whoever ended it; once for every `opened`.
  func closed(_ socket: WebSocket)
}

extension Response {
  private static let upgradeRequired = HTTPResponse.Status(code: 426, reasonPhrase: "Upgrade Required")
  /// RFC 6455 section 1.3.
  private static let magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

  /// Turns the connection of this request into a WebSocket (RFC 6455 section 4.2). Extensions and subprotocols that the
  /// client offers are passed over.
  /// - Throws: `Refusal` where the request asks for no such thing, or for another version than 13.
  package static func webSocket(
    to request: Request, _ conversation: any WebSocketConversation
  ) throws(Refusal) -> Response {
    guard request.method == .get, request.head.minorVersion > 0, request.head.framing == .none,
      lists(request[.upgrade], "websocket"), lists(request[.connection], "upgrade"),
      field("Sec-WebSocket-Version", request) == "13"
    else { throw Refusal(upgradeRequired, "This address speaks WebSocket, version 13, only") }
    guard let key = field("Sec-WebSocket-Key", request), Base64.decode(key)?.count == 16 else {
      throw Refusal(.badRequest, "Sec-WebSocket-Key must be 16 bytes in base64")
    }
    let digest = RunningSHA1()
    Array((key + magic).utf8).withUnsafeBytes { digest.update($0) }
    var response = Response(
      status: .switchingProtocols, fields: [.upgrade: "websocket", .connection: "Upgrade"])
    if let name = HTTPField.Name("Sec-WebSocket-Accept") { response.fields[name] = digest.finish().base64 }
    response.webSocket = conversation
    return response
  }

  private static func field(_ name: String, _ request: Request) -> String? {
    HTTPField.Name(name).flatMap { request[$0] }
  }

  /// Whether a field lists a token.
  private static func lists(_ value: String?, _ token: StaticString) -> Bool {
    value?.split(separator: ",").contains { entry in
      let text = entry.drop { $0 == " " || $0 == "\t" }
      return isToken(text.prefix { $0 != " " && $0 != "\t" }, token)
    } ?? false
  }
}
