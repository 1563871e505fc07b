/// Everything about the server that an operator may set. Times are seconds.
package struct ServerConfiguration: Sendable {
  /// Address to listen on; `::` takes IPv4 and IPv6.
  package var host = "127.0.0.1"
  /// 0 takes a free port.
  package var port: UInt16 = 2283
  /// PEM files; nil speaks plain HTTP.
  package var tls: TLSFiles?
  /// Open connections; beyond that the kernel's queue waits.
  package var maxConnections = 1024
  /// Open connections of one peer address; a connection beyond it is closed at once. 0: no limit.
  package var maxConnectionsPerAddress = 256
  /// Peers that are reverse proxies: many people stand behind one address, so the cap above does not count for them.
  package var trustedProxies: Set<String> = []
  /// How long a connection may stay silent between two requests.
  package var idleTimeout = 75.0
  /// From the first byte of a request to the end of its head.
  package var headTimeout = 10.0
  /// Without a single byte of a body, or without the client taking a byte of the answer. Bytes of a body that are too
  /// few to wake for are noticed when this time is over, so that a peer that then falls silent is cut after twice as long.
  package var stallTimeout = 60.0
  package var handshakeTimeout = 10.0
  /// From SIGTERM to the cut of what still runs.
  package var shutdownTimeout = 7.0

  package init() {}
}

/// Where the certificate chain and its key lie, both PEM.
package struct TLSFiles: Sendable {
  package var certificate: String
  package var key: String
  package init(certificate: String, key: String) { (self.certificate, self.key) = (certificate, key) }
}
