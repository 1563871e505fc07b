import Wire

/// A request whose shape is wrong: where, and what is expected there.
struct ValidationFailure: Error, Equatable, Sendable {
  struct Issue: Equatable, Sendable {
    let path: [Step]
    let message: String
  }

  /// A key of an object or a place in an array.
  enum Step: Equatable, Sendable {
    case key(String)
    case index(Int)
  }

  let issues: [Issue]

  init(_ path: Step..., message: String) { issues = [Issue(path: path, message: message)] }
  init(_ issues: [Issue]) { self.issues = issues }

  /// A form field, a query parameter or a key at the top of a body.
  init(_ name: String, _ message: String) { self.init(.key(name), message: message) }

  init(_ failure: BulkCheckRequest.Failure) {
    let path = failure.path.map { step -> Step in
      switch step {
      case .key(let key): .key(key)
      case .index(let index): .index(index)
      }
    }
    issues = [Issue(path: path, message: failure.message)]
  }

  init(_ error: DecodingError) {
    let context: DecodingError.Context
    var last: (any CodingKey)?
    let message: String
    switch error {
    case .typeMismatch(let type, let found): (context, message) = (found, "must be \(ValidationFailure.name(of: type))")
    case .valueNotFound(let type, let found):
      (context, message) = (found, "must be \(ValidationFailure.name(of: type))")
    case .keyNotFound(let key, let found): (context, last, message) = (found, key, "is required")
    // Our own decoders write a text for clients there; Foundation's own concerns broken JSON and has no path.
    case .dataCorrupted(let found):
      (context, message) = (found, found.codingPath.isEmpty ? "must be JSON" : found.debugDescription)
    @unknown default: (context, message) = (.init(codingPath: [], debugDescription: ""), "is not valid")
    }
    let path = (context.codingPath + [last].compactMap { $0 }).map { key in
      key.intValue.map(Step.index) ?? Step.key(key.stringValue)
    }
    issues = [Issue(path: path, message: message)]
  }

  private static func name(of type: any Any.Type) -> String {
    switch type {
    case is String.Type: "a string"
    case is Bool.Type: "true or false"
    case is Int.Type, is Int64.Type: "an integer"
    case is any Collection.Type: "an array"
    default: "an object"
    }
  }
}

extension ValidationFailure.Step: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .key(let key): try container.encode(key)
    case .index(let index): try container.encode(index)
    }
  }
}

extension ValidationFailure.Issue: Encodable {}
