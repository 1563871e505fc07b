import Crypto
import Ground
import Outbound
import Push
import Store

/// Hands messages to the other side of a channel.
protocol AlertPost: Sendable {
  func send(_ message: AlertMessage, through channel: AlertChannelRow, delivery: String) async -> AlertReply
}

/// What the other side says; words are classes, never its own.
enum AlertReply: Sendable, Equatable {
  case accepted
  /// Not before so many seconds.
  case throttled(Int64)
  case failed(String)
  /// No other try would end otherwise.
  case refused(String)
  /// Nothing left this server, by its own fault.
  case unsent
  /// There is nobody any more.
  case gone(String)

  /// For a person who asked for it; nil where it was taken.
  var problem: String? {
    switch self {
    case .accepted: nil
    case .throttled: "throttled"
    case .unsent: "busy"
    case .failed(let word), .refused(let word), .gone(let word): word
    }
  }
}

/// The mail server that the operator configured.
package struct MailServer: Sendable {
  package var host: String
  package var port: Int
  package var security: OutboundMail.Security
  package var user: String?
  package var password: String?
  package var from: String

  package init(host: String, port: Int, security: OutboundMail.Security, from: String) {
    (self.host, self.port, self.security, self.from) = (host, port, security, from)
  }
}

struct OutboundPost: AlertPost {
  let outbound: Outbound
  let push: PushRegistry
  let mail: MailServer?
  let publicURL: String?
  let now: @Sendable () -> Instant

  func send(_ message: AlertMessage, through channel: AlertChannelRow, delivery: String) async -> AlertReply {
    switch channel.kind {
    case "ntfy": return await request(ntfy(message, channel), of: channel.userID)
    case "webhook":
      guard let request = hook(message, channel, delivery) else { return .failed("message") }
      return await self.request(request, of: channel.userID)
    case "mail": return await mail(message, channel, delivery)
    case "webpush":
      let content = PushContent.alert(
        title: message.title, text: OutboundPost.short(message.text), device: message.device.map { "\($0)" })
      return AlertReply(
        await push.show(
          content, endpoint: channel.target, key: channel.key ?? [], secret: channel.secret ?? [], ttlSeconds: 86_400,
          of: channel.userID))
    default: return .failed("kind")
    }
  }

  /// As much as fits into one push message (RFC 8291: 3,993 bytes of JSON, which may write a byte as six).
  static func short(_ text: String) -> String {
    var (short, bytes) = ("", 0)
    for scalar in text.unicodeScalars {
      bytes += scalar.utf8.count
      guard bytes <= 600 else { break }
      short.unicodeScalars.append(scalar)
    }
    return short
  }

  private func ntfy(_ message: AlertMessage, _ channel: AlertChannelRow) -> OutboundRequest {
    var headers = [
      ("Title", message.title), ("Priority", message.ntfyPriority), ("Tags", message.ntfyTag),
      ("Content-Type", "text/plain; charset=utf-8"),
    ]
    if let publicURL { headers.append(("Click", publicURL)) }
    if let token = channel.secret {
      headers.append(("Authorization", "Bearer \(String(decoding: token, as: UTF8.self))"))
    }
    return OutboundRequest(
      .post, channel.target, headers: headers, body: Array(message.sentence.utf8), purpose: "ntfy")
  }

  /// Signed as `docs/tickle.md` says; nil where there is no JSON of it.
  private func hook(_ message: AlertMessage, _ channel: AlertChannelRow, _ delivery: String) -> OutboundRequest? {
    guard let body = try? message.json else { return nil }
    let timestamp = String(now().milliseconds / 1000)
    let code = HMAC<SHA256>.authenticationCode(
      for: Array("\(timestamp).".utf8) + body, using: SymmetricKey(data: channel.secret ?? []))
    return OutboundRequest(
      .post, channel.target,
      headers: [
        ("Content-Type", "application/json"), ("X-Nightstand-Timestamp", timestamp),
        ("X-Nightstand-Delivery", delivery), ("X-Nightstand-Signature", "sha256=\(Hex.encode(Array(code)))"),
      ], body: body, purpose: "webhook")
  }

  private func mail(_ message: AlertMessage, _ channel: AlertChannelRow, _ delivery: String) async -> AlertReply {
    guard let mail else { return .failed("no_mail_server") }
    var letter = OutboundMail(
      host: mail.host, port: mail.port, security: mail.security, from: mail.from, recipients: [channel.email],
      message: message.mail(from: mail.from, to: channel.email, id: delivery, link: publicURL, now: now()))
    (letter.user, letter.password) = (mail.user, mail.password)
    do throws(OutboundError) { try await outbound.send(letter) } catch { return AlertReply(error) }
    return .accepted
  }

  private func request(_ request: OutboundRequest, of person: Identifier) async -> AlertReply {
    var request = request
    request.person = person
    // Whoever is told shares the place's bounds with those who are woken.
    if let host = Outbound.place(of: request.url), push.limits.take(host: host, now: now()) != nil { return .unsent }
    do throws(OutboundError) {
      let answer = try await outbound.send(request)
      switch answer.status {
      case 200..<300: return .accepted
      case 410: return .gone("gone")
      case 429: return .throttled(answer.retryAfter ?? 60)
      case 503 where answer.retryAfter != nil: return .throttled(answer.retryAfter ?? 60)
      default: return .failed("\(answer.status / 100)xx")
      }
    } catch { return AlertReply(error) }
  }
}

extension AlertReply {
  init(_ reply: PushReply) {
    switch reply {
    case .accepted: self = .accepted
    case .throttled(let seconds, _): self = .throttled(seconds)
    case .gone: self = .gone("gone")
    case .offline: self = .failed("offline")
    case .unsent: self = .unsent
    case .failed("unknown_host"): self = .failed(OutboundError.refused(.address).label)
    case .failed(let word), .lost(let word), .refused(let word):
      self = .failed(word.hasPrefix("refused_") ? word : "failed")
    }
  }

  init(_ error: OutboundError) {
    switch error {
    case .busy: self = .unsent
    // RFC 5321 section 4.2.1: the same command would be refused again.
    case .mailRefused(500...): self = .refused(error.label)
    default: self = .failed(AlertReply.word(error))
    }
  }

  /// Our own rules are told; what the network said would make this a port scanner. Nor is it told whether a name is known
  /// inside, or nowhere.
  private static func word(_ error: OutboundError) -> String {
    switch error {
    case .unknownHost: OutboundError.refused(.address).label
    case .refused, .unavailable, .mailRefused: error.label
    default: "unreachable"
    }
  }
}
