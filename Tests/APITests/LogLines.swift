import HTTPServer
import Logging
import Synchronization

/// A log that a test can read.
final class LogLines: Sendable {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock { $0 } }

  var logger: Logger {
    Logger(label: "test") { _ in Handler(lines: self) }
  }

  private struct Handler: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      lines.lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
    }
  }
}

extension Response {
  struct NotInMemory: Error {}

  /// The body of an answer that is held in memory.
  func text() throws -> String {
    guard case .bytes(let bytes) = body else { throw NotInMemory() }
    return String(decoding: bytes, as: UTF8.self)
  }
}
