import ArgumentParser
import Backup
import Outbound

/// How people are told of devices in trouble, by the operator's word.
struct AlertOptions: ParsableArguments {
  @Option(Settings.smtpServer) var smtpServer: String?
  @Option(Settings.smtpSecurity) var smtpSecurity: MailSecurity?
  @Option(Settings.smtpFrom) var smtpFrom: String?
  @Option(Settings.smtpUser) var smtpUser: String?
  @Option(Settings.smtpPassword.file) var smtpPasswordFile: String?
  @Option(Settings.alertAdminHours) var alertAdminHours: Int?

  func options(publicURL: String?) throws -> Alerts.Options {
    var options = Alerts.Options()
    options.publicURL = publicURL
    options.adminHours = try Settings.alertAdminHours.require(alertAdminHours)
    options.mail = try mail()
    return options
  }

  private func mail() throws -> MailServer? {
    guard let server = try Settings.smtpServer.resolve(smtpServer) else { return nil }
    guard let from = try Settings.smtpFrom.resolve(smtpFrom) else {
      throw OperatorError(
        .usage, "--smtp-server is set, and --smtp-from is not",
        hint: "say whom mail comes from, such as --smtp-from nightstand@example.org")
    }
    let security = try Settings.smtpSecurity.require(smtpSecurity).value
    let (host, port) = Settings.mailPlace(server) ?? (server, nil)
    var mail = MailServer(
      host: host, port: port ?? (security == .tls ? 465 : security == .startTLS ? 587 : 25), security: security,
      from: from)
    mail.user = try Settings.smtpUser.resolve(smtpUser)
    mail.password = try Settings.smtpPassword.resolve(file: smtpPasswordFile)
    guard (mail.user == nil) == (mail.password == nil) else {
      throw OperatorError(
        .usage, "--smtp-user and the mail server's password belong together",
        hint: "set both, or neither; the password comes from --smtp-password-file or NIGHTSTAND_SMTP_PASSWORD")
    }
    // Whoever stands between would read it.
    guard mail.password == nil || security != .none || ["localhost", "127.0.0.1", "[::1]"].contains(mail.host) else {
      throw OperatorError(
        .usage, "the mail server's password would go to \(mail.host) in the clear",
        hint: "use --smtp-security starttls or tls; none takes a password for a server on this machine only")
    }
    return mail
  }
}

/// How the connection to the mail server is kept from others' eyes.
struct MailSecurity: ExpressibleByArgument, Sendable {
  let value: OutboundMail.Security

  init(_ value: OutboundMail.Security) { self.value = value }

  init?(argument: String) {
    guard let value = OutboundMail.Security(rawValue: argument) else { return nil }
    self.value = value
  }

  var defaultValueDescription: String { value.rawValue }
}
