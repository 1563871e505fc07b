import Glibc

/// A program to be run on a stranger's file, and its limits. No shell is ever involved: arguments arrive as they are.
package struct Program: Sendable {
  package struct Limits: Sendable {
    /// From its start (in a session: from the question) to its end, on the wall clock.
    package var seconds = 60.0
    /// Of all its threads together.
    package var cpuSeconds = 60
    /// Bytes that it may map; more than it touches.
    package var memory = 1 << 30
    /// Bytes of one file that it writes.
    package var fileSize = 64 << 20
    package var files = 64
    /// Bytes of an answer; one that says more is ended.
    package var output = 1 << 20
    /// Below everything else on the machine that matters: 0 to 19.
    package var niceness = 19

    package init() {}
  }

  /// Of the executable; see `find`.
  package var path: String
  package var arguments: [String]
  /// The current folder and the only one that it may write to.
  package var folder: String
  /// Its standard input, opened for this run alone: `/proc/self/fd/0` is the file from its beginning. Nil: nothing.
  package var input: Descriptor?
  /// Files and folders that it may read beside the system's own.
  package var readable: [String] = []
  /// Beside `PATH`, `HOME`, `TMPDIR` and `LC_ALL`.
  package var environment: [String: String] = [:]
  package var limits = Limits()

  package init(_ path: String, _ arguments: [String], folder: String) {
    (self.path, self.arguments, self.folder) = (path, arguments, folder)
  }

  /// The path of an installed program; nil where there is none. `PATH`, then where systems put programs; only the folder
  /// `NIGHTSTAND_TOOLS` where that is set.
  package static func find(_ name: String) -> String? {
    if let folder = ThisProcess.environment("NIGHTSTAND_TOOLS") {
      return access("\(folder)/\(name)", X_OK) == 0 ? "\(folder)/\(name)" : nil
    }
    let folders = (ThisProcess.environment("PATH") ?? "").split(separator: ":").map(String.init)
    return (folders + ["/usr/local/bin", "/usr/bin", "/bin"]).lazy
      .filter { $0.hasPrefix("/") }.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  /// What kept it from doing its work.
  package enum Failure: Error, Sendable, CustomStringConvertible {
    case cannotStart(SystemError)
    case timedOut(seconds: Double)
    /// It said more than its limit.
    case flooded
    /// The server is stopping.
    case stopped
    case ended(Ending)
    case system(SystemError)

    package var description: String {
      switch self {
      case .cannotStart(let error): "cannot start: \(error)"
      case .timedOut(let seconds): "took longer than \(Int(seconds)) seconds"
      case .flooded: "said too much"
      case .stopped: "was stopped"
      case .ended(let ending): "\(ending)"
      case .system(let error): "\(error)"
      }
    }
  }

  package enum Ending: Sendable, Equatable, CustomStringConvertible {
    case exited(Int32)
    case killed(signal: Int32)

    package var description: String {
      switch self {
      case .exited(let code): "exited with \(code)"
      case .killed(let signal): "was ended by signal \(signal)"
      }
    }
  }

  /// What the kernel keeps it from.
  package struct Confinement: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    package static let network = Confinement(rawValue: 1)
    package static let disk = Confinement(rawValue: 2)
    package static let all: Confinement = [.network, .disk]
  }

  package struct Result: Sendable {
    package let ending: Ending
    package let output: [UInt8]
    /// The first 4 KiB of what it complained.
    package let errors: [UInt8]
    package let confinement: Confinement
  }
}
