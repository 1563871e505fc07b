import ArgumentParser
import Backup
import Ground
import Logging

/// What every command on the catalog needs.
struct CatalogOptions: ParsableArguments {
  @Option(Settings.data) var data: String?
  @Option(Settings.resources) var resources: String?

  /// Opens the catalog beside whatever server is running, and closes it however the work ends.
  /// - Parameter create: makes a new data directory where there is none.
  func open(create: Bool = false, _ work: (Backup) async throws -> Void) async throws {
    let resources = try ResourceFolder(chosen: Settings.resources.resolve(resources))
    var options = Backup.Options(dataFolder: try Settings.data.require(data), migrationsFolder: resources.migrations)
    options.role = .commandLine
    options.mayCreate = create
    let backup = try await Backup(
      options, logger: Logger(label: "nightstand") { _ in LineLogHandler(logLevel: .notice) })
    do {
      try await work(backup)
    } catch {
      await backup.close()
      throw error
    }
    await backup.close()
  }
}

/// Where a new password comes from.
struct PasswordOptions: ParsableArguments {
  @Option(Settings.password.file) var passwordFile: String?

  /// From the file, the environment, or standard input: asked for twice, unseen, where a person sits there.
  func read() throws -> String {
    if let secret = try Settings.password.resolve(file: passwordFile) { return try checked(secret) }
    let input = StandardStream.input
    do {
      guard input.isTerminal else { return try checked(try input.readLine() ?? "") }
      StandardStream.error.write("Password: ")
      let first = try input.readSecretLine() ?? ""
      StandardStream.error.write("\nAgain: ")
      let second = try input.readSecretLine() ?? ""
      StandardStream.error.write("\n")
      guard first == second else {
        throw OperatorError(.usage, "the two passwords differ", hint: "run the command again")
      }
      return try checked(first)
    } catch let error as SystemError {
      throw OperatorError(error)
    }
  }

  private func checked(_ secret: String) throws -> String {
    guard !secret.isEmpty else {
      throw OperatorError(
        .usage, "there is no password",
        hint: "give one with --\(Settings.password.file.name) FILE, in \(Settings.password.key), or on standard input")
    }
    return secret
  }
}
