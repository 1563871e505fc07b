import CCurl
import Glibc
import Ground

/// One transfer as libcurl does it. Made by whoever sends, then touched on the lane's queue only, by the lane and by
/// libcurl's calls back: hence unchecked.
final class CurlTransfer: @unchecked Sendable {
  typealias Ending = Result<OutboundAnswer, OutboundError>

  let plan: CurlPlan
  /// Of the whole transfer; what waits in the queue runs out there.
  let deadline: MonotonicTime
  private let end: @Sendable (Ending) -> Void

  private var body: [UInt8] = []
  private var isCut = false
  private var retryAfter: String?
  private var isRefused = false
  /// Bytes of a mail that are handed over already.
  private var sent = 0
  /// libcurl's lists; it does not copy them.
  private var lists: [UnsafeMutablePointer<curl_slist>] = []

  init(_ plan: CurlPlan, end: @escaping @Sendable (Ending) -> Void) {
    (self.plan, self.end) = (plan, end)
    deadline = MonotonicTime.now().adding(seconds: plan.timeout)
  }

  func finish(_ ending: Ending) { end(ending) }

  // MARK: Before

  /// - Returns: a handle that must be given back by `close`; nil where libcurl cannot make one.
  func open(_ curl: CurlLibrary) -> UnsafeMutableRawPointer? {
    guard let easy = curl.makeTransfer() else { return nil }
    let milliseconds = max(1, Int(deadline.seconds(since: .now()) * 1000))
    // libcurl holds this pointer as long as the handle lives, and the lane holds the transfer as long.
    let this = Unmanaged.passUnretained(self).toOpaque()
    var isSet = true
    func number(_ option: CURLoption, _ value: Int) {
      isSet = isSet && curl.set(easy, option, value) == CURLE_OK
    }
    func text(_ option: CURLoption, _ value: String) { isSet = isSet && curl.set(easy, option, value) == CURLE_OK }
    func list(_ option: CURLoption, _ lines: [String]) {
      guard !lines.isEmpty else { return }
      var list: UnsafeMutablePointer<curl_slist>?
      for line in lines {
        guard let longer = curl.append(list, line) else {
          isSet = false
          break
        }
        list = longer
      }
      if let list {
        lists.append(list)
        isSet = isSet && curl.set(easy, option, list) == CURLE_OK
      }
    }

    text(CURLOPT_URL, plan.url)
    text(CURLOPT_PROTOCOLS_STR, plan.protocols)
    number(CURLOPT_FOLLOWLOCATION, 0)
    // Neither a proxy of the environment nor one of a file: what was checked is what is connected to.
    text(CURLOPT_PROXY, "")
    text(CURLOPT_NOPROXY, "*")
    number(CURLOPT_NOSIGNAL, 1)
    number(CURLOPT_TIMEOUT_MS, milliseconds)
    number(CURLOPT_CONNECTTIMEOUT_MS, milliseconds)
    number(CURLOPT_PATH_AS_IS, 1)
    number(CURLOPT_SSL_VERIFYPEER, 1)
    number(CURLOPT_SSL_VERIFYHOST, 2)
    number(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    if let file = plan.authorities { text(CURLOPT_CAINFO, file) }
    if let pin = plan.pin { list(CURLOPT_RESOLVE, [pin]) }
    isSet = isSet && curl.set(easy, opener: CurlTransfer.opened, this) == CURLE_OK
    isSet = isSet && curl.set(easy, CURLOPT_WRITEFUNCTION, CurlTransfer.received, CURLOPT_WRITEDATA, this) == CURLE_OK
    switch plan.content {
    case .http(let method, let headers, let body, let isHTTP2):
      isSet = isSet && curl.set(easy, CURLOPT_HEADERFUNCTION, CurlTransfer.headed, CURLOPT_HEADERDATA, this) == CURLE_OK
      // Without waiting for a 100: bodies are small.
      list(CURLOPT_HTTPHEADER, headers + ["Expect:"])
      if method != .get {
        number(CURLOPT_POST, 1)
        number(CURLOPT_POSTFIELDSIZE, body.count)
        isSet = isSet && curl.copyBody(easy, body) == CURLE_OK
      }
      if method != .get, method != .post { text(CURLOPT_CUSTOMREQUEST, method.rawValue) }
      if isHTTP2 {
        // All of them share one connection; cleartext is for tests.
        number(CURLOPT_PIPEWAIT, 1)
        number(
          CURLOPT_HTTP_VERSION,
          Int(plan.url.hasPrefix("http:") ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : CURL_HTTP_VERSION_2TLS))
      }
    case .mail(let mail):
      // The next one comes in hours: the server says goodbye instead of waiting for it.
      number(CURLOPT_FORBID_REUSE, 1)
      number(CURLOPT_UPLOAD, 1)
      number(CURLOPT_USE_SSL, Int((mail.security == .none ? CURLUSESSL_NONE : CURLUSESSL_ALL).rawValue))
      if let user = mail.user { text(CURLOPT_USERNAME, user) }
      if let password = mail.password { text(CURLOPT_PASSWORD, password) }
      text(CURLOPT_MAIL_FROM, "<\(mail.from)>")
      list(CURLOPT_MAIL_RCPT, mail.recipients.map { "<\($0)>" })
      isSet = isSet && curl.set(easy, CURLOPT_READFUNCTION, CurlTransfer.wanted, CURLOPT_READDATA, this) == CURLE_OK
    }
    guard isSet else {
      close(easy, curl)
      return nil
    }
    return easy
  }

  /// Gives back what `open` made; `easy` is in no multi handle any more.
  func close(_ easy: UnsafeMutableRawPointer, _ curl: CurlLibrary) {
    curl.endTransfer(easy)
    for list in lists { curl.free(list) }
    lists = []
  }

  // MARK: libcurl's calls back

  private static func transfer(_ context: UnsafeMutableRawPointer) -> CurlTransfer {
    Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
  }

  /// The last door: whatever libcurl made of the address, it connects to what was checked.
  private static let opened: ns_curl_opener = { context, purpose, address in
    guard let context, let address else { return CURL_SOCKET_BAD }
    let transfer = transfer(context)
    if let checked = transfer.plan.addresses {
      // The kernel's address lies at the end of libcurl's structure, which leaves more room for it than it says.
      let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) ?? 0
      let socket = UnsafeRawPointer(address).advanced(by: offset).assumingMemoryBound(to: sockaddr.self)
      guard let place = IPAddress(socket: socket), checked.contains(place) else {
        transfer.isRefused = true
        return CURL_SOCKET_BAD
      }
    }
    let kind = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
    return socket(address.pointee.family, kind, address.pointee.protocol)
  }

  private static let received: ns_curl_bytes = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    let transfer = transfer(context)
    let room = OutboundRequest.answerLimit - transfer.body.count
    let new = UnsafeRawBufferPointer(start: bytes, count: size * count)
    transfer.body.append(contentsOf: new.prefix(room))
    guard new.count <= room else {
      // Less than there was ends the transfer.
      transfer.isCut = true
      return 0
    }
    return new.count
  }

  private static let headed: ns_curl_bytes = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    let line = String(decoding: UnsafeRawBufferPointer(start: bytes, count: size * count), as: UTF8.self)
    let transfer = transfer(context)
    if line.hasPrefix("HTTP/") { transfer.retryAfter = nil }
    let name = line.prefix { $0 != ":" }
    if name.lowercased() == "retry-after" { transfer.retryAfter = String(line.dropFirst(name.count + 1).prefix(64)) }
    return size * count
  }

  private static let wanted: ns_curl_bytes = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    let transfer = transfer(context)
    guard case .mail(let mail) = transfer.plan.content else { return 0 }
    let piece = mail.message[transfer.sent...].prefix(size * count)
    UnsafeMutableRawBufferPointer(start: bytes, count: size * count).copyBytes(from: piece)
    transfer.sent += piece.count
    return piece.count
  }

  // MARK: After

  /// What a transfer that ended with `code` came to.
  func ending(_ code: CURLcode, status: Int) -> Ending {
    if case .mail = plan.content {
      // The reply to what was asked last; a refusal ends the transfer with a code of its own.
      if status >= 400 { return .failure(.mailRefused(status)) }
      return code == CURLE_OK ? .success(OutboundAnswer(status: status)) : .failure(failure(code))
    }
    guard code == CURLE_OK || isCut && code == CURLE_WRITE_ERROR, status > 0 else { return .failure(failure(code)) }
    return .success(
      OutboundAnswer(
        status: status, retryAfter: retryAfter.flatMap { RetryAfter.seconds($0, now: .now()) }, body: body))
  }

  private func failure(_ code: CURLcode) -> OutboundError {
    if isRefused { return .refused(.address) }
    return switch code {
    case CURLE_COULDNT_RESOLVE_HOST: .unknownHost
    case CURLE_COULDNT_CONNECT: .cannotConnect
    case CURLE_OPERATION_TIMEDOUT: .timedOut
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
      CURLE_USE_SSL_FAILED, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
      .tls
    default: .broken
    }
  }
}

/// What is to be transferred.
struct CurlPlan: Sendable {
  enum Content: Sendable {
    /// Header lines as they are sent.
    case http(OutboundRequest.Method, [String], [UInt8], isHTTP2: Bool)
    case mail(OutboundMail)
  }

  var url: String
  /// Such as `http,https`.
  var protocols: String
  /// The only ones that may be connected to; nil for any.
  var addresses: Set<IPAddress>?
  /// `CURLOPT_RESOLVE`'s line.
  var pin: String?
  var authorities: String?
  /// Seconds.
  var timeout: Double
  var content: Content
}
