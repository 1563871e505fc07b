import CLinux
import COpenSSL
import Glibc
import Ground

/// Asks a server on this machine whether it is alive: one request, one answer, three seconds at the most.
/// For the container's health check. Certificates are not verified: it talks to its own loopback address.
package enum HealthProbe {
  private static let patience = timeval(tv_sec: 3, tv_usec: 0)

  /// The status code that `path` answers with.
  /// - Throws: `SystemError` where nobody listens or answers, `TLSError` where the handshake fails.
  package static func status(port: UInt16, usesTLS: Bool, path: String = "/healthz") throws -> Int {
    let place = "127.0.0.1:\(port)"
    let number = try system("socket") { socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(NS_SOCK_CLOEXEC), 0) }
    let connection = Descriptor(owning: number, path: place)
    var limit = patience
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(number, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    try withUnsafePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        _ = try system("connect", place) { connect(number, raw, socklen_t(MemoryLayout<sockaddr_in>.size)) }
      }
    }
    let request = Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
    let answer = try usesTLS ? overTLS(connection, request) : plain(connection, request)
    let parts = answer.prefix { $0 != "\r" }.split(separator: " ")
    guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), let code = Int(parts[1]) else {
      throw SystemError("read", EPROTO, place)
    }
    return code
  }

  /// The first bytes of the answer hold the status line: the server sends a head in one piece.
  private static func plain(_ connection: Descriptor, _ request: [UInt8]) throws -> String {
    _ = try system("send", connection.path) {
      send(connection.number, request, request.count, Int32(MSG_NOSIGNAL))
    }
    var buffer = [UInt8](repeating: 0, count: 1024)
    let count = try system("recv", connection.path) { recv(connection.number, &buffer, buffer.count, 0) }
    return String(decoding: buffer.prefix(count), as: UTF8.self)
  }

  private static func overTLS(_ connection: Descriptor, _ request: [UInt8]) throws -> String {
    guard let context = SSL_CTX_new(TLS_client_method()), let session = SSL_new(context) else {
      throw TLSError(description: "TLS cannot start")
    }
    defer {
      SSL_free(session)
      SSL_CTX_free(context)
    }
    SSL_set_fd(session, connection.number)
    guard SSL_connect(session) == 1, SSL_write(session, request, Int32(request.count)) > 0 else {
      throw TLSError(description: "the handshake with \(connection.path) failed: \(lastTLSReason())")
    }
    var buffer = [UInt8](repeating: 0, count: 1024)
    let count = SSL_read(session, &buffer, Int32(buffer.count))
    return String(decoding: buffer.prefix(Int(max(0, count))), as: UTF8.self)
  }
}
