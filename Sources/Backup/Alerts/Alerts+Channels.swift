import Ground
import Outbound
import Store

/// Where people are told, and when they want to be left alone.
extension Alerts {
  package func channels(of user: Identifier) async throws -> [AlertChannel] {
    try await speaking { try await catalog.alertChannels(of: user) }.map { AlertChannel($0) }
  }

  /// Where messages of one person, or everybody, go.
  package func places(of user: Identifier?) async throws -> [(kind: String, host: String)] {
    var seen: Set<String> = []
    return try await speaking { try await catalog.alertTargets(of: user) }.compactMap { kind, target in
      let host = kind == "mail" ? options.mail.map { "\($0.host):\($0.port)" } : Outbound.place(of: target)
      guard let host, seen.insert("\(kind) \(host)").inserted else { return nil }
      return (kind, host)
    }
  }

  /// Seconds for which the token of a mail channel's first mail is good.
  private static let tokenLife: Int64 = 86_400
  private static let tokenLength = 32
  /// Seconds between two messages that one person asks for: mail goes through somebody's account.
  private static let testPace = 5.0
  private static let mailPace = 60.0

  /// Adds a channel; mail is sent a token at once. - Returns: it, and the secret of a webhook where the server made one: told
  /// this once.
  /// - Throws: `.invalid`, `.hostNotAllowed`, `.tooManyAttempts`.
  package func add(_ input: AlertChannelInput, of user: User) async throws -> (AlertChannel, secret: String?) {
    var input = try input.checked()
    if input.kind == .mail, options.mail == nil {
      throw BackupError.invalid("This server has no mail server: --smtp-server is not set")
    }
    try check(input)
    var made: String?
    if input.kind == .webhook, input.secret == nil {
      made = randomToken(43)
      input.secret = made.map { Array($0.utf8) }
    }
    let new = Catalog.NewAlertChannel(
      id: Identifier(), kind: input.kind.rawValue, target: input.target, secret: input.secret, key: input.key)
    let now = now()
    switch try await speaking({
      try await catalog.add(alertChannel: new, of: user.id, limit: Alerts.perPerson, now: now)
    }) {
    case .made(let row):
      guard !row.isConfirmed else { return (AlertChannel(row), made) }
      // Where a mail was asked for a moment ago, that one is still on its way.
      if limits.claim("mail \(row.email)", by: user.id, now: now) == nil { _ = try await ask(user, row) }
      return (try await channel(row.id, of: user).map { AlertChannel($0) } ?? AlertChannel(row), made)
    case .tooMany: throw BackupError.invalid("At most \(Alerts.perPerson) places of one person can be told")
    case .unknownUser: throw BackupError.noAccess(permission: "session.update")
    }
  }

  private func channel(_ id: Identifier, of user: User) async throws -> AlertChannelRow? {
    try await speaking { try await catalog.alertChannels(of: user.id) }.first { $0.id == id }
  }

  /// Sends a mail channel's token. - Returns: what is wrong, in a word; nil where it was taken.
  private func ask(_ user: User, _ row: AlertChannelRow) async throws -> String? {
    let token = randomToken(Alerts.tokenLength)
    let until = now().adding(seconds: Alerts.tokenLife)
    try await speaking {
      try await catalog.announce(alertChannel: row.number, token: Alerts.hash(token, row.email), expiresAt: until)
    }
    let message = AlertMessage.confirmation(user, token: token, now: now())
    let problem = (await post.send(message, through: row, delivery: "confirm-\(Identifier())")).problem
    try await speaking { try await catalog.note(alertChannel: row.number, problem: problem) }
    return problem
  }

  /// A token is good for the address that it was sent to, and not for one that the person has taken since.
  private static func hash(_ token: String, _ address: String) -> [UInt8] { sha256("\(token) \(address)".utf8) }

  /// Somebody shows the token of a mail channel's first mail.
  /// - Throws: `.invalid` where it is another one, or too old; `.noAccess`.
  package func confirm(_ id: Identifier, of user: User, token: String) async throws -> AlertChannel {
    guard let row = try await channel(id, of: user) else { throw BackupError.noAccess(permission: "session.update") }
    let now = now()
    switch try await speaking({
      try await catalog.confirmAlertChannel(
        id, of: user.id, address: row.email, token: Alerts.hash(token, row.email), now: now)
    }) {
    case .confirmed(let row):
      limits.forgive("mail \(row.email)")
      return AlertChannel(row)
    case .unknown: throw BackupError.noAccess(permission: "session.update")
    case .wrong: throw BackupError.invalid("This is not the token of the last mail")
    case .expired: throw BackupError.invalid("The token has expired: ask for another mail")
    }
  }

  /// - Throws: `.noAccess`.
  package func remove(_ id: Identifier, of user: Identifier) async throws {
    guard try await speaking({ try await catalog.removeAlertChannel(id, of: user) }) else {
      throw BackupError.noAccess(permission: "session.update")
    }
  }

  /// Sends a message now; to mail that is not confirmed, its token again.
  /// - Returns: what is wrong, in a word; nil where it was taken.
  /// - Throws: `.noAccess`, `.tooManyAttempts`.
  package func test(_ id: Identifier, of user: User) async throws -> String? {
    guard let channel = try await channel(id, of: user) else {
      throw BackupError.noAccess(permission: "session.update")
    }
    let isMail = channel.kind == AlertChannel.Kind.mail.rawValue
    let pace = isMail ? Alerts.mailPace : Alerts.testPace
    let wait = tested.withLock { tested -> Double? in
      if tested[isMail, default: [:]].count > 1000 { tested[isMail] = [:] }
      let time = MonotonicTime.now()
      if let last = tested[isMail]?[user.id] {
        let passed = time.seconds(since: last)
        if passed < pace { return pace - passed }
      }
      tested[isMail, default: [:]][user.id] = time
      return nil
    }
    if let wait { throw BackupError.tooManyAttempts(retryAfter: max(1, Int(wait.rounded(.up)))) }
    guard channel.isConfirmed else {
      // Somebody else's address, perhaps: fewer and fewer.
      if let wait = limits.claim("mail \(channel.email)", by: user.id, now: now()) {
        throw BackupError.tooManyAttempts(retryAfter: Int(wait))
      }
      return try await ask(user, channel)
    }
    return (await post.send(.test(user, now: now()), through: channel, delivery: "test-\(Identifier())")).problem
  }

  package func settings(of user: Identifier) async throws -> AlertSettings {
    AlertSettings(try await speaking { try await catalog.alertSettings(of: user) })
  }

  /// - Throws: `.invalid`.
  package func set(_ settings: AlertSettings, of user: Identifier) async throws -> AlertSettings {
    let now = now()
    let row = try settings.checked(now: now)
    try await speaking { try await catalog.setAlertSettings(row, of: user, now: now) }
    bell.ring()
    return AlertSettings(row)
  }
}
