import HTTPServer
import HTTPTypes

/// Cross-origin requests (the Fetch standard's CORS protocol), for the addresses that take uploads and no others: pages of
/// other origins, such as a tus client somewhere else, may upload with a key that a person gave them.
///
/// There is no `Access-Control-Allow-Credentials`: a browser then neither sends our cookie along nor shows a page the answer
/// to a request that carried it. Cookies stay same-site, so any origin may be let in: it can do no more than a program that
/// knows the same key.
enum CORS {
  static let methods = "POST, PUT, HEAD, PATCH, OPTIONS, GET, DELETE"

  /// What the doors read. A missing one fails in the browser alone, as "blocked by CORS policy".
  static let requestFields =
    ([
      "Authorization", "X-Api-Key", "Content-Type", "Content-Disposition", "X-Requested-With", "X-Request-ID",
      "X-HTTP-Method-Override", "X-Immich-User-Token", "X-Immich-Session-Token", "X-Immich-Asset-Data",
      "Tus-Resumable", "Upload-Length", "Upload-Offset", "Upload-Metadata", "Upload-Defer-Length", "Upload-Concat",
      "Upload-Checksum", "Upload-Complete", "Upload-Incomplete", "Upload-Draft-Interop-Version", "Repr-Digest",
      "Content-Digest", "Want-Repr-Digest",
    ] + RawFacts.fieldNames).joined(separator: ", ")

  /// What a page may read of the answers.
  static let responseFields = [
    "Location", "Content-Location", "Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Defer-Length",
    "Upload-Concat", "Upload-Expires", "Upload-Complete", "Upload-Incomplete", "Upload-Limit",
    "Upload-Draft-Interop-Version", "Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size",
    "Tus-Checksum-Algorithm", "Repr-Digest", "Retry-After", "X-Asset-Id", "X-Asset-Status", "X-Asset-Error",
    "X-Upload-Resume", "X-Correlation-ID",
  ].joined(separator: ", ")

  /// The answer to the question that a browser asks before the request itself, which carries no credential; nil for any
  /// other request.
  static func preflight(_ request: Request) -> Response? {
    guard request.method == .options, UploadAddress.isDoor(request.target), request[.origin] != nil,
      request.field("Access-Control-Request-Method") != nil
    else { return nil }
    var response = Response.noContent
    response.fields.set("Access-Control-Allow-Methods", methods)
    response.fields.set("Access-Control-Allow-Headers", requestFields)
    // A day; browsers cut it to what they like.
    response.fields.set("Access-Control-Max-Age", "86400")
    return response
  }

  /// Adds what lets a page of another origin read the answer.
  static func mark(_ response: inout Response, to request: Request) {
    guard UploadAddress.isDoor(request.target) else { return }
    // No cache may hand one origin's answer to another.
    response.fields.append(HTTPField(name: .vary, value: "Origin"))
    guard let origin = request[.origin] else { return }
    response.fields.set("Access-Control-Allow-Origin", origin)
    response.fields.set("Access-Control-Expose-Headers", responseFields)
  }
}
