import Ground
import Logging
import Outbound
import Push
import Store
import Synchronization
import Tickle

/// Where devices can be reached, and the messages that go there. A device says it, proves it by echoing what it was sent
/// (which also shows that messages arrive), and says it again each time its app starts.
package final class PushRegistry: Sendable {
  /// Registrations of one person.
  package static let perPerson = 10
  /// Letters of a token, some 190 bits.
  private static let tokenLength = 32
  /// Hosts that were asked for and are not allowed.
  private static let wantedLimit = 50

  let catalog: Catalog
  let outbound: Outbound
  let live: LiveSignal
  let logger: Logger
  let now: @Sendable () -> Instant
  let limits = PushLimits()
  private let configured: AllowedHosts
  private let webPush: WebPushChannel
  private let apns: APNsChannel?
  private let fcm: FCMChannel?
  private let wanted = Mutex<[WantedHost]>([])
  /// How many event streams a device holds open.
  let streams = Mutex<[Int64: Int]>([:])
  let zones = QuietZones()
  let listeners = Mutex<[@Sendable (Int64, Reach?) -> Void]>([])

  /// - Parameter keys: the folder of the server's own keys.
  /// - Throws: `SystemError`, `PushKeyError`.
  init(
    _ options: PushOptions, keys: String, catalog: Catalog, outbound: Outbound, live: LiveSignal, logger: Logger,
    now: @escaping @Sendable () -> Instant
  ) throws {
    (self.catalog, self.outbound, self.live, self.logger, self.now) = (catalog, outbound, live, logger, now)
    configured = options.allowed
    webPush = WebPushChannel(outbound, keyFile: "\(keys)/vapid.pem", contact: options.contact, now: now)
    apns = try options.apns.map { try APNsChannel(outbound, $0, now: now) }
    fcm = try options.fcm.map { try FCMChannel(outbound, $0, now: now) }
  }

  // MARK: What clients ask for

  /// What an app subscribes with at its push service.
  package func publicKey() throws -> String { try webPush.publicKey() }

  /// Ways that this server can send by.
  package var kinds: [String] { ["webpush"] + (apns == nil ? [] : ["apns"]) + (fcm == nil ? [] : ["fcm"]) }

  /// Seconds within which a token must be echoed.
  package static let confirmWithin = PushLife.tokenLife
  /// Days after which a registration that no client refreshed falls asleep.
  package static let refreshWithinDays = PushLife.asleep / 86_400
  package static let longestEndpoint = OutboundURL.longest

  /// - Throws: `.forbidden` where another device asks.
  package func require(_ id: Identifier, is principal: Principal) async throws {
    let owner = try await owner(id, of: principal.user.id, "session.update")
    guard owner.device == principal.device else { throw BackupError.forbidden }
  }

  /// - Throws: `.noAccess` where it is not this person's device.
  package func status(_ id: Identifier, of user: Identifier?) async throws -> PushStatus? {
    let owner = try await owner(id, of: user, "session.read")
    return try await speaking { try await catalog.push(of: owner.device) }.map { self.status($0) }
  }

  /// Whether it holds an event stream open, by which it can be woken too.
  package func isListening(_ id: Identifier, of user: Identifier?) async throws -> Bool {
    let device = try await owner(id, of: user, "session.read").device
    return streams.withLock { $0[device] != nil }
  }

  /// Notes where a device can be reached. A new place is asked for a confirmation at once, once.
  /// - Throws: `.invalid`, `.hostNotAllowed`, `.tooManyAttempts`, `.noAccess`.
  package func register(_ id: Identifier, of user: Identifier?, _ request: PushRequest) async throws -> PushStatus {
    let owner = try await owner(id, of: user, "session.update")
    let place = request.place
    try check(place, owner.user, id)
    let now = now()
    let known = try await speaking { try await catalog.push(of: owner.device) }
    var token: String?
    let isKnown = known.map { row in
      row.place == place
        && (row.state == .active || row.state == .backoff
          || row.state == .pending && (row.tokenExpiresAt ?? row.registeredAt) > now && row.word == nil)
    }
    if isKnown != true {
      if let wait = limits.claim(place.endpoint, by: owner.user, now: now) {
        throw BackupError.tooManyPushes(retryAfter: Int(wait))
      }
      // A mistyped address must not take the place of one that works.
      if place.kind == "webpush" { try await examine(place.endpoint, owner.user, id) }
      token = randomToken(PushRegistry.tokenLength)
    }
    let hash = token.map { sha256($0.utf8) }
    let outcome = try await speaking {
      try await catalog.register(
        push: place, quiet: request.quiet, serverKey: place.kind == "webpush" ? try webPush.keyFingerprint() : nil,
        of: owner.device, token: hash,
        expiresAt: now.adding(seconds: PushLife.tokenLife), limit: PushRegistry.perPerson, now: now)
    }
    switch outcome {
    case .unknownDevice: throw BackupError.noAccess(permission: "session.update")
    case .tooMany:
      limits.forgive(place.endpoint)
      throw BackupError.invalid("At most \(PushRegistry.perPerson) devices of one person can be woken by push")
    case .refreshed(let row):
      // Somebody else was faster with the same place: what was claimed is not used.
      if token != nil { limits.forgive(place.endpoint) }
      tell(row)
      return status(row)
    case .announced(let row):
      // Until it is confirmed there is nobody to send to.
      tell(device: row.device, nil)
      guard let token else { return status(row) }
      return try await announce(row, token, owner.user, id)
    }
  }

  /// Whether the host lies inside or is known to nobody is the same answer: else this were a list of the names inside.
  private func examine(_ endpoint: String, _ user: Identifier, _ id: Identifier) async throws {
    do throws(OutboundError) { try await outbound.examine(endpoint, for: user) } catch {
      switch error {
      case .refused, .unknownHost: throw refusal(endpoint, user, id)
      // What is to be sent will say more.
      default: return
      }
    }
  }

  /// Sends the token, and says what became of that.
  private func announce(_ row: PushRow, _ token: String, _ user: Identifier, _ id: Identifier) async throws
    -> PushStatus
  {
    let message = PushMessage(.confirm(token: token), timeToLive: Int(PushLife.tokenLife))
    let reply = await transmit(message, row.place, of: user)
    var row = row
    switch reply {
    case .accepted: break
    case .refused(let word) where word.hasPrefix("refused_"):
      let refused = row
      try await speaking { try await catalog.remove(announced: refused) }
      throw refusal(row.place.endpoint, user, id)
    case .unsent(let word):
      // It may ask again at once.
      limits.forgive(row.place.endpoint)
      row.word = word
      let settled = row
      try await speaking { try await catalog.settle(push: settled, now: now()) }
    default:
      row = PushLife.after(reply, row, now: now())
      // It stays announced, as far as its token goes: the message may have arrived in spite of the answer.
      if row.state == .backoff { row.state = .pending }
      let settled = row
      try await speaking { try await catalog.settle(push: settled, now: now()) }
    }
    return status(row)
  }

  /// A device echoes the token that it was sent.
  /// - Throws: `.invalid` where it is another one, or too old; `.noAccess`.
  package func confirm(_ id: Identifier, of user: Identifier?, token: String) async throws -> PushStatus {
    let owner = try await owner(id, of: user, "session.update")
    let now = now()
    switch try await speaking({
      try await catalog.confirmPush(of: owner.device, token: sha256(token.utf8), now: now)
    }) {
    case .wrong: throw BackupError.invalid("This is not the token that was sent last")
    case .expired: throw BackupError.invalid("The token has expired: register again")
    case .confirmed(let row, let moved):
      limits.forgive(row.place.endpoint)
      for device in moved { tell(device: device, nil) }
      tell(row)
      live.ring()
      return status(row)
    }
  }

  /// - Throws: `.noAccess`, also where there is nothing to remove.
  package func remove(_ id: Identifier, of user: Identifier?) async throws {
    let owner = try await owner(id, of: user, "session.update")
    guard try await speaking({ try await catalog.removePush(of: owner.device, now: now()) }) else {
      throw BackupError.noAccess(permission: "session.update")
    }
    tell(device: owner.device, nil)
    live.ring()
  }

  private func owner(
    _ id: Identifier, of user: Identifier?, _ permission: String
  ) async throws -> (device: Int64, kind: String, user: Identifier) {
    guard let owner = try await speaking({ try await catalog.pushOwner(id, of: user) }) else {
      throw BackupError.noAccess(permission: permission)
    }
    return owner
  }

  private func check(_ place: PushPlace, _ user: Identifier, _ id: Identifier) throws {
    switch place.kind {
    case "webpush":
      do { try checkSubscription(endpoint: place.endpoint, key: place.key ?? [], secret: place.secret ?? []) } catch {
        if case .hostNotAllowed = error { throw refusal(place.endpoint, user, id) }
        throw error
      }
    case "apns":
      guard apns != nil else { throw BackupError.invalid("This server has no key for APNs") }
      guard (64...200).contains(place.endpoint.utf8.count), Hex.decode(place.endpoint.utf8) != nil else {
        throw BackupError.invalid("token must be hexadecimal")
      }
    case "fcm":
      guard fcm != nil else { throw BackupError.invalid("This server has no account for FCM") }
      guard (1...1000).contains(place.endpoint.utf8.count),
        place.endpoint.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
      else { throw BackupError.invalid("token must be of at most 1000 plain characters") }
    default: throw BackupError.invalid("kind must be one of webpush, apns, fcm")
    }
  }

  /// Remembered, so that an admin is asked.
  private func refusal(_ endpoint: String, _ user: Identifier, _ id: Identifier) -> BackupError {
    guard let host = Outbound.place(of: endpoint) else { return .invalid("endpoint must be an https address") }
    let entry = WantedHost(host: host, user: user, device: id, at: now())
    wanted.withLock { wanted in
      wanted.removeAll { $0.host == host && $0.device == id }
      if wanted.count >= PushRegistry.wantedLimit { wanted.removeFirst() }
      wanted.append(entry)
    }
    return .hostNotAllowed(host)
  }

  // MARK: Hosts

  package struct Hosts: Sendable {
    /// By the settings.
    package let configured: [String]
    package let added: [String]
    package let wanted: [WantedHost]
  }

  /// Hosts that an admin may add.
  package static let hostLimit = 100

  package func hosts() async throws -> Hosts {
    let added = try await speaking { try await catalog.outboundHosts() }
    let allowed = outbound.allowed
    let open = wanted.withLock { $0 }.filter {
      AllowedHosts.normal($0.host).map { !allowed.entries.contains($0) } ?? false
    }
    return Hosts(configured: configured.entries.sorted(), added: added, wanted: open.reversed())
  }

  /// - Throws: `.invalid`.
  package func setHosts(_ hosts: [String], by user: Identifier) async throws -> Hosts {
    guard hosts.count <= PushRegistry.hostLimit else {
      throw BackupError.invalid("hosts must contain no more than \(PushRegistry.hostLimit) elements")
    }
    guard let list = AllowedHosts(hosts) else {
      throw BackupError.invalid("each of hosts must be a host, or host:port")
    }
    let now = now()
    try await speaking { try await catalog.setOutboundHosts(list.entries.sorted(), by: user, now: now) }
    outbound.allow(configured.union(list))
    // Who was refused may ask again at once.
    limits.forgiveAll()
    live.ring()
    return try await self.hosts()
  }

  /// Before anything is sent: there is a key, and the list that an admin left holds.
  func start() async throws {
    let isNew = try webPush.makeKey()
    // A file that holds no key is told to whoever needs it.
    if let key = try? webPush.keyFingerprint() {
      let lost = try await catalog.adopt(serverKey: key, isNew: isNew)
      if lost > 0 {
        logger.warning(
          """
          the key that push services know this server by (keys/vapid.pem) is another one than \(lost) registrations were \
          made with: nothing can be sent there until those apps subscribe anew, or the old file is put back
          """)
      }
    }
    if let added = AllowedHosts(try await catalog.outboundHosts()) { outbound.allow(configured.union(added)) }
  }

  /// Push services that devices registered at.
  /// - Parameter user: whose; nil for everybody's.
  package func registeredHosts(of user: Identifier?) async throws -> [String] {
    let places = try await speaking { try await catalog.pushPlaces(of: user) }
    return Set(places.map { PushRegistry.host(of: $0) }).sorted()
  }

  // MARK: Upkeep

  /// Forgets whom no client has refreshed for long.
  func sweep() async {
    let now = now()
    do {
      let gone = try await catalog.expirePushes(before: now.adding(seconds: -PushLife.forgotten), now: now)
      for device in gone { tell(device: device, nil) }
      if !gone.isEmpty { live.ring() }
    } catch { logger.warning("old push registrations could not be removed", metadata: ["error": "\(error)"]) }
  }

  func status(_ row: PushRow) -> PushStatus {
    PushStatus(row, host: PushRegistry.host(of: row.place), now: now())
  }

  // MARK: Sending

  /// Whose limits hold for a place.
  static func host(of place: PushPlace) -> String {
    switch place.kind {
    case "apns": APNsChannel.host(isSandbox: place.isSandbox)
    case "fcm": FCMChannel.host
    default: Outbound.place(of: place.endpoint) ?? ""
    }
  }

  /// Whether a browser's subscription can be sent to: its keys, and the letters of its address.
  /// - Throws: `.invalid`, `.hostNotAllowed`.
  package func checkSubscription(endpoint: String, key: [UInt8], secret: [UInt8]) throws(BackupError) {
    guard WebPushSubscription(endpoint: endpoint, key: key, secret: secret) != nil else {
      throw .invalid("keys must be a point of P-256 (p256dh) and 16 bytes (auth), in base64url")
    }
    do throws(OutboundError) { try outbound.check(endpoint) } catch {
      switch error {
      case .refused(.plain), .refused(.port), .refused(.address):
        throw .hostNotAllowed(Outbound.place(of: endpoint) ?? "that host")
      default: throw .invalid("endpoint must be an https address of at most \(OutboundURL.longest) bytes")
      }
    }
  }

  /// Shows something in a browser, which is no device that could be woken.
  package func show(
    _ content: PushContent, endpoint: String, key: [UInt8], secret: [UInt8], ttlSeconds: Int, of person: Identifier
  ) async -> PushReply {
    await transmit(
      PushMessage(content, timeToLive: ttlSeconds),
      PushPlace(kind: "webpush", endpoint: endpoint, key: key, secret: secret), of: person)
  }

  func transmit(_ message: PushMessage, _ place: PushPlace, of person: Identifier) async -> PushReply {
    if limits.take(host: PushRegistry.host(of: place), now: now()) != nil {
      return .unsent("rate")
    }
    switch place.kind {
    case "apns":
      guard let apns else { return .failed("not_configured") }
      return await apns.send(message, to: place.endpoint, isSandbox: place.isSandbox)
    case "fcm":
      guard let fcm else { return .failed("not_configured") }
      return await fcm.send(message, to: place.endpoint)
    default:
      let subscription = WebPushSubscription(
        storedEndpoint: place.endpoint, key: place.key ?? [], secret: place.secret ?? [])
      return await webPush.send(message, to: subscription, of: person)
    }
  }

  func tell(_ row: PushRow) { tell(device: row.device, reach(row)) }

  /// - Parameter reach: of the registration; whoever holds a stream open is reached by that.
  func tell(device: Int64, _ reach: Reach?) {
    let listeners = listeners.withLock { $0 }
    // One word after the other: else that of a stream that closes could come behind that of the next one.
    streams.withLock { streams in
      let best = streams[device] == nil ? reach : Reach(device: device, channel: .stream, host: "")
      for listener in listeners { listener(device, best) }
    }
  }
}
