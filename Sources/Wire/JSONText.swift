/// Whether bytes are one well-formed JSON value in UTF-8, nested at most 64 deep.
package func isJSON(_ bytes: [UInt8]) -> Bool {
  let text = bytes.span
  guard (try? UTF8Span(validating: text)) != nil else { return false }
  var position = 0
  guard JSONScanner.skipValue(text, &position) else { return false }
  JSONScanner.skipBlanks(text, &position)
  return position == text.count
}
