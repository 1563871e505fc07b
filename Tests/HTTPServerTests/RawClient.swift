import Glibc
import Ground

/// A client that says exactly the bytes it is told to, over a blocking socket with a time-out of 60 seconds.
final class RawClient: Sendable {
  private let socket: Descriptor

  init(port: UInt16) throws {
    let number = try system("socket") { Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
    socket = Descriptor(owning: number, path: "test client")
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    var atOnce: Int32 = 1  // small pieces go out as they are said: Nagle's wait costs 40 ms a piece (RFC 896)
    setsockopt(number, Int32(IPPROTO_TCP), TCP_NODELAY, &atOnce, socklen_t(MemoryLayout<Int32>.size))
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
    setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
    try withUnsafePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        _ = try system("connect") { connect(number, raw, socklen_t(MemoryLayout<sockaddr_in>.size)) }
      }
    }
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      sent += try bytes.withUnsafeBytes { buffer in
        try system("send") {
          Glibc.send(socket.number, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, Int32(MSG_NOSIGNAL))
        }
      }
    }
  }

  func endWriting() { shutdown(socket.number, Int32(SHUT_WR)) }

  /// What came, at most `limit` bytes; empty at the end of the stream.
  func receive(limit: Int = 1 << 16) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = try system("recv") { recv(socket.number, &buffer, limit, 0) }
    return Array(buffer.prefix(count))
  }

  /// Everything until the server ends the stream.
  func receiveAll() throws -> String {
    var all: [UInt8] = []
    while case let more = try receive(), !more.isEmpty { all += more }
    return String(decoding: all, as: UTF8.self)
  }

  /// Everything up to and including `mark`.
  func receive(until mark: String) throws -> String {
    var all = ""
    while !all.contains(mark) {
      let more = try receive()
      guard !more.isEmpty else { return all }
      all += String(decoding: more, as: UTF8.self)
    }
    return all
  }
}
