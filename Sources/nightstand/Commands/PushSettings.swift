import ArgumentParser
import Backup
import Ground
import Push

/// What the operator decides about waking phones.
struct PushSettings: ParsableArguments {
  @Option(Settings.pushAllowHosts) var pushAllowHosts: HostList?
  @Option(Settings.pushContact) var pushContact: PushContact?
  @Option(Settings.outboundAuthorities) var outboundAuthorities: String?
  @Option(Settings.apnsKeyFile) var apnsKeyFile: String?
  @Option(Settings.apnsKeyID) var apnsKeyID: String?
  @Option(Settings.apnsTeamID) var apnsTeamID: String?
  @Option(Settings.apnsTopic) var apnsTopic: String?
  @Option(Settings.apnsServer) var apnsServer: PublicURL?
  @Option(Settings.fcmAccountFile) var fcmAccountFile: String?
  @Option(Settings.fcmServer) var fcmServer: PublicURL?

  func options(publicURL: String?) throws -> PushOptions {
    var options = PushOptions()
    if let hosts = try Settings.pushAllowHosts.resolve(pushAllowHosts)?.hosts { options.allowed = hosts }
    if let contact = try Settings.pushContact.resolve(pushContact)?.text {
      options.contact = contact
    } else if let publicURL, publicURL.hasPrefix("https://") {
      options.contact = publicURL
    }
    options.authorities = try Settings.outboundAuthorities.resolve(outboundAuthorities)
    if let file = options.authorities { try readable(file, Settings.outboundAuthorities) }
    options.apns = try apns()
    if let file = try Settings.fcmAccountFile.resolve(fcmAccountFile) {
      try readable(file, Settings.fcmAccountFile)
      var fcm = FCMChannel.Options(accountFile: file)
      fcm.server = try Settings.fcmServer.resolve(fcmServer)?.text
      options.fcm = fcm
    }
    return options
  }

  private func apns() throws -> APNsChannel.Options? {
    guard let file = try Settings.apnsKeyFile.resolve(apnsKeyFile) else { return nil }
    guard let key = try Settings.apnsKeyID.resolve(apnsKeyID), let team = try Settings.apnsTeamID.resolve(apnsTeamID),
      let topic = try Settings.apnsTopic.resolve(apnsTopic)
    else {
      throw OperatorError(
        .usage, "--apns-key-file needs --apns-key-id, --apns-team-id and --apns-topic",
        hint: "Apple shows the ids where the key was made; the topic is the app's bundle id")
    }
    try readable(file, Settings.apnsKeyFile)
    var options = APNsChannel.Options(keyFile: file, keyID: key, teamID: team, topic: topic)
    options.server = try Settings.apnsServer.resolve(apnsServer)?.text
    return options
  }
}

/// Before anything else says so in words of its own.
func readable(_ path: String, _ setting: Setting<String>) throws {
  do {
    _ = try FileSystem.contents(path, limit: 1 << 20)
  } catch {
    throw OperatorError(
      .configuration, "cannot read the file of --\(setting.name): \(error)",
      hint: "check --\(setting.name): the file must exist, and this user must be allowed to read it")
  }
}
