import Backup
import Ground
import HTTPServer
import HTTPTypes

extension OverviewHandlers {
  /// Bytes of the largest body that is asked about: the Immich app sends a film as one.
  static let largestEcho: Int64 = 256 << 20

  private struct Echo: Encodable {
    let bytes: Int64
  }

  /// How many bytes arrived, and nothing else: the page sends bodies that grow, and learns at which size whatever stands
  /// before the server says no, or breaks off. Nothing of them is kept.
  func echo(_ request: Request, _ principal: Principal) async throws -> Response {
    let block = Block(capacity: BlockPool.small)
    var bytes: Int64 = 0
    while true {
      block.count = 0
      let count = try await request.body.read(into: block)
      guard count > 0 else { return .json(Echo(bytes: bytes)) }
      bytes += Int64(count)
    }
  }

  /// Throws away what has arrived of an upload that nobody goes on with: one's own, or, for an admin, anybody's.
  func discardUpload(_ request: Request, _ principal: Principal) async throws -> Response {
    try await backup.uploads.discard(asset: try request.id(), of: principal.scope)
    return .noContent
  }
}
