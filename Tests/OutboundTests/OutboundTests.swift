import Glibc
import Ground
import Synchronization
import Testing

@testable import Outbound

/// Answers as it is told, one list for each time it is asked; the last one from then on.
private final class ScriptedResolver: Resolver {
  private let script: Mutex<[[IPAddress]]>
  let asked = Counter()

  init(_ script: [[[UInt8]]]) { self.script = Mutex(script.map { $0.compactMap { IPAddress(bytes: $0) } }) }

  func addresses(of host: String) async throws(OutboundError) -> [IPAddress] {
    asked.increment()
    return script.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
  }
}

private let loopback: [UInt8] = [127, 0, 0, 1]
private let somewhere: [UInt8] = [93, 184, 216, 34]

@Suite struct OutboundTests {
  private func outbound(_ listed: [String] = [], _ script: [[[UInt8]]]) -> (Outbound, ScriptedResolver) {
    var options = Outbound.Options()
    (options.allowed, options.nameMemory) = (AllowedHosts(listed) ?? AllowedHosts(), 0)
    let resolver = ScriptedResolver(script)
    return (Outbound(options, resolver: resolver), resolver)
  }

  private func request(_ url: String) -> OutboundRequest {
    var request = OutboundRequest(.post, url, headers: [("TTL", "60")], body: Array("hello".utf8), purpose: "push")
    // All suites begin at once, and the first send loads libcurl.
    request.timeout = 90
    return request
  }

  @Test("a listed name is asked for here, and what was found is connected to")
  func pinned() async throws {
    let server = try LoopbackServer(answer: always("201 Created", "Retry-After: 7\r\n", body: 3))
    let (outbound, resolver) = outbound(["push.test:\(server.port)"], [[loopback]])
    let answer = try await outbound.send(request("http://push.test:\(server.port)/up?x=1"))
    #expect(answer == OutboundAnswer(status: 201, retryAfter: 7, body: Array("aaa".utf8)))
    let heard = try #require(server.requests.first)
    #expect(heard.hasPrefix("POST /up?x=1 HTTP/1.1\r\nHost: push.test:\(server.port)\r\n"))
    #expect(heard.contains("\r\nTTL: 60\r\n") && heard.hasSuffix("\r\n\r\nhello"))
    #expect(resolver.asked.current == 1)
    let record = try #require(outbound.log.recent.first)
    #expect((record.purpose, record.host, record.outcome) == ("push", "push.test:\(server.port)", "2xx"))
  }

  @Test("without the list the same place is refused, and hears nothing")
  func unlisted() async throws {
    let server = try LoopbackServer(answer: always("201 Created"))
    let (outbound, _) = outbound([], [[loopback]])
    for (url, why) in [
      ("http://push.test:\(server.port)/", .plain), ("https://push.test:\(server.port)/", .port),
    ] as [(String, OutboundError.Refusal)] {
      await #expect(throws: OutboundError.refused(why)) { try await outbound.send(request(url)) }
    }
    #expect(server.requests.isEmpty)
    #expect(outbound.log.recent.map(\.outcome) == ["refused_port", "refused_plain"])
  }

  @Test("one inside address among public ones refuses the name, wherever it stands")
  func mixed() async throws {
    let inside: [[UInt8]] = [
      loopback, [169, 254, 169, 254], [100, 64, 0, 1], [UInt8](repeating: 0, count: 15) + [1],
      [0xFD] + [UInt8](repeating: 0, count: 15),
      [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 127, 0, 0, 1],
      [0, 0x64, 0xFF, 0x9B] + [UInt8](repeating: 0, count: 8) + loopback,
    ]
    for address in inside {
      for list in [[address], [somewhere, address], [address, somewhere], [somewhere, somewhere, address]] {
        let (outbound, _) = outbound([], [list])
        await #expect(throws: OutboundError.refused(.address)) {
          try await outbound.send(request("https://push.test/"))
        }
      }
    }
  }

  @Test(
    "a name is asked for once, and only that answer is connected to, whatever the system says of the name meanwhile")
  func rebinding() async throws {
    // The system takes `localhost` for 127.0.0.1, where somebody listens; what was checked is 127.0.0.2, where nobody does.
    let server = try LoopbackServer(answer: always("201 Created"))
    let (outbound, resolver) = outbound(["localhost:\(server.port)"], [[[127, 0, 0, 2]], [loopback]])
    let url = "http://localhost:\(server.port)/"
    await #expect(throws: OutboundError.cannotConnect) { try await outbound.send(request(url)) }
    #expect(resolver.asked.current == 1 && server.requests.isEmpty)
    #expect(try await outbound.send(request(url)).status == 201)
    #expect(resolver.asked.current == 2 && server.requests.count == 1)
  }

  @Test("a name that was public a moment ago and leads inside now is looked at anew, and refused")
  func turned() async throws {
    let (outbound, resolver) = outbound([], [[somewhere], [loopback]])
    try await outbound.examine("https://push.test/", for: nil)
    await #expect(throws: OutboundError.refused(.address)) {
      try await outbound.examine("https://push.test/", for: nil)
    }
    #expect(resolver.asked.current == 2)
  }

  @Test("a neighbour's global address is inside: the networks of this machine are nobody's to be written to")
  func neighbours() async throws {
    let own: [UInt8] = [0x20, 0x03, 0xE8, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0, 0, 0, 9]
    var (neighbour, stranger) = (own, own)
    neighbour[15] = 77
    stranger[7] = 0x79
    for (address, isRefused) in [(own, true), (neighbour, true), (stranger, false)] {
      for bits in [128, 64] {
        var options = Outbound.Options()
        options.nameMemory = 0
        let resolver = ScriptedResolver([[address]])
        let networks = OwnNetworks([(try #require(IPAddress(bytes: own)), bits)])
        let strict = Outbound(options, resolver: resolver, networks: { networks })
        if isRefused {
          await #expect(throws: OutboundError.refused(.address)) {
            try await strict.examine("https://push.test/", for: nil)
          }
        } else {
          try await strict.examine("https://push.test/", for: nil)
        }
        options.allowed = AllowedHosts(["push.test"]) ?? AllowedHosts()
        try await Outbound(options, resolver: resolver, networks: { networks }).examine("https://push.test/", for: nil)
      }
    }
    #expect(OwnNetworks.now().contains(try #require(IPAddress(bytes: loopback))), "the kernel's list is read")
    #expect(!OwnNetworks.now().contains(try #require(IPAddress(bytes: somewhere))))
  }

  @Test("a stop gives what is under way its time, then cuts it, and takes nothing any more")
  func stop() async throws {
    let (silent, quick) = (
      try LoopbackServer(answer: { _ in nil }), try LoopbackServer(answer: always("204 No Content"))
    )
    let (outbound, _) = outbound(["push.test:\(silent.port)", "push.test:\(quick.port)"], [[loopback]])
    #expect(try await outbound.send(request("http://push.test:\(quick.port)/")).status == 204)
    let slow = request("http://push.test:\(silent.port)/")
    let cut = Task { try await outbound.send(slow) }
    while silent.requests.first?.isEmpty != false { await Task.yield() }
    await outbound.close(within: 0.2)
    await #expect(throws: OutboundError.broken, "it may have arrived") { try await cut.value }
    await #expect(throws: OutboundError.busy) {
      try await outbound.send(request("http://push.test:\(quick.port)/"))
    }
  }

  @Test("the last door: a connection to anything but a checked address is not made")
  func lastDoor() async throws {
    let server = try LoopbackServer(answer: always("201 Created"))
    let lane = CurlLane()
    var plan = CurlPlan(
      url: "http://push.test:\(server.port)/", protocols: "http,https", timeout: 5,
      content: .http(.get, [], [], isHTTP2: false))
    plan.pin = "+push.test:\(server.port):127.0.0.1"
    plan.addresses = Set([IPAddress(bytes: somewhere)].compactMap { $0 })
    let refused = plan
    let ending = await withCheckedContinuation { end in
      lane.begin(CurlTransfer(refused) { end.resume(returning: $0) })
    }
    #expect(ending == .failure(.refused(.address)))
    #expect(server.requests.isEmpty)
    await lane.close()
  }

  @Test("a redirect is an answer, not an order")
  func redirect() async throws {
    let server = try LoopbackServer(
      answer: always("307 Temporary Redirect", "Location: http://169.254.169.254/latest/meta-data/\r\n"))
    let (outbound, resolver) = outbound(["push.test:\(server.port)"], [[loopback]])
    let answer = try await outbound.send(request("http://push.test:\(server.port)/"))
    #expect(answer.status == 307)
    #expect((server.requests.count, resolver.asked.current) == (1, 1))
  }

  @Test("no proxy of the environment is asked")
  func proxy() async throws {
    let (server, spy) = (
      try LoopbackServer(answer: always("204 No Content")), try LoopbackServer(answer: always("204 No Content"))
    )
    for name in ["http_proxy", "HTTPS_PROXY", "ALL_PROXY"] { setenv(name, "http://127.0.0.1:\(spy.port)", 1) }
    defer { for name in ["http_proxy", "HTTPS_PROXY", "ALL_PROXY"] { unsetenv(name) } }
    let (outbound, _) = outbound(["push.test:\(server.port)"], [[loopback]])
    #expect(try await outbound.send(request("http://push.test:\(server.port)/")).status == 204)
    #expect(spy.requests.isEmpty)
  }

  @Test("of a long body the first 4 KiB are kept, and the rest is not waited for")
  func cap() async throws {
    let server = try LoopbackServer(answer: always("400 Bad Request", body: 4 << 20))
    let (outbound, _) = outbound(["push.test:\(server.port)"], [[loopback]])
    let answer = try await outbound.send(request("http://push.test:\(server.port)/"))
    #expect((answer.status, answer.body.count) == (400, OutboundRequest.answerLimit))
  }

  @Test("who takes a request and says nothing has until the timeout; who is not there is noticed at once")
  func silence() async throws {
    let server = try LoopbackServer(answer: { _ in nil })
    let (outbound, _) = outbound(["push.test:\(server.port)", "push.test:1"], [[loopback]])
    var slow = request("http://push.test:\(server.port)/")
    // Long enough for libcurl to be loaded and the request to leave while every other suite begins.
    slow.timeout = 15
    await #expect(throws: OutboundError.timedOut) { try await outbound.send(slow) }
    await #expect(throws: OutboundError.cannotConnect) { try await outbound.send(request("http://push.test:1/")) }
  }

  @Test("a line end in a header refuses the request")
  func injection() async throws {
    let (outbound, _) = outbound(["push.test"], [[loopback]])
    for (name, value) in [("Topic", "a\r\nHost: b"), ("a: b\r\nc", "d"), ("", "x"), ("Topic", "")] {
      let bad = OutboundRequest(.post, "http://push.test/", headers: [(name, value)], purpose: "push")
      await #expect(throws: OutboundError.refused(.header)) { try await outbound.send(bad) }
    }
  }

  @Test("more at once than there are places: all are served, and what waits after the end is turned away")
  func many() async throws {
    let server = try LoopbackServer(answer: always("204 No Content"))
    let (outbound, _) = outbound(["push.test:\(server.port)"], [[loopback]])
    let url = "http://push.test:\(server.port)/"
    let statuses = await withTaskGroup(of: Int?.self) { group in
      for _ in 0..<40 { group.addTask { try? await outbound.send(OutboundRequest(.get, url, purpose: "push")).status } }
      return await group.reduce(into: [Int?]()) { $0.append($1) }
    }
    #expect(statuses == [Int?](repeating: 204, count: 40))
    await outbound.close()
    await #expect(throws: OutboundError.busy) { try await outbound.send(OutboundRequest(.get, url, purpose: "push")) }
  }

  @Test("mail: envelope, text, and what a server's refusal is called")
  func mail() async throws {
    let server = try LoopbackServer(greeting: "220 here\r\n") { text in
      let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
      guard text.hasSuffix("\r\n") else { return nil }
      let last = lines.dropLast().last.map(String.init) ?? ""
      if last == "QUIT" { return Array("221 bye\r\n".utf8) }
      if last == "DATA" { return Array("354 go on\r\n".utf8) }
      if text.contains("\r\nDATA\r\n") { return last == "." ? Array("250 taken\r\n".utf8) : nil }
      if last.contains("nobody@") { return Array("550 who?\r\n".utf8) }
      return Array("250 fine\r\n".utf8)
    }
    let outbound = Outbound(resolver: ScriptedResolver([[loopback]]))
    var mail = OutboundMail(
      host: "mail.test", port: server.port, security: .none, from: "nightstand@home.test",
      recipients: ["anna@home.test"], message: Array("Subject: Test\r\n\r\n.dot\r\n".utf8))
    mail.timeout = 90
    try await outbound.send(mail)
    let heard = try #require(server.requests.first)
    #expect(heard.hasPrefix("EHLO home.test\r\n"))
    #expect(heard.contains("MAIL FROM:<nightstand@home.test>") && heard.contains("RCPT TO:<anna@home.test>"))
    #expect(heard.contains("Subject: Test\r\n\r\n..dot\r\n.\r\n"))

    mail.recipients = ["nobody@home.test"]
    await #expect(throws: OutboundError.mailRefused(550)) { try await outbound.send(mail) }
    mail.recipients = ["a@b>\r\nRCPT TO:<c@d"]
    await #expect(throws: OutboundError.refused(.malformed)) { try await outbound.send(mail) }
    mail.recipients = ["anna@home.test"]
    mail.security = .startTLS
    // It offers none: nothing is sent in the clear instead.
    await #expect(throws: OutboundError.tls) { try await outbound.send(mail) }
  }
}
