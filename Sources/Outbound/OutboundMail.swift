/// One message to a mail server that the operator configured.
package struct OutboundMail: Sendable {
  package enum Security: String, Sendable, CaseIterable {
    /// TLS from the first byte (port 465, usually).
    case tls
    /// STARTTLS or nothing (port 587, usually).
    case startTLS = "starttls"
    /// For a relay on this machine.
    case none
  }

  package var host: String
  package var port: Int
  package var security: Security
  /// Both or neither.
  package var user: String?
  package var password: String?
  /// Bare addresses, such as `nightstand@example.org`.
  package var from: String
  package var recipients: [String]
  /// RFC 5322: header, empty line, text; lines end with CR LF.
  package var message: [UInt8]
  /// Seconds for all of it.
  package var timeout = 30.0

  package init(
    host: String, port: Int, security: Security, user: String? = nil, password: String? = nil, from: String,
    recipients: [String], message: [UInt8]
  ) {
    (self.host, self.port, self.security, self.user, self.password) = (host, port, security, user, password)
    (self.from, self.recipients, self.message) = (from, recipients, message)
  }
}
