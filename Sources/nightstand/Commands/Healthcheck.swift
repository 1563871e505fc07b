import ArgumentParser
import Ground
import HTTPServer

/// Asks the server on this machine whether it is alive: the container's health check.
struct Healthcheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask the server on this machine whether it is alive; exits 0 or 69.",
    discussion: "Reads the same settings as 'serve', so inside its container it needs no options.")

  @Option(Settings.port) var port: UInt16?
  @Option(Settings.tlsCertificate) var tlsCertificate: String?

  func run() throws {
    let port = try Settings.port.require(port)
    let usesTLS = try Settings.tlsCertificate.resolve(tlsCertificate) != nil
    do {
      let status = try HealthProbe.status(port: port, usesTLS: usesTLS)
      guard status == 200 else {
        throw OperatorError(.unavailable, "the server answers \(status)", hint: "look at the server's log")
      }
      StandardStream.output.write("healthy\n")
    } catch let error as SystemError {
      throw OperatorError(
        .unavailable, "no answer on port \(port): \(error)", hint: "is the server running, and is this its --port?")
    } catch let error as TLSError {
      throw OperatorError(.unavailable, error.description, hint: "look at the server's log")
    }
  }
}
