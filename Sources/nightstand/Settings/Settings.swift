import Backup
import HTTPServer
import Logging

/// Every setting, one row each; the single place where names, defaults and descriptions stand.
enum Settings {
  // The defaults of the rooms that the values are for.
  private static let server = ServerConfiguration()
  private static let backup = Backup.Options(dataFolder: "", migrationsFolder: "")

  static let data = Setting<String>("data", "DIR", "The data directory: photos, catalog, everything worth keeping")
  static let resources = Setting<String>(
    "resources", "DIR",
    "The folder with migrations/ and Public/, where it is not beside the program or in a folder above it")
  static let reserve = Setting(
    "reserve", "BYTES", default: ByteCount(backup.reserve),
    "Free space that uploads may not touch, so that the catalog can always write", rule: "at least 16MiB"
  ) { $0.value >= 16 << 20 }
  static let trashDays = Setting(
    "trash-days", "DAYS", default: backup.trash.trashDays, "How long a photo lies in the trash before it is deleted",
    rule: "from 1 to 36500"
  ) { (1...36_500).contains($0) }
  static let quarantineDays = Setting(
    "quarantine-days", "DAYS", default: backup.trash.quarantineDays,
    "How long the file of a deleted photo lies in quarantine/, from where it can be put back, before its bytes are gone",
    rule: "from 0 to 36500"
  ) { (0...36_500).contains($0) }
  static let activityDays = Setting(
    "activity-days", "DAYS", default: backup.activity.days, "How long it is remembered what happened",
    rule: "from 1 to 36500"
  ) { (1...36_500).contains($0) }
  static let activityRows = Setting(
    "activity-rows", "N", default: backup.activity.rows,
    "How many lines of what happened are remembered at most, some 250 bytes each", rule: "from 1000 to 10000000"
  ) { (1000...10_000_000).contains($0) }
  static let logLevel = Setting(
    "log-level", "LEVEL", default: LogLevel(.info), "trace, debug, info, notice, warning, error or critical",
    rule: "one of trace, debug, info, notice, warning, error, critical")

  static let host = Setting("host", "ADDRESS", default: server.host, "The address to listen on; :: takes IPv4 and IPv6")
  static let port = Setting("port", "PORT", default: server.port, "The port to listen on; 0 takes a free one")
  static let tlsCertificate = Setting<String>(
    "tls-cert", "FILE",
    "The certificate chain (PEM); with --tls-key this switches to https; SIGHUP reads both files again")
  static let tlsKey = Setting<String>("tls-key", "FILE", "The certificate's private key (PEM)")
  static let trustedProxies = Setting<AddressList>(
    "trusted-proxies", "ADDRESSES",
    "Reverse proxies, separated by commas: their X-Forwarded headers are believed, their connections are not capped per address",
    rule: "a list of IP addresses separated by commas")

  static let publicURL = Setting<PublicURL>(
    "public-url", "URL",
    "Where people reach the server, with the path that a proxy puts in front; resumable uploads get absolute addresses then",
    rule: "http:// or https://, a host, perhaps a path, nothing behind it")
  static let interimResponses = Setting(
    "interim-responses", "WHEN", default: InterimMode(.auto),
    "When uploads are answered by 104 first, so that iOS can resume them: auto, always or never; nginx breaks on it",
    rule: "one of auto, always, never")
  static let trustedInterimProxies = Setting<AddressList>(
    "trusted-interim-proxies", "ADDRESSES",
    "Reverse proxies, separated by commas, that hand 104 on, such as Caddy and HAProxy: auto sends it through them",
    rule: "a list of IP addresses separated by commas")

  static let pushAllowHosts = Setting<HostList>(
    "push-allow-hosts", "HOSTS",
    "Hosts, separated by commas, that pushes may be sent to although they lie inside or speak http: ntfy.lan (ports 443 and 80), ntfy.lan:2586; an admin can add others on the page",
    rule: "a list of hosts, or host:port, separated by commas")
  static let pushContact = Setting<PushContact>(
    "push-contact", "URL",
    "Whom push services may turn to: mailto: or https:; where there is none the public URL if that is https; Apple wants one that works",
    rule: "mailto: or https: with something behind it")
  static let outboundAuthorities = Setting<String>(
    "outbound-ca-file", "FILE",
    "Certificates (PEM) to trust when something is sent, in the place of the system's: for a certificate authority at home"
  )
  static let apnsKeyFile = Setting<String>(
    "apns-key-file", "FILE", "For an iOS app of your own: the team's key (.p8); needs the three settings below")
  static let apnsKeyID = Setting<String>("apns-key-id", "ID", "The id of that key")
  static let apnsTeamID = Setting<String>("apns-team-id", "ID", "The team's id")
  static let apnsTopic = Setting<String>("apns-topic", "BUNDLE", "The app's bundle id")
  static let apnsServer = Setting<PublicURL>(
    "apns-server", "URL", "Where APNs is, if not at Apple's", rule: "http:// or https:// and a host")
  static let fcmAccountFile = Setting<String>(
    "fcm-account-file", "FILE",
    "For an Android app of your own with Firebase: the service account's key (JSON); without Firebase Web Push does the same"
  )
  static let fcmServer = Setting<PublicURL>(
    "fcm-server", "URL", "Where FCM is, if not at Google's", rule: "http:// or https:// and a host")

  static let smtpServer = Setting<String>(
    "smtp-server", "HOST[:PORT]", "The mail server that sends alerts; without it there are none by mail",
    rule: "a host, perhaps with a port"
  ) { mailPlace($0) != nil }
  static let smtpSecurity = Setting(
    "smtp-security", "HOW", default: MailSecurity(.startTLS),
    "How the mail server is spoken to: tls (port 465), starttls (587; refused without it) or none (25), for one on this machine",
    rule: "one of tls, starttls, none")
  static let smtpFrom = Setting<String>(
    "smtp-from", "ADDRESS", "Whom mail comes from", rule: "an e-mail address"
  ) { $0.split(separator: "@", omittingEmptySubsequences: false).count == 2 && $0.utf8.count <= 254 }
  static let smtpUser = Setting<String>("smtp-user", "NAME", "Who logs in at the mail server, where it wants that")
  static let smtpPassword = SecretSetting(name: "smtp-password", help: "The password for the mail server")
  static let alertAdminHours = Setting(
    "alert-admin-hours", "HOURS", default: Alerts.Options().adminHours,
    "How long a device's owner has been told of a trouble before admins are told too", rule: "from 0 to 8760"
  ) { (0...8760).contains($0) }

  /// Host and port; nil where it is none.
  static func mailPlace(_ text: String) -> (host: String, port: Int?)? {
    let isPlain = text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"/@?#".utf8.contains($0) }
    guard isPlain, !text.isEmpty else { return nil }
    if text.hasPrefix("["), let end = text.lastIndex(of: "]") {
      let rest = text[text.index(after: end)...]
      let port = rest.isEmpty ? nil : rest.first == ":" ? Int(rest.dropFirst()) : 0
      return port.map { (1...65_535).contains($0) } ?? true ? (String(text[...end]), port) : nil
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2, !parts[0].isEmpty else { return nil }
    guard parts.count == 2 else { return (text, nil) }
    guard let port = Int(parts[1]), (1...65_535).contains(port) else { return nil }
    return (String(parts[0]), port)
  }

  static let maxConnections = Setting(
    "max-connections", "N", default: server.maxConnections, "Open connections; beyond that the kernel's queue waits",
    rule: "from 1 to 1000000"
  ) { (1...1_000_000).contains($0) }
  static let maxConnectionsPerAddress = Setting(
    "max-connections-per-address", "N", default: server.maxConnectionsPerAddress,
    "Open connections of one address, trusted proxies aside; 0 means no limit", rule: "0 or more"
  ) { $0 >= 0 }
  static let idleTimeout = timeout(
    "idle-timeout", server.idleTimeout, "How long a connection may stay silent between two requests")
  static let headTimeout = timeout(
    "head-timeout", server.headTimeout, "From the first byte of a request to the end of its head")
  static let stallTimeout = timeout(
    "stall-timeout", server.stallTimeout, "How long a body or an answer may stand still")
  static let handshakeTimeout = timeout("handshake-timeout", server.handshakeTimeout, "For the TLS handshake")
  static let shutdownTimeout = timeout(
    "shutdown-timeout", server.shutdownTimeout, "From SIGTERM until what still runs is cut", most: 3600)

  static let password = SecretSetting(name: "password", help: "The password")

  /// The rows in the order in which the reference shows them.
  static let groups: [(title: String, commands: String, rows: [any SettingRow])] = [
    ("Where things are", "every command", [data]),
    (
      "Serving", "serve",
      [
        host, port, tlsCertificate, tlsKey, trustedProxies, publicURL, interimResponses, trustedInterimProxies,
        resources, reserve, trashDays, quarantineDays, activityDays, activityRows,
        logLevel,
      ]
    ),
    (
      "Waking phones", "serve",
      [
        pushAllowHosts, pushContact, outboundAuthorities, apnsKeyFile, apnsKeyID, apnsTeamID, apnsTopic, apnsServer,
        fcmAccountFile, fcmServer,
      ]
    ),
    (
      "Telling people", "serve",
      [smtpServer, smtpSecurity, smtpFrom, smtpUser, alertAdminHours]
    ),
    (
      "Bounds", "serve",
      [
        maxConnections, maxConnectionsPerAddress, idleTimeout, headTimeout, stallTimeout, handshakeTimeout,
        shutdownTimeout,
      ]
    ),
  ]
  static let secrets = [password, smtpPassword]

  private static func timeout(
    _ name: String, _ fallback: Double, _ help: String, most: Double = 86_400
  ) -> Setting<Seconds> {
    Setting(
      name, "SECONDS", default: Seconds(fallback), help, rule: "more than 0 and at most \(Int(most)) seconds"
    ) { $0.value > 0 && $0.value <= most }
  }
}
