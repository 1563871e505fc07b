import Ground
import HTTPTypes
import Testing

@testable import HTTPServer

@Suite("Routing, ranges, dates, encodings")
struct RoutingAndFilesTests {
  private func route(_ method: HTTPRequest.Method, _ pattern: String) -> Route {
    Route(method, pattern) { _ in Response(status: .ok) }
  }

  @Test("literal segments win, names are taken from the path, HEAD goes to GET, other methods are told")
  func router() {
    let router = Router([
      route(.get, "/api/assets/{id}"), route(.get, "/api/assets/statistics"), route(.delete, "/api/assets/{id}"),
      route(.get, "/api/assets/{id}/original"),
    ])
    func name(_ match: Router.Match) -> String {
      switch match {
      case .route(let route, let parameters): "\(route.pattern) \(parameters["id"] ?? "-")"
      case .wrongMethod(let allowed): "405 \(allowed.map(\.rawValue).sorted().joined(separator: ","))"
      case .notFound: "404"
      }
    }
    #expect(name(router.match(.get, ["api", "assets", "statistics"])) == "/api/assets/statistics -")
    #expect(name(router.match(.head, ["api", "assets", "7"])) == "/api/assets/{id} 7")
    #expect(
      name(router.match(.get, ["api", "assets", "statistics", "original"])) == "/api/assets/{id}/original statistics")
    #expect(name(router.match(.put, ["api", "assets", "7"])) == "405 DELETE,GET")
    #expect(name(router.match(.get, ["api"])) == "404")
  }

  static let ranges: [(String?, ByteRange)] = [
    (nil, .whole), ("bytes=0-", .part(offset: 0, length: 100)), ("bytes=10-19", .part(offset: 10, length: 10)),
    ("bytes=90-200", .part(offset: 90, length: 10)), ("bytes=-10", .part(offset: 90, length: 10)),
    ("bytes=-200", .part(offset: 0, length: 100)), ("bytes=100-", .unsatisfiable), ("bytes=-0", .unsatisfiable),
    ("bytes=5-4", .whole), ("bytes=0-1,3-4", .whole), ("lines=1-2", .whole), ("bytes=a-b", .whole), ("bytes=-", .whole),
    ("bytes=99999999999999999999-", .unsatisfiable), ("bytes=0-99999999999999999999", .part(offset: 0, length: 100)),
  ]

  @Test("Range fields of RFC 9110 section 14", arguments: ranges)
  func range(field: String?, expected: ByteRange) { #expect(ByteRange(field, size: 100) == expected) }

  @Test("HTTP dates in and out")
  func dates() {
    let instant = Instant(milliseconds: 784_111_777_000)
    #expect(HTTPDate.format(instant) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(HTTPDate.parse("Sun, 06 Nov 1994 08:49:37 GMT") == instant)
    #expect(HTTPDate.format(Instant(milliseconds: -625_000_000_000)) == "Mon, 13 Mar 1950 04:53:20 GMT")
    // Numbers that would overflow the calendar: one such field once ended the process.
    for text in [
      "yesterday", "Sun, 06 Nov 9000000000000000000 08:49:37 GMT", "Sun, 06 Nov 1994 99999999999999999:49:37 GMT",
      "Sun, 06 Nov -994 08:49:37 GMT", "Sun, +6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 a:08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49 GMT", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
    ] { #expect(HTTPDate.parse(text) == nil) }
  }

  @Test("gzip is used where the client names it")
  func encodings() {
    #expect(Compression.accepts(gzip: "gzip, deflate, br"))
    #expect(Compression.accepts(gzip: "br;q=1.0, *;q=0.5"))
    #expect(!Compression.accepts(gzip: "identity"))
    #expect(!Compression.accepts(gzip: "gzip;q=0, *"))
    #expect(Compression.gzip(Array(repeating: 65, count: 100_000)).map { $0.count < 1000 && $0[0] == 0x1F } == true)
  }

  @Test("a path is split before its escapes are undone")
  func targets() throws {
    let target = try #require(RequestTarget("/a%2Fb//c/?q=a+b&q=2&flag"))
    #expect(target.segments == ["a/b", "c"])
    #expect(target.query("q") == "a b" && target.query("flag") == "" && target.query("x") == nil)
    let odd = try #require(RequestTarget("/?n%61me=%C3%BC&a=b=c&=x&%zz=1&last="))
    #expect(odd.query("name") == "ü" && odd.query("a") == "b=c" && odd.query("last") == "")
    let absolute = try #require(RequestTarget("HTTP://example.org:80?a=1"))
    #expect(absolute.authority == "example.org:80" && absolute.rawPath == "/" && absolute.query("a") == "1")
    #expect(RequestTarget("a") == nil && RequestTarget("/%ff") == nil && RequestTarget("ftp://x/") == nil)
  }
}
