import Backup
import Ground
import Media

struct MediaType {
  init?(name: [UInt8]) { return nil }
  static func extensions(of: MediaKind) -> [String] { [] }
}
struct AssetUsage {
  var images = 0
  var videos = 0
  var imageBytes: Int64 = 0
  var videoBytes: Int64 = 0
}
extension Assets { func usage(owner: Identifier) async throws -> AssetUsage { fatalError() } }
