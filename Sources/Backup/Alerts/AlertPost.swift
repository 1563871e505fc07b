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
  /// There is nobody any more.
  case gone(String)
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
    case "ntfy": return await request(ntfy(message, channel))
    case "webhook":
      guard let request = hook(message, channel, delivery) else { return .failed("message") }
      return await self.request(request)
    case "mail": return await mail(message, channel, delivery)
    case "webpush":
      let content = PushContent.alert(
        title: message.title, text: String(message.text.prefix(600)), device: message.device.map { "\($0)" })
      return AlertReply(
        await push.show(
          content, endpoint: channel.target, key: channel.key ?? [], secret: channel.secret ?? [], ttlSeconds: 86_400))
    default: return .failed("kind")
    }
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
    do throws(OutboundError) { try await outbound.send(letter) } catch { return .failed(AlertReply.word(error)) }
    return .accepted
  }

  private func request(_ request: OutboundRequest) async -> AlertReply {
    do throws(OutboundError) {
      let answer = try await outbound.send(request)
      switch answer.status {
      case 200..<300: return .accepted
      case 410: return .gone("gone")
      case 429: return .throttled(answer.retryAfter ?? 60)
      case 503 where answer.retryAfter != nil: return .throttled(answer.retryAfter ?? 60)
      default: return .failed("\(answer.status / 100)xx")
      }
    } catch { return .failed(AlertReply.word(error)) }
  }
}

extension AlertReply {
  init(_ reply: PushReply) {
    switch reply {
    case .accepted: self = .accepted
    case .throttled(let seconds, _): self = .throttled(seconds)
    case .gone: self = .gone("gone")
    case .offline: self = .failed("offline")
    case .failed(let word), .refused(let word): self = .failed(word.hasPrefix("refused_") ? word : "failed")
    }
  }

  /// Our own rules are told; what the network said would make this a port scanner.
  static func word(_ error: OutboundError) -> String {
    switch error {
    case .refused, .unavailable, .mailRefused: error.label
    default: "unreachable"
    }
  }
}
