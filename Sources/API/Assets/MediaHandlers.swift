import Backup
import Ground
import HTTPServer
import HTTPTypes
import Media

/// What of an asset can be looked at: `/thumbnail` and `/video/playback`.
struct MediaHandlers: Sendable {
  let assets: Assets
  let pictures: any PictureSource
  let originals: AssetHandlers
  /// Opening a file may wait for a disk that wakes up.
  private let lanes = Lanes(label: "nightstand.picture", count: 4)

  init(assets: Assets, pictures: any PictureSource, originals: AssetHandlers) {
    (self.assets, self.pictures, self.originals) = (assets, pictures, originals)
  }

  /// Originals that every browser shows as they are.
  private static let webTypes: Set<String> = [
    "image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/svg+xml",
  ]

  /// `edited` is accepted and ignored: nothing is ever edited here. `c` only makes the address another one where the
  /// picture is.
  func thumbnail(_ request: Request, _ principal: Principal) async throws -> Response {
    let id = try request.id()
    _ = try request.flag("edited")
    let name = request.target.query("size") ?? "thumbnail"
    let asset = try await assets.readable(id, by: principal.reader, permission: "asset.view")
    switch name {
    case "original": return redirect(request, to: "/api/assets/\(id)/original", size: nil)
    case "fullsize":
      guard MediaHandlers.webTypes.contains(asset.mimeType) else {
        return redirect(request, to: "/api/assets/\(id)/thumbnail", size: "preview")
      }
      return redirect(request, to: "/api/assets/\(id)/original", size: nil)
    default: break
    }
    guard let size = PictureSize(rawValue: name) else {
      throw ValidationFailure("size", "must be one of original, fullsize, preview, thumbnail")
    }
    guard let picture = try await lanes.next().run({ try await pictures.picture(of: asset, size) }) else {
      throw Refusal(.notFound, "Asset media not found")
    }
    var fields = AssetHandlers.fields(of: asset)
    fields[.contentType] = picture.mimeType
    fields[.contentDisposition] =
      "inline; filename=\"\(id)_\(size.rawValue).\(picture.mimeType == "image/webp" ? "webp" : "jpeg")\""
    return fileResponse(
      to: request, file: picture.file, size: picture.size, etag: "\"\(picture.version)\"", modified: nil, fields: fields
    )
  }

  /// The query goes along: it may hold the credential. An address of ours, so that no other host is named.
  private func redirect(_ request: Request, to path: String, size: String?) -> Response {
    var pairs = request.target.rawQuery.split(separator: "&").filter { pair in
      !pair.hasPrefix("size=") && pair.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }.map(String.init)
    if let size { pairs.append("size=\(size)") }
    let query = pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    return Response(status: .found, fields: [.location: path + query, .cacheControl: "no-store"])
  }

  /// The original: nothing is recoded.
  func playback(_ request: Request, _ principal: Principal) async throws -> Response {
    let id = try request.id()
    let asset = try await assets.readable(id, by: principal.reader, permission: "asset.view")
    guard asset.kind == .video else { throw Refusal(.notFound, "Asset is not a video") }
    return try await originals.original(request, id, by: principal.reader)
  }
}
