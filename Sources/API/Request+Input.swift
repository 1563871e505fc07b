import Backup
import FoundationEssentials
import Ground
import HTTPServer
import HTTPTypes

/// What handlers read from a request. Wrong input is a `ValidationFailure` that names the place.
extension Request {
  func json<T: Decodable & Sendable>(_ type: T.Type) async throws -> T {
    try await body.collect(limit: Request.collectLimit) { bytes in
      do {
        return try await JSONWork.run(bytes.count) { try JSONDecoder().decode(type, from: Data(bytes)) }
      } catch let error as DecodingError {
        throw ValidationFailure(error)
      }
    }
  }

  /// Above every route's own limit, which the server checks.
  private static let collectLimit = 16 << 20

  /// The field's value; nil where it is absent.
  func field(_ name: String) -> String? { fields[named: name] }

  /// The media type of the body, in lower case and without parameters; nil where none is named.
  var mediaType: String? {
    self[.contentType].map { $0.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" } }
  }

  /// Whether no body comes; a chunked one must be asked.
  func isEmpty() async throws -> Bool {
    if let length = body.declaredLength { return length == 0 }
    return try await body.read(into: Block(capacity: 4096)) == 0
  }

  /// Of every body that holds a file, or a part of one: offsets would count coded bytes, and digests be of others.
  func refuseContentCoding() throws(Refusal) {
    guard let coding = self[.contentEncoding], coding.lowercased() != "identity" else { return }
    throw Refusal(.unsupportedMediaType, "The body must come without Content-Encoding: what is stored is what came")
  }

  /// The id in the path.
  func id() throws(ValidationFailure) -> Identifier {
    guard let id = parameters["id"].flatMap({ Identifier($0) }) else { throw ValidationFailure("id", "must be a UUID") }
    return id
  }

  func flag(_ name: String) throws(ValidationFailure) -> Bool? {
    switch target.query(name) {
    case nil: nil
    case "true": true
    case "false": false
    default: throw ValidationFailure(name, "must be true or false")
    }
  }

  func identifier(_ name: String) throws(ValidationFailure) -> Identifier? {
    guard let text = target.query(name) else { return nil }
    guard let id = Identifier(text) else { throw ValidationFailure(name, "must be a UUID") }
    return id
  }

  func visibility(_ name: String) throws(ValidationFailure) -> Visibility? {
    guard let text = target.query(name) else { return nil }
    guard let visibility = Visibility(rawValue: text) else {
      throw ValidationFailure(name, "must be one of archive, timeline, hidden, locked")
    }
    return visibility
  }
}
