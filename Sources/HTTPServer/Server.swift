import Ground
import Logging

/// The HTTP/1.1 server: listens, accepts, and asks the responder.
package final class Server: Sendable {
  package init(_ configuration: ServerConfiguration, responder: any Responder, blocks: BlockPool, logger: Logger) throws {
    fatalError("to be written")
  }

  /// Binds and listens. - Returns: the port.
  /// - Throws: `SystemError` (address in use), `TLSError` (unreadable certificate).
  package func start() async throws -> UInt16 { fatalError("to be written") }
  /// Returns when `shutdown` has ended the last connection.
  package func run() async { fatalError("to be written") }
  /// Stops accepting, lets running requests finish, cuts them after `shutdownTimeout`.
  package func shutdown() async { fatalError("to be written") }
  /// Reads the certificate and key again; new handshakes use them. The old ones stay where the new ones are bad.
  package func reloadCertificate() throws { fatalError("to be written") }
}
