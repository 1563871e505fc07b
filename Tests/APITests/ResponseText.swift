import HTTPServer

extension Response {
  struct NotInMemory: Error {}

  /// The body of an answer that is held in memory.
  func text() throws -> String {
    guard case .bytes(let bytes) = body else { throw NotInMemory() }
    return String(decoding: bytes, as: UTF8.self)
  }
}
