import COpenSSL
import Glibc
import Ground
import Synchronization

/// What is wrong with the certificate or its key.
package struct TLSError: Error, CustomStringConvertible, Sendable {
  package let description: String
}

/// The certificate, its key and the rules of TLS, shared by all connections and replaced as a whole by `reload`.
final class TLSContext: Sendable {
  private let files: TLSFiles
  /// SSL_CTX is reference counted by OpenSSL and safe to use from several threads once it is set up.
  private let current: Mutex<Handle<OpaquePointer>>

  init(_ files: TLSFiles) throws(TLSError) {
    self.files = files
    current = Mutex(Handle(try Self.load(files)))
  }

  deinit { current.withLock { SSL_CTX_free($0.value) } }

  /// Reads the files again; connections that exist keep what they shook hands with.
  func reload() throws(TLSError) {
    let fresh = Handle(try Self.load(files))
    let stale = current.withLock { context in
      defer { context = fresh }
      return context
    }
    SSL_CTX_free(stale.value)
  }

  /// A server-side session on a connected socket.
  func session(on descriptor: Int32) -> TLSTransport? {
    current.withLock { context in
      guard let ssl = SSL_new(context.value) else { return nil }
      SSL_set_fd(ssl, descriptor)
      SSL_set_accept_state(ssl)
      return TLSTransport(owning: Handle(ssl), descriptor: descriptor)
    }
  }

  private static func load(_ files: TLSFiles) throws(TLSError) -> OpaquePointer {
    guard let context = SSL_CTX_new(TLS_server_method()) else { throw TLSError(description: "TLS cannot start") }
    ns_ssl_ctx_set_min_proto(context, TLS1_2_VERSION)
    // Partial writes from a buffer that may have moved: sends are repeated from wherever the caller's bytes are.
    // Released buffers: an idle TLS connection costs its session only.
    let modes = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS
    ns_ssl_ctx_set_mode(context, Int(modes))
    ns_ssl_ctx_set_rules(context)
    ns_ssl_ctx_refuse_passphrase(context)
    // Read ahead: one system call takes many records; measured 1.16 times the memory-BIO speed for uploads.
    ns_ssl_ctx_set_read_ahead(context, 1)
    SSL_CTX_set_default_read_buffer_len(context, 256 << 10)
    // Without an id the session cache refuses resumption where a client certificate could come; there is none here.
    ns_ssl_ctx_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
    SSL_CTX_set_alpn_select_cb(context, selectProtocol, nil)
    ERR_clear_error()
    guard SSL_CTX_use_certificate_chain_file(context, files.certificate) == 1 else {
      SSL_CTX_free(context)
      throw TLSError(description: "cannot use the certificate \(files.certificate): \(lastTLSReason())")
    }
    guard SSL_CTX_use_PrivateKey_file(context, files.key, SSL_FILETYPE_PEM) == 1 else {
      SSL_CTX_free(context)
      throw TLSError(description: "cannot use the key \(files.key): \(lastTLSReason())")
    }
    guard SSL_CTX_check_private_key(context) == 1 else {
      SSL_CTX_free(context)
      throw TLSError(description: "the key \(files.key) does not belong to the certificate \(files.certificate)")
    }
    return context
  }
}

/// RFC 7301: `http/1.1`, else `http/1.0`, where the client offers it; a client that offers neither is told so
/// (no_application_protocol).
private let selectProtocol: SSL_CTX_alpn_select_cb_func = { _, out, outLength, offered, offeredLength, _ in
  guard let offered, let out, let outLength else { return SSL_TLSEXT_ERR_NOACK }
  for wanted in ["http/1.1", "http/1.0"] {
    var index = 0
    while index < Int(offeredLength) {
      let length = Int(offered[index])
      guard index + 1 + length <= Int(offeredLength) else { break }
      if UnsafeBufferPointer(start: offered + index + 1, count: length).elementsEqual(wanted.utf8) {
        // The name points into the client's offer, which OpenSSL keeps until the handshake copied it.
        out.pointee = offered + index + 1
        outLength.pointee = UInt8(length)
        return SSL_TLSEXT_ERR_OK
      }
      index += 1 + length
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL
}

/// The newest entry of OpenSSL's error queue of this thread, as text for the log.
func lastTLSReason() -> String {
  guard let reason = ERR_reason_error_string(ERR_peek_last_error()) else { return "no reason given" }
  return String(cString: reason)
}
