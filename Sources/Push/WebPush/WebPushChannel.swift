import Ground
import Outbound
import Synchronization

/// Messages to browsers, UnifiedPush distributors and Android apps with Google's services: one protocol for all (RFC 8030).
package final class WebPushChannel: Sendable {
  /// Bytes to which every message is filled.
  private static let padding = 256
  /// Seconds for which a token is good, and before whose end it is made anew.
  private static let tokenLife: Int64 = 12 * 3600
  private static let tokenRest: Int64 = 3600
  /// Origins whose tokens are kept.
  private static let tokens = 64

  private struct Token {
    let text: String
    /// Seconds since 1970.
    let expiry: Int64
  }

  private let outbound: Outbound
  private let keyFile: String
  private let contact: String
  private let now: @Sendable () -> Instant
  /// Read when it is first needed.
  private let key = Mutex<VAPIDKey?>(nil)
  private let kept = Mutex<[String: Token]>([:])

  /// - Parameters:
  ///   - keyFile: see `VAPIDKey`.
  ///   - contact: `mailto:` or `https:`, for the people of push services.
  package init(
    _ outbound: Outbound, keyFile: String, contact: String, now: @escaping @Sendable () -> Instant
  ) {
    (self.outbound, self.keyFile, self.contact, self.now) = (outbound, keyFile, contact, now)
  }

  /// Makes the server's key where there is none. - Returns: whether there was none.
  /// - Throws: `SystemError`.
  package func makeKey() throws -> Bool { try VAPIDKey.makeIfMissing(keyFile) }

  /// Of the key that this server signs with.
  package func keyFingerprint() throws -> String { try vapid().fingerprint }

  /// What an app subscribes with.
  package func publicKey() throws -> String { try vapid().publicText }

  /// - Parameter person: whose subscription it is.
  package func send(
    _ message: PushMessage, to subscription: WebPushSubscription, of person: Identifier? = nil
  ) async -> PushReply {
    var request: OutboundRequest
    do {
      guard let origin = Outbound.origin(of: subscription.endpoint) else { return .refused("malformed") }
      let body = try ContentEncryption.encrypt(
        message.json, for: subscription, padding: WebPushChannel.padding, salt: randomBytes(16))
      var headers = [
        ("Content-Type", "application/octet-stream"), ("Content-Encoding", "aes128gcm"),
        ("TTL", String(max(0, message.timeToLive))), ("Urgency", message.content.isVisible ? "high" : "normal"),
        ("Authorization", try authorization(origin)),
      ]
      if let topic = WebPushChannel.topic(message.content) { headers.append(("Topic", topic)) }
      request = OutboundRequest(.post, subscription.endpoint, headers: headers, body: body, purpose: "push")
      request.person = person
    } catch { return .failed("key") }
    do throws(OutboundError) {
      return WebPushChannel.reply(to: try await outbound.send(request))
    } catch { return PushReply(error) }
  }

  /// Of messages with one topic only the last waits for a device. A token must not be pushed aside, nor one alert by another.
  private static func topic(_ content: PushContent) -> String? {
    switch content {
    case .confirm, .alert: nil
    case .sync: "nightstand-sync"
    case .nudge: "nightstand-nudge"
    }
  }

  /// RFC 8030 section 7.3 and 8.4, and what services do in practice.
  static func reply(to answer: OutboundAnswer) -> PushReply {
    switch answer.status {
    case 200..<300: .accepted
    case 404, 410: .gone(since: nil)
    case 429: .throttled(seconds: answer.retryAfter ?? PushReply.patience, isOfHost: true)
    case 503 where answer.retryAfter != nil:
      .throttled(seconds: answer.retryAfter ?? PushReply.patience, isOfHost: true)
    // ntfy, while nobody subscribes: the record must stay.
    case 507: .offline
    case 500...: .failed(String(answer.status))
    default: .refused(String(answer.status))
    }
  }

  // MARK: The key and its tokens

  private func vapid() throws -> VAPIDKey {
    if let key = key.withLock({ $0 }) { return key }
    let read = try VAPIDKey(file: keyFile)
    key.withLock { $0 = read }
    return read
  }

  private func authorization(_ origin: String) throws -> String {
    let vapid = try vapid()
    let now = now().milliseconds / 1000
    if let token = kept.withLock({ $0[origin] }), token.expiry - now > WebPushChannel.tokenRest,
      token.expiry - now <= WebPushChannel.tokenLife
    {
      return token.text
    }
    let expiry = now + WebPushChannel.tokenLife
    let text = "vapid t=\(try vapid.token(audience: origin, expiry: expiry, contact: contact)),k=\(vapid.publicText)"
    kept.withLock { kept in
      if kept.count >= WebPushChannel.tokens { kept.removeAll() }
      kept[origin] = Token(text: text, expiry: expiry)
    }
    return text
  }
}

extension PushReply {
  init(_ error: OutboundError) {
    switch error {
    case .refused: self = .refused(error.label)
    case .timedOut, .broken: self = .lost(error.label)
    case .busy, .resolverFailed, .unavailable: self = .unsent(error.label)
    default: self = .failed(error.label)
    }
  }
}
