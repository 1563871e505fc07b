import CCurl

/// libcurl's functions, found when the first one is needed.
struct CurlLibrary: Sendable {
  /// Nil where libcurl is not installed.
  static let shared: CurlLibrary? = CurlLibrary()

  /// Addresses of functions, which never change and which libcurl allows to be called from every thread.
  nonisolated(unsafe) private let calls: ns_curl

  private init?() {
    var found = ns_curl()
    guard ns_curl_load(&found) == 0 else { return nil }
    calls = found
  }

  // The functions are there: `ns_curl_load` found every one.
  func makeTransfer() -> UnsafeMutableRawPointer? { calls.easy_init() }
  func endTransfer(_ easy: UnsafeMutableRawPointer) { calls.easy_cleanup(easy) }
  func append(_ list: UnsafeMutablePointer<curl_slist>?, _ line: String) -> UnsafeMutablePointer<curl_slist>? {
    calls.slist_append(list, line)
  }
  func free(_ list: UnsafeMutablePointer<curl_slist>) { calls.slist_free_all(list) }
  func makeMulti() -> UnsafeMutableRawPointer? { calls.multi_init() }
  func endMulti(_ multi: UnsafeMutableRawPointer) { _ = calls.multi_cleanup(multi) }
  func add(_ multi: UnsafeMutableRawPointer, _ easy: UnsafeMutableRawPointer) -> CURLMcode {
    calls.multi_add_handle(multi, easy)
  }
  func remove(_ multi: UnsafeMutableRawPointer, _ easy: UnsafeMutableRawPointer) {
    _ = calls.multi_remove_handle(multi, easy)
  }
  func perform(_ multi: UnsafeMutableRawPointer) {
    var running: Int32 = 0
    _ = calls.multi_perform(multi, &running)
  }
  /// Waits until something moves, somebody wakes it, or the time is over.
  func poll(_ multi: UnsafeMutableRawPointer, milliseconds: Int32) {
    _ = calls.multi_poll(multi, nil, 0, milliseconds, nil)
  }
  func wake(_ multi: UnsafeMutableRawPointer) { _ = calls.multi_wakeup(multi) }

  func set(_ easy: UnsafeMutableRawPointer, _ option: CURLoption, _ value: Int) -> CURLcode {
    withUnsafePointer(to: calls) { ns_curl_set_number($0, easy, option, value) }
  }
  func set(_ easy: UnsafeMutableRawPointer, _ option: CURLoption, _ value: String) -> CURLcode {
    withUnsafePointer(to: calls) { ns_curl_set_text($0, easy, option, value) }
  }
  func set(
    _ easy: UnsafeMutableRawPointer, _ option: CURLoption, _ list: UnsafeMutablePointer<curl_slist>
  ) -> CURLcode {
    withUnsafePointer(to: calls) { ns_curl_set_list($0, easy, option, list) }
  }
  func set(
    _ easy: UnsafeMutableRawPointer, _ function: CURLoption, _ call: @escaping ns_curl_bytes, _ data: CURLoption,
    _ context: UnsafeMutableRawPointer
  ) -> CURLcode {
    withUnsafePointer(to: calls) { ns_curl_set_bytes($0, easy, function, call, data, context) }
  }
  func set(
    _ easy: UnsafeMutableRawPointer, opener call: @escaping ns_curl_opener, _ context: UnsafeMutableRawPointer
  ) -> CURLcode {
    withUnsafePointer(to: calls) { ns_curl_set_opener($0, easy, call, context) }
  }
  /// libcurl copies as many bytes as `CURLOPT_POSTFIELDSIZE` said before.
  func copyBody(_ easy: UnsafeMutableRawPointer, _ body: [UInt8]) -> CURLcode {
    // An empty array may have no address, which libcurl would take for "no body is set".
    let bytes = body.isEmpty ? [0] : body
    return withUnsafePointer(to: calls) { calls in
      bytes.withUnsafeBytes { buffer in
        ns_curl_set_text(calls, easy, CURLOPT_COPYPOSTFIELDS, buffer.bindMemory(to: CChar.self).baseAddress)
      }
    }
  }
  func status(_ easy: UnsafeMutableRawPointer) -> Int {
    withUnsafePointer(to: calls) { Int(ns_curl_status($0, easy)) }
  }
  func bound(_ multi: UnsafeMutableRawPointer, connections: Int) {
    withUnsafePointer(to: calls) { calls in
      _ = ns_curl_set_multi(calls, multi, CURLMOPT_MAXCONNECTS, connections)
    }
  }
  func ended(_ multi: UnsafeMutableRawPointer) -> (UnsafeMutableRawPointer, CURLcode)? {
    var code = CURLE_OK
    guard let easy = withUnsafePointer(to: calls, { ns_curl_ended($0, multi, &code) }) else { return nil }
    return (easy, code)
  }
}
