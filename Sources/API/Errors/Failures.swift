import Ground
import HTTPServer
import HTTPTypes
import Logging

/// Turns errors into answers, and tells the log what the client is not told. Every answer carries a random
/// `X-Correlation-ID`, and the log line the same: aioimmich cannot read an error without that field.
struct Failures: Sendable {
  let logger: Logger

  private struct Body: Encodable {
    let message: String
    let code: String?
    let errors: [ValidationFailure.Issue]?
  }

  /// RFC 9457: what answers below `/api/backup`, Nightstand's own part of the API, say.
  private struct Problem: Encodable {
    let type: String
    let title: String
    let status: Int
    let detail: String
    let code: String?
    let errors: [ValidationFailure.Issue]?
    let expectedOffset: Int64?
    let providedOffset: Int64?

    enum CodingKeys: String, CodingKey {
      case type, title, status, detail, code, errors
      // As the draft on resumable uploads spells them.
      case expectedOffset = "expected-offset"
      case providedOffset = "provided-offset"
    }

    init(_ answer: ErrorAnswer) {
      type = answer.problem ?? "about:blank"
      (title, status, detail) = (answer.status.reasonPhrase, answer.status.code, answer.message)
      code = answer.code
      errors = answer.issues.isEmpty ? nil : answer.issues
      (expectedOffset, providedOffset) = (answer.offsets?.expected, answer.offsets?.provided)
    }
  }

  static let correlationField = HTTPField.Name("X-Correlation-ID")

  /// - Parameters:
  ///   - request: nil where the server refused before there was one.
  ///   - status: what the protocol at hand says instead of the usual status.
  func answer(to error: any Error, _ request: Request?, status: HTTPResponse.Status? = nil) -> Response {
    let foreseen = ErrorAnswer(error, request)
    var answer = foreseen ?? ErrorAnswer(.internalServerError, "Internal server error")
    if let status { answer.status = status }
    let correlation = Identifier().description
    log(error, answer, correlation, request, isForeseen: foreseen != nil)
    var response: Response
    // Elsewhere only what the resumable uploads' draft wants to have so.
    if answer.problem != nil || request?.target.segments.starts(with: ["api", "backup"]) == true {
      response = .json(Problem(answer), status: answer.status)
      response.fields[.contentType] = "application/problem+json"
    } else {
      let body = Body(
        message: answer.message, code: answer.code, errors: answer.issues.isEmpty ? nil : answer.issues)
      response = .json(body, status: answer.status)
    }
    response.fields.append(contentsOf: answer.fields)
    // The iOS image loader keeps whatever it may, for ever.
    response.fields[.cacheControl] = "no-store"
    if let name = Failures.correlationField { response.fields[name] = correlation }
    return response
  }

  /// An answer that says no without an error behind it, such as a range that lies beyond its file, gets its id too, and
  /// is not to be kept either.
  func marked(_ response: Response) -> Response {
    guard response.status.code >= 400, let name = Failures.correlationField, response.fields[name] == nil else {
      return response
    }
    var response = response
    response.fields[name] = Identifier().description
    response.fields[.cacheControl] = "no-store"
    return response
  }

  private func log(
    _ error: any Error, _ answer: ErrorAnswer, _ correlation: String, _ request: Request?, isForeseen: Bool
  ) {
    let isOurs = answer.status.code >= 500
    // What an unknown route's answer says repeats the path, which stands beside it.
    let text = isOurs ? String(reflecting: error) : error is UnknownRoute ? "unknown address" : answer.message
    let level: Logger.Level = !isForeseen ? .error : isOurs ? .warning : .debug
    logger.log(
      level: level, "\(answer.status.code) \(LogText.escaped(text))",
      metadata: [
        "correlation": "\(correlation)",
        "method": "\(LogText.escaped(request?.method.rawValue ?? "-"))",
        "path": "\(request.map { LogText.path($0.target) } ?? "-")",
        "peer": "\(request?.peer.text ?? "-")",
      ])
  }
}

/// Client bytes on their way into the log.
enum LogText {
  private static let limit = 300

  /// The path, but for the address of an upload, which is as good as a credential.
  static func path(_ target: RequestTarget) -> String {
    guard target.segments.count > 3, target.segments.starts(with: ["api", "backup", "uploads"]) else {
      return escaped(target.rawPath)
    }
    return "/api/backup/uploads/…"
  }

  /// Control characters and everything outside ASCII as `\u{…}`, so that no line can be forged and no terminal led
  /// astray; cut after 300 characters.
  static func escaped(_ text: String) -> String {
    var out = ""
    for (index, scalar) in text.unicodeScalars.enumerated() {
      if index == limit { return out + "…" }
      if (0x20...0x7E).contains(scalar.value), scalar != "\\" {
        out.unicodeScalars.append(scalar)
      } else {
        out += scalar == "\\" ? "\\\\" : "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return out
  }
}
