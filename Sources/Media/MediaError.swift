import Ground

/// Why there are no facts or no picture of a file. The texts are for its owner and the operator.
package enum MediaError: Error, Sendable, Equatable {
  /// A program that is not installed.
  case toolMissing(String)
  /// The file is broken, or of a kind that no tool reads: the next try would end likewise.
  case unreadable(String)
  /// The tool failed; another try may do better.
  case failed(String)
  /// The server is stopping.
  case stopped

  init(_ failure: Program.Failure, of tool: String) {
    switch failure {
    case .stopped: self = .stopped
    case .cannotStart(let error) where error.code == 2: self = .toolMissing(tool)
    default: self = .failed("\(tool) \(failure)")
    }
  }
}
