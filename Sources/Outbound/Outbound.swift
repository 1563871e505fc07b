import Ground
import Synchronization

/// Every connection that the server makes by itself goes through here: checked, bounded, and written down for the page.
package final class Outbound: Sendable {
  package struct Options: Sendable {
    /// Hosts that may be reached although they are not on the public internet, by http, or by another port.
    package var allowed = AllowedHosts()
    /// A file of certificates to trust (PEM) in the place of the system's; for tests.
    package var authorities: String?
    /// Seconds for which an answer of the resolver holds.
    package var nameMemory = 60.0

    package init() {}
  }

  /// Requests under way at once, and those that wait for a place.
  package static let inFlight = 8
  package static let waiting = 256

  package let log = EgressLog()
  private let allow: AllowList
  private let lane = CurlLane()
  private let authorities: String?
  private let names: NameDesk
  private let networks: @Sendable () -> OwnNetworks
  private let underWay = Mutex(UnderWay())
  private let now: @Sendable () -> Instant

  /// - Parameter networks: those that this machine is a part of.
  package init(
    _ options: Options = Options(), resolver: any Resolver = SystemResolver(),
    networks: @escaping @Sendable () -> OwnNetworks = { .now() }, now: @escaping @Sendable () -> Instant = { .now() }
  ) {
    (allow, authorities) = (AllowList(options.allowed), options.authorities)
    (names, self.networks, self.now) = (NameDesk(resolver, memory: options.nameMemory), networks, now)
  }

  /// The hosts that are listed now: the operator's and those that an admin added.
  package var allowed: AllowedHosts { allow.current }

  /// Takes another list; requests that begin from now on obey it.
  package func allow(_ hosts: AllowedHosts) { allow.current = hosts }

  /// Whether a stranger's address could be sent to at all, before anything is sent: no name is resolved.
  /// - Throws: `.refused`.
  package func check(_ url: String) throws(OutboundError) { _ = try OutboundURL(url, allowed: allow.current) }

  /// The same, and where its name leads now; nothing is sent.
  /// - Throws: `.refused`, `.unknownHost`, `.resolverFailed`, `.busy`.
  package func examine(_ url: String, for person: Identifier?) async throws(OutboundError) {
    let url = try OutboundURL(url, allowed: allow.current)
    do throws(OutboundError) { _ = try await addresses(url, for: person, trust: .stranger, within: 10) } catch {
      log.note(EgressRecord(at: now(), purpose: "push", host: url.place, outcome: error.label))
      throw error
    }
  }

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

  /// Takes nothing any more (`.busy`), and cuts what is still under way behind some seconds (`.broken`: it may have arrived).
  package func close(within seconds: Double = 0) async {
    let isIdle = underWay.withLock { state in
      state.isClosed = true
      return state.count == 0
    }
    if !isIdle, seconds > 0 {
      await withCheckedContinuation { continuation in
        let isOver = underWay.withLock { state in
          if state.count > 0 { state.end = continuation }
          return state.count == 0
        }
        if isOver { return continuation.resume() }
        Task {
          do { try await Task.sleep(for: .seconds(seconds)) } catch { return }
          self.underWay.withLock { $0.takeEnd() }?.resume()
        }
      }
    }
    await lane.close()
  }

  private struct UnderWay {
    var count = 0
    var isClosed = false
    /// Of whoever waits for the last one.
    var end: CheckedContinuation<Void, Never>?

    mutating func takeEnd() -> CheckedContinuation<Void, Never>? {
      defer { end = nil }
      return end
    }
  }

  // MARK: One attempt

  private func attempt(_ request: OutboundRequest) async -> (CurlTransfer.Ending, host: String) {
    var place = ""
    do throws(OutboundError) {
      let url = try OutboundURL(request.url, allowed: allow.current, trust: request.trust)
      place = url.place
      let lines = try Outbound.lines(request.headers)
      let begun = MonotonicTime.now()
      let addresses = try await addresses(url, for: request.person, trust: request.trust, within: request.timeout)
      var plan = CurlPlan(
        url: url.text, protocols: "http,https", timeout: request.timeout - MonotonicTime.now().seconds(since: begun),
        content: .http(request.method, lines, request.body, isHTTP2: request.needsHTTP2))
      plan.pin = Outbound.pin(url.host, url.port, addresses)
      plan.authorities = authorities
      plan.addresses = Set(addresses)
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
      let addresses = try await names.addresses(of: name, for: nil, isTrusted: true, within: mail.timeout)
      // What stands behind the slash is how we greet: the sender's domain rather than this machine's name.
      let greeting = mail.from.split(separator: "@").last.map(String.init) ?? "localhost"
      var plan = CurlPlan(
        url: "\(mail.security == .tls ? "smtps" : "smtp")://\(host.host):\(mail.port)/\(greeting)",
        protocols: "smtp,smtps", timeout: mail.timeout - MonotonicTime.now().seconds(since: begun),
        content: .mail(mail))
      plan.pin = Outbound.pin(host.host, mail.port, addresses)
      (plan.addresses, plan.authorities) = (Set(addresses), authorities)
      return await perform(plan)
    } catch { return .failure(error) }
  }

  private func perform(_ plan: CurlPlan) async -> CurlTransfer.Ending {
    // Nothing was sent by then.
    guard plan.timeout > 0 else { return .failure(.busy) }
    let isTaken = underWay.withLock { state in
      guard !state.isClosed else { return false }
      state.count += 1
      return true
    }
    guard isTaken else { return .failure(.busy) }
    let ending: CurlTransfer.Ending = await withCheckedContinuation { continuation in
      lane.begin(CurlTransfer(plan) { continuation.resume(returning: $0) })
    }
    let last = underWay.withLock { state in
      state.count -= 1
      return state.count == 0 ? state.takeEnd() : nil
    }
    last?.resume()
    return ending
  }

  /// Where a name leads, as far as it may.
  private func addresses(
    _ url: OutboundURL, for person: Identifier?, trust: OutboundRequest.Trust, within seconds: Double
  ) async throws(OutboundError) -> [IPAddress] {
    let found = try await names.addresses(
      of: url.name, for: person, isTrusted: trust == .configured, within: seconds)
    if !url.isAllowed {
      let own = networks()
      guard found.allSatisfy({ AddressRules.isPublic($0) && !own.contains($0) }) else { throw .refused(.address) }
    }
    return found
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
