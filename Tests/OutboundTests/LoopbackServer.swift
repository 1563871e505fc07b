import Glibc
import Ground
import Synchronization

/// A server on 127.0.0.1 that says what it is told to, one connection at a time.
final class LoopbackServer: Sendable {
  let port: Int
  private let listener: Int32
  private let heard = Mutex<[String]>([])

  /// - Parameters:
  ///   - greeting: said first, as SMTP does.
  ///   - answer: to what was read until now on this connection; nil reads on, an empty one ends the connection.
  init(greeting: String = "", answer: @escaping @Sendable (String) -> [UInt8]?) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bare in
        bind(listener, bare, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, bare, &length) == 0
      }
    }
    guard bound else { throw SystemError("bind", errno) }
    (self.listener, port) = (listener, Int(UInt16(bigEndian: address.sin_port)))
    var thread = pthread_t()
    let work = Unmanaged.passRetained(
      Work { [weak self] in
        while true {
          let connection = accept(listener, nil, nil)
          guard connection >= 0 else {
            // Here and nowhere else: a number that is free again may be another server's before this thread knows.
            close(listener)
            return
          }
          self?.serve(connection, greeting, answer)
          close(connection)
        }
      })
    pthread_create(
      &thread, nil,
      { context in
        Unmanaged<Work>.fromOpaque(context!).takeRetainedValue().body()
        return nil
      }, work.toOpaque())
    pthread_detach(thread)
  }

  /// Ends the thread, which closes what it listens on.
  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  /// What came, by connection.
  var requests: [String] { heard.withLock { $0 } }

  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  private func serve(_ connection: Int32, _ greeting: String, _ answer: (String) -> [UInt8]?) {
    send(connection, Array(greeting.utf8))
    var text = ""
    heard.withLock { $0.append("") }
    while true {
      var buffer = [UInt8](repeating: 0, count: 16 << 10)
      let count = read(connection, &buffer, buffer.count)
      guard count > 0 else { return }
      text += String(decoding: buffer.prefix(count), as: UTF8.self)
      heard.withLock { $0[$0.count - 1] = text }
      guard let reply = answer(text) else { continue }
      if reply.isEmpty { return }
      send(connection, reply)
    }
  }

  private func send(_ connection: Int32, _ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}

/// Answers every whole request (with a body where one is announced) in the same way, and closes.
func always(_ status: String, _ fields: String = "", body: Int = 0) -> @Sendable (String) -> [UInt8]? {
  { text in
    guard let head = text.firstRange(of: "\r\n\r\n") else { return nil }
    let fieldsText = text[..<head.lowerBound].lowercased()
    let announced = fieldsText.firstRange(of: "content-length: ").flatMap {
      Int(fieldsText[$0.upperBound...].prefix { $0.isNumber })
    }
    guard text[head.upperBound...].utf8.count >= announced ?? 0 else { return nil }
    return Array("HTTP/1.1 \(status)\r\nContent-Length: \(body)\r\nConnection: close\r\n\(fields)\r\n".utf8)
      + [UInt8](repeating: 0x61, count: body)
  }
}
