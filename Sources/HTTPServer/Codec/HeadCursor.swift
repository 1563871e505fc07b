import HTTPTypes

/// Walks over one whole request head, which ends with its empty line.
struct HeadCursor {
  private let bytes: UnsafeRawBufferPointer
  private var index = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  static let targetTooLong = Refusal(.uriTooLong, "The request target is longer than \(HeadLimit.target) bytes")

  mutating func head() throws(Refusal) -> RequestHead {
    let (methodName, targetBytes, minorVersion) = try requestLine()
    guard let method = Self.method(methodName) else {
      throw Refusal(.notImplemented, "The method is not known here")
    }
    // RFC 9112 section 3.2.4: the asterisk names the server itself, and only OPTIONS may ask about that.
    let isServer = targetBytes.count == 1 && targetBytes[0] == UInt8(ascii: "*")
    guard !isServer || method == .options, let target = RequestTarget(utf8: targetBytes) else {
      throw Refusal(.badRequest, "The request target is malformed")
    }
    let lines = try fieldLines()
    let fields = RequestFields(bytes: Array(bytes), lines: lines)
    let known = KnownFields(fields)
    try checkHost(known.hosts, fields, required: minorVersion > 0)
    // RFC 9112 section 3.2.2: the target's authority would replace Host; two different ones are an attack or a mistake.
    if let authority = target.authority, let host = fields.hosts.first, lowercase(authority) != lowercase(host) {
      throw Refusal(.badRequest, "The request target names another host than the Host field")
    }
    let framing =
      known.hasFraming ? try Self.framing(fields, minorVersion: minorVersion) : RequestHead.Framing.none
    return RequestHead(
      method: method, target: target, minorVersion: minorVersion, fields: fields, framing: framing,
      keepAlive: keepAlive(known.hasConnection ? fields : nil, minorVersion: minorVersion),
      expectsContinue: known.hasExpect ? try expectsContinue(fields, minorVersion: minorVersion) : false)
  }

  /// Which of the fields that the codec itself obeys are there: one pass, because most requests have only Host.
  private struct KnownFields {
    var hosts = 0
    var hasFraming = false
    var hasConnection = false
    var hasExpect = false

    init(_ fields: RequestFields) {
      for line in fields.lines {
        switch line.name.count {
        case 4: if fields.matches(line, "host".utf8) { hosts += 1 }
        case 6: if fields.matches(line, "expect".utf8) { hasExpect = true }
        case 10: if fields.matches(line, "connection".utf8) { hasConnection = true }
        case 14: if fields.matches(line, "content-length".utf8) { hasFraming = true }
        case 17: if fields.matches(line, "transfer-encoding".utf8) { hasFraming = true }
        default: break
        }
      }
    }
  }

  /// RFC 9112 section 9.3.
  private func keepAlive(_ fields: RequestFields?, minorVersion: Int) -> Bool {
    let options = (fields?[.connection] ?? "").split(separator: ",").map { $0.filter { $0 != " " && $0 != "\t" } }
    return minorVersion > 0
      ? !options.contains { isToken($0, "close") } : options.contains { isToken($0, "keep-alive") }
  }

  /// Every method that some route answers; CONNECT and TRACE have no business here.
  private static func method(_ name: UnsafeRawBufferPointer) -> HTTPRequest.Method? {
    methods.first { name.elementsEqual($0.name.utf8) }?.method
  }

  private static let methods: [(name: String, method: HTTPRequest.Method)] = [
    ("GET", .get), ("POST", .post), ("HEAD", .head), ("PUT", .put), ("PATCH", .patch), ("DELETE", .delete),
    ("OPTIONS", .options),
  ]

  // MARK: Request line

  /// `method SP request-target SP HTTP-version CRLF`, single spaces (RFC 9112 section 3).
  private mutating func requestLine() throws(Refusal) -> (
    method: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer, minorVersion: Int
  ) {
    var malformed: Refusal { Refusal(.badRequest, "The request line is malformed") }
    let method = take(while: isTokenByte)
    guard !method.isEmpty, skip(.space) else { throw malformed }
    // Bytes above ASCII come from clients that forgot to escape; they are kept, controls and spaces are not.
    let target = take { $0 > .space && $0 != 0x7F }
    guard !target.isEmpty else { throw malformed }
    guard target.count <= HeadLimit.target else { throw Self.targetTooLong }
    guard skip(.space) else { throw malformed }
    let version = take { $0 > .space && $0 != 0x7F }
    guard skip(.cr), skip(.lf) else { throw malformed }
    let text = UnsafeRawBufferPointer(rebasing: bytes[version])
    guard text.count == 8, text.starts(with: "HTTP/".utf8), text[6] == UInt8(ascii: "."),
      (0x30...0x39).contains(text[5]), (0x30...0x39).contains(text[7])
    else { throw malformed }
    guard text[5] == UInt8(ascii: "1") else {
      throw Refusal(.httpVersionNotSupported, "This server speaks HTTP/1.1")
    }
    let targetBytes = UnsafeRawBufferPointer(rebasing: bytes[target])
    guard targetBytes.allSatisfy({ $0 < 0x80 }) || String(validating: targetBytes, as: UTF8.self) != nil else {
      throw malformed
    }
    return (UnsafeRawBufferPointer(rebasing: bytes[method]), targetBytes, text[7] == UInt8(ascii: "0") ? 0 : 1)
  }

  // MARK: Fields

  private mutating func fieldLines() throws(Refusal) -> [RequestFields.Line] {
    var lines: [RequestFields.Line] = []
    lines.reserveCapacity(16)
    while true {
      if skip(.cr) {
        guard skip(.lf) else { throw Refusal(.badRequest, "A CR stands alone in the head") }
        return lines
      }
      guard lines.count < HeadLimit.fields else {
        throw Refusal(.requestHeaderFieldsTooLarge, "The request has more than \(HeadLimit.fields) fields")
      }
      lines.append(try fieldLine())
    }
  }

  private mutating func fieldLine() throws(Refusal) -> RequestFields.Line {
    // RFC 9112 section 5.2: folded lines are refused, because intermediaries join them differently.
    if index < bytes.count, bytes[index] == .space || bytes[index] == .tab {
      throw Refusal(.badRequest, "A field is folded over several lines")
    }
    let name = take(while: isTokenByte)
    guard !name.isEmpty else { throw Refusal(.badRequest, "A field has no legal name") }
    // RFC 9112 section 5.1: white space before the colon is a smuggling tool.
    guard skip(UInt8(ascii: ":")) else { throw Refusal(.badRequest, "A field name is not followed by a colon") }
    _ = take { $0 == .space || $0 == .tab }
    let raw = take(while: isFieldValueByte)
    guard skip(.cr), skip(.lf) else { throw Refusal(.badRequest, "A field value holds a control byte") }
    var end = raw.upperBound
    while end > raw.lowerBound, bytes[end - 1] == .space || bytes[end - 1] == .tab { end -= 1 }
    return RequestFields.Line(name: name, value: raw.lowerBound..<end)
  }

  // MARK: Meaning

  /// Exactly one Host in HTTP/1.1 (RFC 9112 section 3.2).
  private func checkHost(_ count: Int, _ fields: RequestFields, required: Bool) throws(Refusal) {
    guard count <= 1 else { throw Refusal(.badRequest, "The request has more than one Host") }
    guard count == 1, let line = fields.lines.first(where: { fields.matches($0, "host".utf8) }) else {
      if required { throw Refusal(.badRequest, "The request has no Host") }
      return
    }
    // The `host` and `port` of RFC 3986 section 3.2, user information left out.
    guard fields.bytes[line.value].allSatisfy({ isTokenByte($0) || "[]:()=;".utf8.contains($0) }) else {
      throw Refusal(.badRequest, "The Host is malformed")
    }
  }

  /// RFC 9112 section 6: how long the body is. Whatever two parsers could read differently is refused.
  private static func framing(_ fields: RequestFields, minorVersion: Int) throws(Refusal) -> RequestHead.Framing {
    let codings = fields.values(.transferEncoding)
    let lengths = fields.values(.contentLength)
    guard codings.isEmpty else {
      guard lengths.isEmpty else {
        throw Refusal(.badRequest, "The request has both Content-Length and Transfer-Encoding")
      }
      guard codings.count == 1, isToken(codings[0], "chunked") else {
        throw Refusal(.badRequest, "The only transfer coding known here is chunked")
      }
      guard minorVersion > 0 else { throw Refusal(.badRequest, "HTTP/1.0 has no transfer codings") }
      return .chunked
    }
    guard let text = lengths.first else { return .none }
    guard lengths.count == 1 else { throw Refusal(.badRequest, "The request has more than one Content-Length") }
    guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let length = Int64(text)
    else { throw Refusal(.badRequest, "The Content-Length is malformed") }
    return length == 0 ? .none : .length(length)
  }

  private func expectsContinue(_ fields: RequestFields, minorVersion: Int) throws(Refusal) -> Bool {
    guard let expectation = fields[.expect], minorVersion > 0 else { return false }
    guard isToken(expectation, "100-continue") else {
      throw Refusal(.expectationFailed, "The only expectation known here is 100-continue")
    }
    return true
  }

  private func lowercase(_ text: String) -> [UInt8] { text.utf8.map(lowered) }

  // MARK: Bytes

  private mutating func take(while accepts: (UInt8) -> Bool) -> Range<Int> {
    let start = index
    while index < bytes.count, accepts(bytes[index]) { index += 1 }
    return start..<index
  }

  private mutating func skip(_ byte: UInt8) -> Bool {
    guard index < bytes.count, bytes[index] == byte else { return false }
    index += 1
    return true
  }
}
