import HTTPServer
import Logging
import Synchronization

/// Which interop versions of resumable uploads come from which clients: what the next phones speak is known only from
/// those that call. One line for each pair and start of the server, not one for each photo.
final class VersionLog: Sendable {
  /// Pairs that are remembered; what comes beyond them is not logged, and the last line says so.
  static let memory = 256
  /// Code points of each that count. (A character may have thousands.)
  static let longest = 200

  private struct Pair: Hashable {
    let version: String
    let agent: String
  }

  private let logger: Logger
  private let seen = Mutex<Set<Pair>>([])

  init(_ logger: Logger) { self.logger = logger }

  private static func short(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.prefix(longest)))
  }

  func note(_ request: Request, isSpoken: Bool) {
    guard let version = request.field(DraftVersion.fieldName) else { return }
    let pair = Pair(
      version: VersionLog.short(version), agent: VersionLog.short(request[.userAgent] ?? "-"))
    let (isNew, isLast) = seen.withLock { seen in
      let isNew = seen.count < VersionLog.memory && seen.insert(pair).inserted
      return (isNew, isNew && seen.count == VersionLog.memory)
    }
    guard isNew else { return }
    logger.info(
      "a client names an interop version of resumable uploads",
      metadata: [
        "version": "\(LogText.escaped(pair.version))", "method": "\(LogText.escaped(request.method.rawValue))",
        "path": "\(LogText.path(request.target))", "agent": "\(LogText.escaped(pair.agent))", "spoken": "\(isSpoken)",
      ])
    if isLast { logger.notice("\(VersionLog.memory) of them were named: no more before a restart") }
  }
}
