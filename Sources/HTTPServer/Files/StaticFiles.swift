import Glibc
import Ground
import HTTPTypes

/// Serves the files of one folder: the bundled page. Nothing outside the folder can be reached, whatever the path says.
package struct StaticFiles: Sendable {
  private let folder: String
  private let lane = Lane(label: "nightstand.static")

  /// Larger files are streamed from disk; smaller ones are read whole, so that they can be compressed.
  private static let memoryLimit: Int64 = 1 << 20

  package init(folder: String) { self.folder = folder }

  /// Nil where there is no such file; a folder answers with its `index.html`.
  package func respond(to request: Request) async -> Response? {
    guard request.method == .get || request.method == .head else { return nil }
    // A segment that came out of an escape may hold a slash; hidden files and the way up are never served.
    guard
      request.target.segments.allSatisfy({ segment in
        !segment.hasPrefix(".") && !segment.contains("/") && !segment.contains("\\")
      })
    else { return nil }
    return await lane.run {
      guard let (file, status, type) = open(request.target.segments) else { return nil }
      return answer(request, file, status, type)
    }
  }

  /// Walks down from the folder one name at a time and follows no link, so that none can lead out of it.
  private func open(_ segments: [String]) -> (Descriptor, FileStatus, String)? {
    let folderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    guard var place = try? Descriptor(open: folder, O_RDONLY | O_DIRECTORY) else { return nil }
    for name in segments.dropLast() {
      guard let next = try? Descriptor(open: name, in: place, folderFlags) else { return nil }
      place = next
    }
    var name = segments.last ?? "index.html"
    if !segments.isEmpty, let inner = try? Descriptor(open: name, in: place, folderFlags) {
      (place, name) = (inner, "index.html")
    }
    // O_NONBLOCK: opening a pipe that somebody put there must not wait for its other end.
    guard let file = try? Descriptor(open: name, in: place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
      let status = try? file.status, status.isRegular
    else { return nil }
    return (file, status, ContentType.of(name))
  }

  private func answer(_ request: Request, _ file: Descriptor, _ status: FileStatus, _ type: String) -> Response? {
    let tag =
      "\"\(Hex.encode(withUnsafeBytes(of: status.modified.milliseconds.bigEndian) { Array($0) }))-\(status.size)\""
    // `no-cache` asks for revalidation, not for no caching: an update of the server shows at once, and costs one 304.
    var fields: HTTPFields = [.contentType: type, .cacheControl: "no-cache"]
    // On every answer about this file, 304 included (RFC 9110 section 15.4.5).
    if Compression.isText(type), status.size > Compression.threshold { fields[.vary] = "Accept-Encoding" }
    var response = fileResponse(
      to: request, file: file, size: status.size, etag: tag, modified: status.modified, fields: fields)
    if response.status == .ok, status.size <= Self.memoryLimit, Compression.isText(type),
      let bytes = try? FileSystem.contents(file), bytes.count == Int(status.size)
    {
      response.body = .bytes(bytes)
    }
    return response
  }
}

/// Media types of the bundled page's files, by extension.
enum ContentType {
  static func of(_ path: String) -> String {
    let name = path.split(separator: "/").last ?? ""
    let ending = name.contains(".") ? name.split(separator: ".").last?.lowercased() ?? "" : ""
    return byEnding[ending] ?? "application/octet-stream"
  }

  private static let byEnding = [
    "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8", "json": "application/json", "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json", "png": "image/png", "jpg": "image/jpeg", "webp": "image/webp",
    "ico": "image/x-icon", "woff2": "font/woff2", "txt": "text/plain; charset=utf-8", "xml": "application/xml",
  ]
}
