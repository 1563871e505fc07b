import Backup
import FoundationEssentials
import Ground
import HTTPServer

/// `/api/backup/alerts`: where a person is told that a device is in trouble. Everybody sees and changes their own alone.
struct AlertHandlers: Sendable {
  let alerts: Alerts

  private struct Everything: Encodable {
    let channels: [AlertChannelShape]
    let settings: AlertSettingsShape
    /// Kinds that this server can tell by.
    let kinds: [String]
    let adminAfterHours: Int
    let channelsPerPerson = Alerts.perPerson
  }

  func read(_ request: Request, _ principal: Principal) async throws -> Response {
    let kinds = AlertChannel.Kind.allCases.filter { $0 != .mail || alerts.options.mail != nil }
    return .json(
      Everything(
        channels: try await alerts.channels(of: principal.user.id).map { AlertChannelShape($0) },
        settings: AlertSettingsShape(try await alerts.settings(of: principal.user.id)), kinds: kinds.map(\.rawValue),
        adminAfterHours: alerts.options.adminHours))
  }

  func set(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(AlertSettingsInput.self).settings
    return .json(AlertSettingsShape(try await alerts.set(input, of: principal.user.id)))
  }

  private struct Made: Encodable {
    let channel: AlertChannelShape
    /// What signs a webhook's messages, where the server made it; never told again.
    @Nullable var secret: String?
  }

  func add(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(AlertChannelJSON.self).input
    let (channel, secret) = try await alerts.add(input, of: principal.user)
    return .json(Made(channel: AlertChannelShape(channel), secret: Nullable(wrappedValue: secret)), status: .created)
  }

  func remove(_ request: Request, _ principal: Principal) async throws -> Response {
    try await alerts.remove(try request.id(), of: principal.user.id)
    return .noContent
  }

  private struct Token: Decodable { let token: String }

  func confirm(_ request: Request, _ principal: Principal) async throws -> Response {
    let input = try await request.json(Token.self)
    return .json(
      AlertChannelShape(try await alerts.confirm(try request.id(), of: principal.user, token: input.token)))
  }

  private struct Tested: Encodable {
    let isDelivered: Bool
    @Nullable var problem: String?
  }

  func test(_ request: Request, _ principal: Principal) async throws -> Response {
    let problem = try await alerts.test(try request.id(), of: principal.user)
    return .json(Tested(isDelivered: problem == nil, problem: Nullable(wrappedValue: problem)))
  }
}

struct AlertChannelShape: Encodable {
  let id: Identifier
  let kind: String
  let target: String
  let createdAt: String
  @Nullable var deliveredAt: String?
  @Nullable var problem: String?
  let isDisabled: Bool
  @Nullable var confirmedAt: String?

  init(_ channel: AlertChannel) {
    (id, kind, target) = (channel.id, channel.kind.rawValue, channel.target)
    (createdAt, isDisabled) = (channel.createdAt.iso8601, channel.isDisabled)
    (deliveredAt, problem) = (channel.deliveredAt?.iso8601, channel.problem)
    confirmedAt = channel.confirmedAt?.iso8601
  }
}

struct AlertSettingsShape: Encodable {
  struct Hours: Encodable {
    let from: String
    let to: String
  }
  @Nullable var quietHours: Hours?
  @Nullable var timeZone: String?
  @Nullable var snoozedUntil: String?

  init(_ settings: AlertSettings) {
    quietHours = settings.quiet.map {
      Hours(from: AlertSettingsShape.written($0.from), to: AlertSettingsShape.written($0.to))
    }
    (timeZone, snoozedUntil) = (settings.timeZone, settings.snoozedUntil?.iso8601)
  }

  private static func written(_ minutes: Int) -> String {
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
    return "\(two(minutes / 60)):\(two(minutes % 60))"
  }
}

/// `{"quietHours": {"from": "22:00", "to": "07:00"}, "timeZone": "Europe/Berlin", "snoozedUntil": …}`; what is absent or
/// null is none.
struct AlertSettingsInput: Decodable {
  private(set) var settings = AlertSettings()

  private enum Key: String, CodingKey { case quietHours, timeZone, snoozedUntil }

  private struct Hours: Decodable {
    let from: String
    let to: String
  }

  init(from decoder: any Decoder) throws {
    let input = try decoder.container(keyedBy: Key.self)
    func wrong(_ key: Key, _ text: String) -> DecodingError {
      DecodingError.dataCorruptedError(forKey: key, in: input, debugDescription: text)
    }
    if let hours = try input.decodeIfPresent(Hours.self, forKey: .quietHours) {
      guard let from = PushInput.minutes(hours.from), let to = PushInput.minutes(hours.to) else {
        throw wrong(.quietHours, "from and to must be times such as 22:00")
      }
      settings.quiet = (Int(from), Int(to))
    }
    settings.timeZone = try input.decodeIfPresent(String.self, forKey: .timeZone)
    if let text = try input.decodeIfPresent(String.self, forKey: .snoozedUntil) {
      guard let time = WrittenTime(text) else { throw wrong(.snoozedUntil, "must be an ISO 8601 date and time") }
      settings.snoozedUntil = time.instant
    }
  }
}

/// `{"kind": "ntfy", "url", "token"?}`, `{"kind": "webhook", "url", "secret"?}`, `{"kind": "mail"}`,
/// `{"kind": "webpush", "endpoint", "keys": {"p256dh", "auth"}}`.
struct AlertChannelJSON: Decodable {
  let input: AlertChannelInput

  private enum Key: String, CodingKey { case kind, url, token, secret, endpoint, keys }

  private struct Keys: Decodable {
    let p256dh: String
    let auth: String
  }

  init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Key.self)
    let text = try fields.decode(String.self, forKey: .kind)
    guard let kind = AlertChannel.Kind(rawValue: text) else {
      throw DecodingError.dataCorruptedError(
        forKey: .kind, in: fields,
        debugDescription: "must be one of \(AlertChannel.Kind.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    var input = AlertChannelInput(kind: kind)
    switch kind {
    case .mail: break
    case .ntfy:
      input.target = try fields.decode(String.self, forKey: .url)
      input.secret = try fields.decodeIfPresent(String.self, forKey: .token).map { Array($0.utf8) }
    case .webhook:
      input.target = try fields.decode(String.self, forKey: .url)
      input.secret = try fields.decodeIfPresent(String.self, forKey: .secret).map { Array($0.utf8) }
    case .webpush:
      input.target = try fields.decode(String.self, forKey: .endpoint)
      let keys = try fields.decode(Keys.self, forKey: .keys)
      (input.key, input.secret) = (PushInput.bytes(keys.p256dh), PushInput.bytes(keys.auth))
    }
    self.input = input
  }
}
