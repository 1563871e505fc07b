import Ground
import Synchronization

/// Every connection that the server makes by itself goes through here: checked, bounded, and written down for the page.
package final class Outbound: Sendable {
  package struct Options: Sendable {
    /// Hosts that may be reached although they are not on the public internet, by http, or by another port.
    package var allowed = AllowedHosts()
    /// A file of certificates to trust (PEM) in the place of the system's; for tests.
    package var authorities: String?

    package init() {}
  }

  /// Requests under way at once, and those that wait for a place.
  package static let inFlight = 8
  package static let waiting = 256

  package let log = EgressLog()
  private let allow: AllowList
  private let lane = CurlLane()
  private let authorities: String?
  private let resolver: any Resolver
  private let now: @Sendable () -> Instant

  package init(
    _ options: Options = Options(), resolver: any Resolver = SystemResolver(),
    now: @escaping @Sendable () -> Instant = { .now() }
  ) {
    (allow, authorities) = (AllowList(options.allowed), options.authorities)
    (self.resolver, self.now) = (resolver, now)
  }

  /// The hosts that are listed now: the operator's and those that an admin added.
  package var allowed: AllowedHosts { allow.current }

  /// Takes another list; requests that begin from now on obey it.
  package func allow(_ hosts: AllowedHosts) { allow.current = hosts }

  /// Whether a stranger's address could be sent to at all, before anything is sent: no name is resolved.
  /// - Throws: `.refused`.
  package func check(_ url: String) throws(OutboundError) { _ = try OutboundURL(url, allowed: allow.current) }

  /// Scheme, host and port of an address (RFC 6454), whether it may be sent to or not; nil where it is none.
  package static func origin(of url: String) -> String? { (try? OutboundURL(url, allowed: nil))?.origin }

  /// Host, and the port where it is not the usual one: whose limits hold, and what lists show.
  package static func place(of url: String) -> String? { (try? OutboundURL(url, allowed: nil))?.place }

  /// Sends a request, once, without following redirects. A stranger's address is resolved and looked at every time, and
  /// only what was looked at is connected to.
  package func send(_ request: OutboundRequest) async throws(OutboundError) -> OutboundAnswer {
    let (result, host) = await attempt(request)
    let outcome =
      switch result {
      case .success(let answer): "\(answer.status / 100)xx"
      case .failure(let error): error.label
      }
    log.note(EgressRecord(at: now(), purpose: request.purpose, host: host, outcome: outcome))
    return try result.get()
  }

  /// Hands a message to a mail server.
  package func send(_ mail: OutboundMail) async throws(OutboundError) {
    let result = await attempt(mail)
    let outcome = if case .failure(let error) = result { error.label } else { "2xx" }
    log.note(EgressRecord(at: now(), purpose: "mail", host: "\(mail.host):\(mail.port)", outcome: outcome))
    _ = try result.get()
  }

  /// Cuts what is under way; everything after that is `.busy`.
  package func close() async { await lane.close() }

  // MARK: One attempt

  private func attempt(_ request: OutboundRequest) async -> (CurlTransfer.Ending, host: String) {
    var place = ""
    do throws(OutboundError) {
      let url = try OutboundURL(request.url, allowed: allow.current, trust: request.trust)
      place = url.place
      let lines = try Outbound.lines(request.headers)
      let begun = MonotonicTime.now()
      let addresses = try await resolve(url.name, within: request.timeout)
      if !url.isAllowed, !addresses.allSatisfy(AddressRules.isPublic) { throw .refused(.address) }
      var plan = CurlPlan(
        url: url.text, protocols: "http,https", timeout: request.timeout - MonotonicTime.now().seconds(since: begun),
        content: .http(request.method, lines, request.body, isHTTP2: request.needsHTTP2))
      plan.pin = Outbound.pin(url.host, url.port, addresses)
      plan.authorities = authorities
      if request.trust == .stranger { plan.addresses = Set(addresses) }
      return (await perform(plan), place)
    } catch { return (.failure(error), place) }
  }

  private func attempt(_ mail: OutboundMail) async -> CurlTransfer.Ending {
    do throws(OutboundError) {
      guard let host = Authority(mail.host.lowercased()[...]), host.port == nil, (1...65_535).contains(mail.port),
        ([mail.from] + mail.recipients).allSatisfy(Outbound.isMailbox), !mail.recipients.isEmpty,
        mail.user.map(Outbound.isPlain) ?? true, mail.password.map(Outbound.isPlain) ?? true
      else { throw .refused(.malformed) }
      let begun = MonotonicTime.now()
      let name = host.host.hasPrefix("[") ? String(host.host.dropFirst().dropLast()) : host.host
      let addresses = try await resolve(name, within: mail.timeout)
      // What stands behind the slash is how we greet: the sender's domain rather than this machine's name.
      let greeting = mail.from.split(separator: "@").last.map(String.init) ?? "localhost"
      var plan = CurlPlan(
        url: "\(mail.security == .tls ? "smtps" : "smtp")://\(host.host):\(mail.port)/\(greeting)",
        protocols: "smtp,smtps", timeout: mail.timeout - MonotonicTime.now().seconds(since: begun),
        content: .mail(mail))
      plan.pin = Outbound.pin(host.host, mail.port, addresses)
      plan.authorities = authorities
      return await perform(plan)
    } catch { return .failure(error) }
  }

  private func perform(_ plan: CurlPlan) async -> CurlTransfer.Ending {
    guard plan.timeout > 0 else { return .failure(.timedOut) }
    return await withCheckedContinuation { continuation in
      lane.begin(CurlTransfer(plan) { continuation.resume(returning: $0) })
    }
  }

  /// The system's resolver can take half a minute, and cannot be stopped.
  private func resolve(_ host: String, within seconds: Double) async throws(OutboundError) -> [IPAddress] {
    let resolver = resolver
    let found: Result<[IPAddress], OutboundError> = await withCheckedContinuation { continuation in
      let answer = FirstAnswer(continuation)
      let patience = Task {
        do { try await Task.sleep(for: .seconds(seconds)) } catch { return }
        answer.give(.failure(.timedOut))
      }
      Task {
        do throws(OutboundError) { answer.give(.success(try await resolver.addresses(of: host))) } catch {
          answer.give(.failure(error))
        }
        patience.cancel()
      }
    }
    let addresses = try found.get()
    guard !addresses.isEmpty else { throw .unknownHost }
    return addresses
  }

  /// For as long as libcurl remembers names: a minute.
  private static func pin(_ host: String, _ port: Int, _ addresses: [IPAddress]) -> String? {
    // An address in writing is its own answer.
    guard !host.hasPrefix("[") else { return nil }
    let list = addresses.map { $0.isV4 ? $0.description : "[\($0)]" }.joined(separator: ",")
    return "+\(host):\(port):\(list)"
  }

  private static func lines(_ headers: [(name: String, value: String)]) throws(OutboundError) -> [String] {
    var lines: [String] = []
    for (name, value) in headers {
      guard !name.isEmpty, name.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ":") }),
        !value.isEmpty, Outbound.isPlain(value)
      else { throw .refused(.header) }
      lines.append("\(name): \(value)")
    }
    return lines
  }

  private static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }

  /// Between the angle brackets of the envelope; no quoted local parts.
  private static func isMailbox(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    return parts.count == 2 && text.utf8.count <= 254
      && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"<>\"\\(),:;[]/?#%".utf8.contains($0) }
      && parts.allSatisfy { !$0.isEmpty }
  }
}

/// Whoever comes second is too late.
private final class FirstAnswer: Sendable {
  typealias Answer = Result<[IPAddress], OutboundError>
  private let waiting: Mutex<CheckedContinuation<Answer, Never>?>

  init(_ waiting: CheckedContinuation<Answer, Never>) { self.waiting = Mutex(waiting) }

  func give(_ answer: Answer) {
    let waiting = waiting.withLock { waiting in
      defer { waiting = nil }
      return waiting
    }
    waiting?.resume(returning: answer)
  }
}
