import CLinux
import Glibc
import Ground

/// How a non-blocking call ended.
enum IOResult: Equatable {
  case bytes(Int)
  /// Nothing now; ask again when the socket is readable, or writable (TLS may need either for both).
  case wouldBlock(needsWrite: Bool)
  /// The peer ended its direction.
  case end
}

/// Why a connection is no longer usable.
enum TransportError: Error, Equatable, Sendable {
  /// Reset, or closed on this side.
  case reset
  case timedOut
  /// Plain HTTP came to a TLS port.
  case plainHTTP
  /// The text is for the log.
  case handshake(String)
}

/// Bytes over a connected, non-blocking socket, plain or TLS. Callable from any thread; one reader and one writer at a time.
protocol Transport: Sendable {
  func receive(_ buffer: UnsafeMutableRawBufferPointer) throws(TransportError) -> IOResult
  func send(_ bytes: UnsafeRawBufferPointer) throws(TransportError) -> IOResult
  /// Tells the peer that no more bytes come; reading goes on.
  func endWriting()
  /// Bytes may be waiting that the kernel does not know of.
  var mayHoldInput: Bool { get }
  /// False until a TLS handshake is through.
  var isEstablished: Bool { get }
}

/// TCP without anything in between.
struct PlainTransport: Transport {
  let descriptor: Int32

  func receive(_ buffer: UnsafeMutableRawBufferPointer) throws(TransportError) -> IOResult {
    while true {
      let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count > 0 { return .bytes(count) }
      if count == 0 { return .end }
      if errno == EAGAIN || errno == EWOULDBLOCK { return .wouldBlock(needsWrite: false) }
      if errno != EINTR { throw .reset }
    }
  }

  func send(_ bytes: UnsafeRawBufferPointer) throws(TransportError) -> IOResult {
    while true {
      let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
      if count >= 0 { return .bytes(count) }
      if errno == EAGAIN || errno == EWOULDBLOCK { return .wouldBlock(needsWrite: true) }
      if errno != EINTR { throw .reset }
    }
  }

  func endWriting() { shutdown(descriptor, Int32(SHUT_WR)) }
  var mayHoldInput: Bool { false }
  var isEstablished: Bool { true }
}
