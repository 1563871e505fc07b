import FoundationEssentials
import HTTPServer
import HTTPTypes

extension Response {
  /// A JSON answer. Not to be cached: what a person has stored changes by the minute and is nobody else's business.
  static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
    do {
      return json(bytes: Array(try encoder.encode(value)), status: status)
    } catch {
      // Shapes are strings, integers and booleans; only a double that is no number could fail, and none is sent.
      preconditionFailure("\(type(of: value)) cannot be JSON: \(error)")
    }
  }

  /// As above, for lists of whatever length.
  static func json(list: [some Encodable & Sendable]) async -> Response {
    guard list.count > JSONWork.smallCount else { return json(list) }
    return await JSONWork.lanes.next().run { json(list) }
  }

  static func json(bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status,
      // `nosniff`: what people named their files and albums must never be taken for a page.
      fields: [
        .contentType: "application/json; charset=utf-8", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
      ], body: .bytes(bytes))
  }

  static let noContent = Response(status: .noContent)
}
