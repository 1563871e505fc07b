import ArgumentParser
import Backup
import Ground
import HTTPServer
import Logging
import Push
import Store

/// What the server says of itself; Immich's version, which it advertises to clients, is another matter.
let programVersion = "0.1.0"

@main
struct Nightstand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nightstand", abstract: "Keeps a family's photos safe on a server of its own.",
    subcommands: [
      Serve.self, UserCommands.self, KeyCommands.self, Healthcheck.self, ConfigurationReference.self, Version.self,
    ])

  /// Runs the command; whatever fails ends as one line that says what, one that says what to do, and an exit status by class.
  static func main() async {
    ThisProcess.hideNewFiles()
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      guard let told = OperatorError(telling: error) ?? usage(error) else { exit(withError: error) }
      StandardStream.error.write("error: \(printable(told.message))\nhint: \(printable(told.hint))\n")
      ThisProcess.exit(told.kind.rawValue)
    }
  }

  /// What ArgumentParser says of a command line that it cannot read; nil for anything else, such as a wish for help.
  private static func usage(_ error: any Error) -> OperatorError? {
    guard exitCode(for: error) == .validationFailure else { return nil }
    let words = message(for: error).split(whereSeparator: \.isNewline).joined(separator: " ")
    return OperatorError(
      .usage, words, hint: "'nightstand help' shows every command, 'nightstand help COMMAND' its options")
  }
}

/// Prints the program's version.
struct Version: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print the version.")
  func run() { StandardStream.output.write("nightstand \(programVersion)\n") }
}

extension OperatorError {
  /// Nil for errors that ArgumentParser explains best itself.
  init?(telling error: any Error) {
    switch error {
    case let error as OperatorError: self = error
    case let error as PushKeyError:
      self.init(
        .configuration, error.description,
        hint:
          "put the right file there; keys/vapid.pem comes from a backup, and where it is lost every phone must register again"
      )
    case let error as StoreError: self.init(error.kind, error.description, hint: error.hint)
    case let error as SystemError: self.init(error)
    case let error as TLSError:
      self.init(.configuration, error.description, hint: "check --tls-cert and --tls-key: both files must be PEM")
    case let error as BackupError: self.init(error)
    default: return nil
    }
  }

  private init(_ error: BackupError) {
    switch error {
    case .invalid(let message):
      self.init(.usage, message, hint: "correct the command and run it again; 'nightstand help' shows every option")
    case .diskFull: self.init(.inputOutput, "the disk is full", hint: StoreError.diskFull.hint)
    default: self.init(.inputOutput, "\(error)", hint: "report this; nothing was changed")
    }
  }
}

extension StoreError {
  fileprivate var kind: OperatorError.Class {
    switch self {
    case .inUse, .migrationBlocked: .unavailable
    case .notADataDirectory, .noDataDirectory, .catalogTooNew, .migrations, .migrationFailed: .configuration
    case .diskFull, .catalog, .disk, .uploadLost, .uploadEnded, .syncFailed, .uploadUnsettled, .broken: .inputOutput
    }
  }
}
