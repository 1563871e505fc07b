import HTTPServer
import HTTPTypes

/// The bundled page: files of one folder, under every path that is not the API's.
struct Pages: Sendable {
  private let files: StaticFiles

  init(folder: String) { files = StaticFiles(folder: folder) }

  /// Scripts, styles and pictures come from here alone; nothing may frame the page, and no link tells where it came from.
  private static let protection: [(name: String, value: String)] = [
    (
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        + "connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
        + "base-uri 'none'; frame-ancestors 'none'"
    ),
    ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
  ]

  /// Nil where there is no such file: the API's refusal follows then.
  func respond(to request: Request) async -> Response? {
    guard request.target.segments.first != "api", var response = await files.respond(to: request) else { return nil }
    for (name, value) in Pages.protection {
      if let name = HTTPField.Name(name) { response.fields[name] = value }
    }
    return response
  }
}
