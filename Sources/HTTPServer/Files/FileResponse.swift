import Ground
import HTTPTypes

/// Answers with a file, or the part of it that the client asked for, or 304 where the client has it already.
/// - Parameters:
///   - etag: a strong entity tag with its quotes, such as `"8843d7f9"`.
///   - modified: for Last-Modified; nil sends none.
///   - fields: what else to send: type, caching, disposition.
package func fileResponse(
  to request: Request, file: Descriptor, size: Int64, etag: String, modified: Instant?, fields: HTTPFields
) -> Response {
  var fields = fields
  fields[.eTag] = etag
  fields[.acceptRanges] = "bytes"
  if let modified { fields[.lastModified] = HTTPDate.format(modified) }
  if !preconditionHolds(request, etag: etag, modified: modified) {
    return Response(
      status: .preconditionFailed, fields: [.contentType: "application/json"],
      body: .bytes(Array(#"{"message":"The file is not the version that the request names"}"#.utf8)))
  }
  if isUnchanged(for: request, etag: etag, modified: modified) {
    fields[.contentType] = nil
    return Response(status: .notModified, fields: fields)
  }
  switch ByteRange(rangeThatHolds(request, etag: etag, modified: modified), size: size) {
  case .whole:
    return Response(status: .ok, fields: fields, body: .file(file, offset: 0, length: size))
  case .part(let offset, let length):
    fields[.contentRange] = "bytes \(offset)-\(offset + length - 1)/\(size)"
    return Response(status: .partialContent, fields: fields, body: .file(file, offset: offset, length: length))
  case .unsatisfiable:
    return Response(
      status: .rangeNotSatisfiable,
      fields: [
        .contentRange: "bytes */\(size)", .acceptRanges: "bytes", .eTag: etag, .cacheControl: "no-store",
        .contentType: "application/json",
      ],
      body: .bytes(Array(#"{"message":"The file has \#(size) bytes; the range lies beyond them"}"#.utf8)))
  }
}

/// RFC 9110 section 13.2.2: If-None-Match decides where it is present, else If-Modified-Since.
package func isUnchanged(for request: Request, etag: String, modified: Instant?) -> Bool {
  guard request.method == .get || request.method == .head else { return false }
  if let known = request[.ifNoneMatch] {
    return known == "*" || known.split(separator: ",").contains { opaque($0) == opaque(etag[...]) }
  }
  guard let since = request[.ifModifiedSince].flatMap(HTTPDate.parse), let modified else { return false }
  return modified.milliseconds.floorDivided(by: 1000) <= since.milliseconds.floorDivided(by: 1000)
}

/// If-Match, else If-Unmodified-Since (RFC 9110 section 13.2.2).
private func preconditionHolds(_ request: Request, etag: String, modified: Instant?) -> Bool {
  if let wanted = request[.ifMatch] {
    return wanted == "*" || wanted.split(separator: ",").contains { $0.filter { $0 != " " && $0 != "\t" } == etag }
  }
  guard let since = request[.ifUnmodifiedSince].flatMap(HTTPDate.parse), let modified else { return true }
  return modified.milliseconds.floorDivided(by: 1000) <= since.milliseconds.floorDivided(by: 1000)
}

/// If-Range (RFC 9110 section 13.1.5): where the client's copy is another version, the range is void. Strong comparison.
private func rangeThatHolds(_ request: Request, etag: String, modified: Instant?) -> String? {
  guard request.method == .get, let range = request[.range] else { return nil }
  guard let condition = request[.ifRange] else { return range }
  if condition.hasPrefix("\"") { return condition == etag ? range : nil }
  guard let date = HTTPDate.parse(condition), let modified else { return nil }
  return date.milliseconds.floorDivided(by: 1000) == modified.milliseconds.floorDivided(by: 1000) ? range : nil
}

/// The tag without its weakness mark and the space around it.
private func opaque(_ tag: Substring) -> Substring {
  let trimmed = tag.drop { $0 == " " || $0 == "\t" }
  let core = trimmed.hasPrefix("W/") ? trimmed.dropFirst(2) : trimmed
  return core.last == " " ? core.prefix { $0 != " " } : core
}
