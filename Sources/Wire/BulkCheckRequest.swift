import Ground

/// `POST /api/assets/bulk-upload-check`: `{"assets":[{"id":"any text","checksum":"hex or base64"}]}`. Read by hand:
/// `JSONDecoder` takes longer for 5,000 entries than the catalog takes to look them up, this a tenth of that.
package struct BulkCheckRequest: Sendable {
  /// Entries of one request; a client with more splits them (the official ones send up to 5,000).
  package static let entryLimit = 50_000

  /// Where the body is wrong.
  package struct Failure: Error, Equatable, Sendable {
    package enum Step: Equatable, Sendable {
      case key(String)
      case index(Int)
    }
    package let path: [Step]
    package let message: String
  }

  /// The request as it came; `ids` point into it.
  let body: [UInt8]
  /// Each id as it is written in the body, escapes and all, quotes left out: it is echoed, never read.
  let ids: [Range<Int>]
  /// In the order of the request.
  package let digests: [SHA1Digest]

  /// The keys as `JSONScanner.word` gives them.
  private enum Key {
    static var assets: UInt64 { 0x6173_7365_7473 }
    static var id: UInt64 { 0x6964 }
    static var checksum: UInt64 { 0x6368_6563_6B73_756D }
  }

  /// Unknown keys are skipped, a repeated one is refused.
  package init(_ body: [UInt8]) throws(Failure) {
    let text = body.span
    do { _ = try UTF8Span(validating: text) } catch {
      throw Failure(path: [], message: "the body is not UTF-8")
    }
    var ids: [Range<Int>] = []
    var digests: [SHA1Digest] = []
    // An entry is hardly shorter than 60 bytes.
    let expected = min(body.count / 60, BulkCheckRequest.entryLimit)
    ids.reserveCapacity(expected)
    digests.reserveCapacity(expected)
    var position = 0
    var hasAssets = false
    guard JSONScanner.take(UInt8(ascii: "{"), text, &position) else {
      throw Failure(path: [], message: "must be a JSON object")
    }
    if !JSONScanner.take(UInt8(ascii: "}"), text, &position) {
      repeat {
        guard let key = JSONScanner.string(text, &position), JSONScanner.take(UInt8(ascii: ":"), text, &position)
        else { throw BulkCheckRequest.broken(position) }
        if JSONScanner.word(text, key) == Key.assets {
          guard !hasAssets else { throw Failure(path: [.key("assets")], message: "must not be repeated") }
          hasAssets = true
          try BulkCheckRequest.readEntries(text, &position, &ids, &digests)
        } else if !JSONScanner.skipValue(text, &position) {
          throw BulkCheckRequest.broken(position)
        }
      } while JSONScanner.take(UInt8(ascii: ","), text, &position)
      guard JSONScanner.take(UInt8(ascii: "}"), text, &position) else { throw BulkCheckRequest.broken(position) }
    }
    JSONScanner.skipBlanks(text, &position)
    guard position == text.count else { throw BulkCheckRequest.broken(position) }
    guard hasAssets else { throw Failure(path: [.key("assets")], message: "must be an array") }
    (self.ids, self.digests) = (ids, digests)
    self.body = body
  }

  private static func broken(_ position: Int) -> Failure {
    Failure(path: [], message: "the JSON is broken at byte \(position)")
  }

  private static func readEntries(
    _ text: Span<UInt8>, _ position: inout Int, _ ids: inout [Range<Int>], _ digests: inout [SHA1Digest]
  ) throws(Failure) {
    guard JSONScanner.take(UInt8(ascii: "["), text, &position) else {
      throw Failure(path: [.key("assets")], message: "must be an array")
    }
    if JSONScanner.take(UInt8(ascii: "]"), text, &position) { return }
    repeat {
      guard ids.count < entryLimit else {
        throw Failure(path: [.key("assets")], message: "must not have more than \(entryLimit) entries")
      }
      let (id, digest) = try readEntry(text, &position, ids.count)
      ids.append(id)
      digests.append(digest)
    } while JSONScanner.take(UInt8(ascii: ","), text, &position)
    guard JSONScanner.take(UInt8(ascii: "]"), text, &position) else { throw broken(position) }
  }

  @inline(__always)
  private static func readEntry(
    _ text: Span<UInt8>, _ position: inout Int, _ index: Int
  ) throws(Failure) -> (Range<Int>, SHA1Digest) {
    var id: Range<Int>?
    var digest: SHA1Digest?
    guard JSONScanner.take(UInt8(ascii: "{"), text, &position) else {
      throw Failure(path: [.key("assets"), .index(index)], message: "must be an object")
    }
    if !JSONScanner.take(UInt8(ascii: "}"), text, &position) {
      repeat {
        guard let key = JSONScanner.string(text, &position), JSONScanner.take(UInt8(ascii: ":"), text, &position)
        else { throw broken(position) }
        let word = JSONScanner.word(text, key)
        if word == Key.id {
          guard id == nil else { throw failure(index, "id", "must not be repeated") }
          id = try readString(text, &position, index, "id").content
        } else if word == Key.checksum {
          guard digest == nil else { throw failure(index, "checksum", "must not be repeated") }
          digest = try readDigest(text, &position, index)
        } else if !JSONScanner.skipValue(text, &position) {
          throw broken(position)
        }
      } while JSONScanner.take(UInt8(ascii: ","), text, &position)
      guard JSONScanner.take(UInt8(ascii: "}"), text, &position) else { throw broken(position) }
    }
    guard let id else { throw failure(index, "id", "must be a string") }
    guard let digest else { throw failure(index, "checksum", "must be a string") }
    return (id, digest)
  }

  @inline(__always)
  private static func readDigest(
    _ text: Span<UInt8>, _ position: inout Int, _ index: Int
  ) throws(Failure) -> SHA1Digest {
    JSONScanner.skipBlanks(text, &position)
    // The usual spellings are as long as they are: no need to look for the string's end first.
    for length in stride(from: 40, through: 28, by: -12) {
      guard position + length + 1 < text.count, text[position] == UInt8(ascii: "\""),
        text[position + length + 1] == UInt8(ascii: "\""),
        let digest = SHA1Digest(text: text.extracting(position + 1..<position + length + 1))
      else { continue }
      position += length + 2
      return digest
    }
    let value = try readString(text, &position, index, "checksum")
    // Some encoders write base64's `/` as `\/`.
    let digest =
      value.hasEscapes
      ? SHA1Digest(text: JSONScanner.unescaped(text, value.content).span)
      : SHA1Digest(text: text.extracting(value.content))
    guard let digest else {
      throw failure(index, "checksum", "must be a SHA-1 digest, 40 hexadecimal or 28 base64 characters")
    }
    return digest
  }

  @inline(__always)
  private static func readString(
    _ text: Span<UInt8>, _ position: inout Int, _ index: Int, _ key: String
  ) throws(Failure) -> (content: Range<Int>, hasEscapes: Bool) {
    JSONScanner.skipBlanks(text, &position)
    guard position < text.count, text[position] == UInt8(ascii: "\"") else {
      throw failure(index, key, "must be a string")
    }
    guard let value = JSONScanner.string(text, &position) else { throw broken(position) }
    return value
  }

  private static func failure(_ index: Int, _ key: String, _ message: String) -> Failure {
    Failure(path: [.key("assets"), .index(index), .key(key)], message: message)
  }
}
