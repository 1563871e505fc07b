import Backup
import HTTPServer

/// Where uploads are found: the value of `Location`.
struct UploadAddress: Sendable {
  static let path = "/api/backup/uploads"

  /// What stands in front of the path; nil for addresses relative to the host. Never taken from what a request says of
  /// its host: anybody can write that.
  let publicURL: String?

  func location(_ token: UploadToken) -> String { "\(publicURL ?? "")\(UploadAddress.path)/\(token.text)" }

  /// Whether an address takes uploads and nothing else: all but `POST /api/assets`, which is Immich's.
  static func isDoor(_ target: RequestTarget) -> Bool {
    let segments = target.segments
    return segments.starts(with: ["api", "backup", "uploads"]) || segments.starts(with: ["api", "backup", "assets"])
      || segments.starts(with: ["api", "upload"]) || segments == ["api", "assets", "background"]
  }

  /// The upload that an address names, absolute or relative; nil for anything else. The host is not compared: the same
  /// server has many names.
  static func token(_ location: some StringProtocol) -> UploadToken? {
    let segments = location.split(separator: "/", omittingEmptySubsequences: false)
    guard segments.count >= 4, segments.suffix(4).prefix(3).elementsEqual(["api", "backup", "uploads"]) else {
      return nil
    }
    return segments.last.flatMap { UploadToken(String($0)) }
  }
}
