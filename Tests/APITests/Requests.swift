import Ground
import HTTPTypes
import Synchronization

@testable import HTTPServer

/// A request as the server would hand it over.
func makeRequest(
  _ method: HTTPRequest.Method, _ target: String, _ fields: [(String, String)] = [], body: [UInt8] = [],
  peer: String = "192.0.2.7", isTLS: Bool = false, takesInterim: Bool = true, interim: Interim = Interim()
) throws -> Request {
  var bytes: [UInt8] = []
  var lines: [RequestFields.Line] = []
  for (name, value) in fields {
    let start = bytes.count
    bytes += name.utf8
    let middle = bytes.count
    bytes += value.utf8
    lines.append(.init(name: start..<middle, value: middle..<bytes.count))
  }
  let position = Mutex(0)
  let source = RequestBody(declaredLength: Int64(body.count)) { block in
    position.withLock { position in
      let count = min(body.count - position, block.space.count)
      body[position..<position + count].withUnsafeBytes { block.append($0) }
      position += count
      return count
    }
  }
  guard let target = RequestTarget(target) else { throw BodyError.malformed("no target") }
  return Request(
    head: RequestHead(
      method: method, target: target, minorVersion: takesInterim ? 1 : 0,
      fields: RequestFields(bytes: bytes, lines: lines)),
    body: source, peer: PeerAddress(peer), isTLS: isTLS, sendInterim: { try interim.add($0, $1) },
    takesInterim: takesInterim,
    hangUp: { interim.hangUp() })
}

/// What a client hears before the final answer.
final class Interim: Sendable {
  private let heard = Mutex<[(status: HTTPResponse.Status, fields: HTTPFields)]>([])
  /// After so many the client is gone: what is sent to it fails.
  private let most: Int

  init(most: Int = .max) { self.most = most }

  private let cuts = Mutex(0)

  var all: [(status: HTTPResponse.Status, fields: HTTPFields)] { heard.withLock { $0 } }
  /// How often the connection was cut.
  var hangUps: Int { cuts.withLock { $0 } }

  func add(_ status: HTTPResponse.Status, _ fields: HTTPFields) throws {
    let count = heard.withLock { heard in
      heard.append((status, fields))
      return heard.count
    }
    if count > most { throw BodyError.disconnected }
  }
  func hangUp() { cuts.withLock { $0 += 1 } }
}
