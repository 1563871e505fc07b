import Ground
import Logging

/// Writes each event as one line to standard error: `2026-07-27T10:00:00.000Z info message key=value`.
/// Whatever a client put into a value is escaped: nobody can forge a line or move an operator's terminal.
struct LineLogHandler: LogHandler {
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var line = "\(Instant.now().iso8601) \(event.level) \(printable(event.message.description))"
    let all = event.metadata.map { metadata.merging($0) { $1 } } ?? metadata
    for (key, value) in all.sorted(by: { $0.key < $1.key }) {
      line += " \(printable(key))=\(quotedWhereNeeded(value.description))"
    }
    if let error = event.error { line += " error=\(quotedWhereNeeded("\(error)"))" }
    StandardStream.error.write(line + "\n")
  }
}

/// The text with control characters, and those that reorder or break lines, as `\u{…}`; at most 2,000 characters of it.
func printable(_ text: String) -> String {
  var out = ""
  for scalar in text.unicodeScalars.prefix(2000) {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
      out += "\\u{\(String(scalar.value, radix: 16))}"
    default:
      out.unicodeScalars.append(scalar)
    }
  }
  return out
}

private func quotedWhereNeeded(_ text: String) -> String {
  let text = printable(text)
  guard text.isEmpty || text.contains(where: { $0 == " " || $0 == "\"" || $0 == "=" }) else { return text }
  return "\"" + text.map { $0 == "\"" ? "\\\"" : String($0) }.joined() + "\""
}
