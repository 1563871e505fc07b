import CZlib
import Glibc
import Ground
import HTTPTypes

/// gzip for text and JSON held in memory. Media is compressed by nature, and streams are not touched.
enum Compression {
  /// Below this many bytes a packet is sent anyway.
  static let threshold = 1024
  /// Above this many bytes the work moves to a lane, so that it delays nobody else on the loop.
  private static let inlineLimit = 16 << 10

  static func apply(to response: inout Response, accepting fields: RequestFields, _ server: ServerContext) async {
    guard case .bytes(let bytes) = response.body, bytes.count > threshold, response.status.kind == .successful,
      response.fields[.contentEncoding] == nil, response.fields[.contentRange] == nil,
      let type = response.fields[.contentType], isText(type)
    else { return }
    // Even an answer that stays as it is depends on the field: caches must know.
    if response.fields[.vary] == nil { response.fields[.vary] = "Accept-Encoding" }
    guard let accepting = fields[.acceptEncoding], accepts(gzip: accepting) else { return }
    let packed =
      bytes.count <= inlineLimit ? gzip(bytes) : await server.fileLanes.next().run { gzip(bytes) }
    guard let packed, packed.count < bytes.count else { return }
    response.body = .bytes(packed)
    response.fields[.contentEncoding] = "gzip"
    // A strong tag names exact bytes, and these are others (RFC 9110 section 8.8.1).
    if let tag = response.fields[.eTag], !tag.hasPrefix("W/") { response.fields[.eTag] = "W/" + tag }
  }

  static func isText(_ type: String) -> Bool {
    let essence = type.prefix { $0 != ";" }.lowercased()
    return essence.hasPrefix("text/") || essence.hasSuffix("json") || essence.hasSuffix("javascript")
      || essence == "image/svg+xml" || essence == "application/manifest+json"
  }

  /// Whether `Accept-Encoding` names gzip (or `*`) with a weight above zero (RFC 9110 section 12.5.3).
  static func accepts(gzip field: String) -> Bool {
    var wildcard = false
    for item in field.lowercased().split(separator: ",") {
      let parts = item.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
      let isRefused = parts.dropFirst().contains { $0.hasPrefix("q=") && (Double($0.dropFirst(2)) ?? 1) == 0 }
      if parts.first == "gzip" { return !isRefused }
      if parts.first == "*" { wildcard = !isRefused }
    }
    return wildcard
  }

  /// Nil where zlib has no memory.
  static func gzip(_ bytes: [UInt8]) -> [UInt8]? {
    var stream = z_stream()
    // Level 4: three quarters of what level 9 saves, in a fifth of its time.
    guard ns_deflate_init_gzip(&stream, 4) == Z_OK else { return nil }
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))))
    let capacity = output.count
    let done = input.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(capacity)
        return deflate(&stream, Z_FINISH) == Z_STREAM_END
      }
    }
    guard done else { return nil }
    output.removeLast(capacity - Int(stream.total_out))
    return output
  }
}
