import API
import ArgumentParser
import Backup
import Ground
import HTTPServer
import Logging
import UnixSignals

/// Runs the server until SIGTERM or SIGINT.
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Run the server.")

  @Option(Settings.data) var data: String?
  @Option(Settings.host) var host: String?
  @Option(Settings.port) var port: UInt16?
  @Option(Settings.tlsCertificate) var tlsCertificate: String?
  @Option(Settings.tlsKey) var tlsKey: String?
  @Option(Settings.trustedProxies) var trustedProxies: AddressList?
  @Option(Settings.publicURL) var publicURL: PublicURL?
  @Option(Settings.interimResponses) var interimResponses: InterimMode?
  @Option(Settings.trustedInterimProxies) var trustedInterimProxies: AddressList?
  @Option(Settings.resources) var resources: String?
  @Option(Settings.reserve) var reserve: ByteCount?
  @Option(Settings.trashDays) var trashDays: Int?
  @Option(Settings.quarantineDays) var quarantineDays: Int?
  @Option(Settings.activityDays) var activityDays: Int?
  @Option(Settings.activityRows) var activityRows: Int?
  @OptionGroup var push: PushSettings
  @OptionGroup var alerts: AlertOptions
  @Option(Settings.logLevel) var logLevel: LogLevel?
  @Option(Settings.maxConnections) var maxConnections: Int?
  @Option(Settings.maxConnectionsPerAddress) var maxConnectionsPerAddress: Int?
  @Option(Settings.idleTimeout) var idleTimeout: Seconds?
  @Option(Settings.headTimeout) var headTimeout: Seconds?
  @Option(Settings.stallTimeout) var stallTimeout: Seconds?
  @Option(Settings.handshakeTimeout) var handshakeTimeout: Seconds?
  @Option(Settings.shutdownTimeout) var shutdownTimeout: Seconds?

  func run() async throws {
    let level = try Settings.logLevel.require(logLevel).value
    let logger = Logger(label: "nightstand") { _ in LineLogHandler(logLevel: level) }
    let configuration = try serverConfiguration()
    let resources = try ResourceFolder(chosen: Settings.resources.resolve(resources))
    var options = Backup.Options(
      dataFolder: try Settings.data.require(data), migrationsFolder: resources.migrations)
    options.reserve = try Settings.reserve.require(reserve).value
    options.trash.trashDays = try Settings.trashDays.require(trashDays)
    options.trash.quarantineDays = try Settings.quarantineDays.require(quarantineDays)
    options.activity.days = try Settings.activityDays.require(activityDays)
    options.activity.rows = try Settings.activityRows.require(activityRows)
    options.push = try push.options(publicURL: Settings.publicURL.resolve(publicURL)?.text)
    options.alerts = try alerts.options(publicURL: Settings.publicURL.resolve(publicURL)?.text)
    let api = try apiOptions(configuration, resources)
    try raiseFileLimit(for: configuration, logger)

    // From here on a signal waits until the server can obey it.
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
    let backup = try await Backup(options, logger: logger)
    let patience: Double
    do {
      let responder = APIResponder(backup: backup, options: api, logger: logger)
      let server = try Server(configuration, responder: responder, blocks: backup.desk.blocks, logger: logger)
      let port = try await listen(server, configuration)
      try await welcome(backup, configuration, port, logger)
      await obey(signals, server, logger)
      let begun = MonotonicTime.now()
      // Streams have no end of their own.
      backup.live.close()
      await server.shutdown()
      // In all 2.5 seconds more than the requests had, so that nobody kills a server that is stopping.
      patience = max(1, configuration.shutdownTimeout + 2.5 - MonotonicTime.now().seconds(since: begun))
    } catch {
      await backup.close()
      throw error
    }
    await backup.close(within: patience)
    logger.info("stopped")
  }

  private func serverConfiguration() throws -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.host = try Settings.host.require(host)
    configuration.port = try Settings.port.require(port)
    configuration.trustedProxies = try Settings.trustedProxies.resolve(trustedProxies)?.addresses ?? []
    configuration.maxConnections = try Settings.maxConnections.require(maxConnections)
    configuration.maxConnectionsPerAddress = try Settings.maxConnectionsPerAddress.require(maxConnectionsPerAddress)
    configuration.idleTimeout = try Settings.idleTimeout.require(idleTimeout).value
    configuration.headTimeout = try Settings.headTimeout.require(headTimeout).value
    configuration.stallTimeout = try Settings.stallTimeout.require(stallTimeout).value
    configuration.handshakeTimeout = try Settings.handshakeTimeout.require(handshakeTimeout).value
    configuration.shutdownTimeout = try Settings.shutdownTimeout.require(shutdownTimeout).value
    switch (try Settings.tlsCertificate.resolve(tlsCertificate), try Settings.tlsKey.resolve(tlsKey)) {
    case (nil, nil): break
    case (let certificate?, let key?):
      try readable(certificate, Settings.tlsCertificate)
      try readable(key, Settings.tlsKey)
      configuration.tls = TLSFiles(certificate: certificate, key: key)
    default:
      throw OperatorError(
        .usage, "--tls-cert and --tls-key belong together", hint: "give both files, or neither for plain http")
    }
    return configuration
  }

  private func apiOptions(_ server: ServerConfiguration, _ resources: ResourceFolder) throws -> APIOptions {
    var options = APIOptions(
      publicFolder: resources.publicFolder, trustedProxies: server.trustedProxies, version: programVersion)
    options.publicURL = try Settings.publicURL.resolve(publicURL)?.text
    options.interim.responses = try Settings.interimResponses.require(interimResponses).value
    options.interim.trustedProxies = try Settings.trustedInterimProxies.resolve(trustedInterimProxies)?.addresses ?? []
    return options
  }

  /// One descriptor a connection and one for the file it moves, and some for the catalog and the loops.
  private func raiseFileLimit(for configuration: ServerConfiguration, _ logger: Logger) throws {
    let wanted = configuration.maxConnections * 2 + 128
    let limit = try ThisProcess.raiseFileLimit(to: wanted)
    if limit < configuration.maxConnections + 128 {
      logger.warning(
        "this process may open \(limit) files, too few for \(configuration.maxConnections) connections: raise 'ulimit -n'"
      )
    }
  }

  private func listen(_ server: Server, _ configuration: ServerConfiguration) async throws -> UInt16 {
    do { return try await server.start() } catch let error as SystemError {
      throw OperatorError(
        .unavailable, "cannot listen on \(configuration.host):\(configuration.port): \(error)",
        hint: "choose another --port (0 takes a free one) or --host, or stop what is listening there")
    }
  }

  /// The line that scripts wait for, and what a person does next.
  private func welcome(
    _ backup: Backup, _ configuration: ServerConfiguration, _ port: UInt16, _ logger: Logger
  ) async throws {
    let name = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
    let url = "\(configuration.tls == nil ? "http" : "https")://\(name):\(port)"
    // The migrations' and the options' code is done with; a kernel that refuses costs memory, nothing else.
    do { try ResidentCode.release() } catch { logger.debug("the start's code stays resident: \(error)") }
    StandardStream.output.write("nightstand ready \(url)\n")
    if try await backup.accounts.isInitialized() { return }
    logger.notice("no user yet: open \(url) in a browser to create the admin, or run 'nightstand user add --admin'")
  }

  /// Returns at the first signal that asks for the end.
  private func obey(_ signals: UnixSignalsSequence, _ server: Server, _ logger: Logger) async {
    for await signal in signals {
      guard signal == .sighup else { return logger.info("stopping: \(signal)") }
      do {
        try server.reloadCertificate()
        logger.notice("certificate and key were read again")
      } catch {
        logger.error("the old certificate stays in use: \(error)")
      }
    }
  }
}
