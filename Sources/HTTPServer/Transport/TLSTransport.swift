import COpenSSL
import Glibc
import Synchronization

/// TLS over a non-blocking socket. The handshake runs inside the first calls.
final class TLSTransport: Transport {
  /// OpenSSL forbids two calls on one session at the same time: an upload's lane may read while the loop writes.
  private let session: Mutex<Handle<OpaquePointer>>
  private let descriptor: Int32
  /// The client's first byte was that of a TLS record.
  private let isGreeted = Atomic(false)

  init(owning session: Handle<OpaquePointer>, descriptor: Int32) {
    self.session = Mutex(session)
    self.descriptor = descriptor
  }

  deinit { session.withLock { SSL_free($0.value) } }

  func receive(_ buffer: UnsafeMutableRawBufferPointer) throws(TransportError) -> IOResult {
    if !isGreeted.load(ordering: .relaxed) {
      guard try looksLikeTLS() else { return .wouldBlock(needsWrite: false) }
      isGreeted.store(true, ordering: .relaxed)
    }
    return try call { SSL_read($0, buffer.baseAddress, Int32(clamping: buffer.count)) }
  }

  /// Looks at the first byte before OpenSSL does, which knows only some of the plain methods by sight. False: none came.
  private func looksLikeTLS() throws(TransportError) -> Bool {
    var first: UInt8 = 0
    let count = recv(descriptor, &first, 1, Int32(MSG_PEEK))
    if count < 0 {
      guard errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR else { throw .reset }
      return false
    }
    if count == 1, first != 0x16, isTokenByte(first) { throw .plainHTTP }
    return true
  }

  func send(_ bytes: UnsafeRawBufferPointer) throws(TransportError) -> IOResult {
    // SSL_write of nothing is undefined.
    guard !bytes.isEmpty else { return .bytes(0) }
    return try call { SSL_write($0, bytes.baseAddress, Int32(clamping: bytes.count)) }
  }

  func endWriting() {
    // close_notify tells that the answer is whole; the reading side stays open for the drain.
    session.withLock { session in
      if SSL_is_init_finished(session.value) == 1 { SSL_shutdown(session.value) }
    }
    ERR_clear_error()
    shutdown(descriptor, Int32(SHUT_WR))
  }

  var mayHoldInput: Bool { session.withLock { SSL_has_pending($0.value) == 1 } }
  var isEstablished: Bool { session.withLock { SSL_is_init_finished($0.value) == 1 } }

  private func call(_ body: (OpaquePointer) -> Int32) throws(TransportError) -> IOResult {
    let (count, reason, established) = session.withLock { session in
      // The error queue belongs to the thread; stale entries would be taken for this call's.
      ERR_clear_error()
      let session = session.value
      let count = body(session)
      return (count, count > 0 ? SSL_ERROR_NONE : SSL_get_error(session, count), SSL_is_init_finished(session) == 1)
    }
    switch reason {
    case SSL_ERROR_NONE: return .bytes(Int(count))
    case SSL_ERROR_WANT_READ: return .wouldBlock(needsWrite: false)
    case SSL_ERROR_WANT_WRITE: return .wouldBlock(needsWrite: true)
    case SSL_ERROR_ZERO_RETURN: return .end
    default:
      if established { throw .reset }
      throw .handshake(lastTLSReason())
    }
  }
}
