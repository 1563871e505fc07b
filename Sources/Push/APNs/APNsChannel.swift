import Crypto
import FoundationEssentials
import Ground
import Outbound
import Synchronization

/// Messages to an app for iOS that its builder signed with their own team (APNs' provider API, token-based).
package final class APNsChannel: Sendable {
  package struct Options: Sendable, Equatable {
    /// The team's signing key (`.p8`).
    package var keyFile: String
    package var keyID: String
    package var teamID: String
    /// The app's bundle id.
    package var topic: String
    /// In the place of Apple's; for tests.
    package var server: String?

    package init(keyFile: String, keyID: String, teamID: String, topic: String) {
      (self.keyFile, self.keyID, self.teamID, self.topic) = (keyFile, keyID, teamID, topic)
    }
  }

  /// Seconds for which a token is used: Apple wants them no younger than 20 and no older than 60 minutes, and asks for patience
  /// (`TooManyProviderTokenUpdates`) where they change more often.
  private static let tokenLife: Int64 = 45 * 60
  private static let tokenYouth: Int64 = 20 * 60

  private let outbound: Outbound
  private let options: Options
  private let key: P256.Signing.PrivateKey
  private let now: @Sendable () -> Instant
  private let token = Mutex<(text: String, madeAt: Int64)?>(nil)

  /// - Throws: `SystemError`, `PushKeyError`.
  package init(_ outbound: Outbound, _ options: Options, now: @escaping @Sendable () -> Instant) throws {
    (self.outbound, self.options, self.now) = (outbound, options, now)
    let text = String(decoding: try FileSystem.contents(options.keyFile, limit: 64 << 10), as: UTF8.self)
    do { key = try P256.Signing.PrivateKey(pemRepresentation: text) } catch {
      throw PushKeyError.unreadable(options.keyFile)
    }
  }

  /// Whose limits hold.
  package static func host(isSandbox: Bool) -> String {
    isSandbox ? "api.sandbox.push.apple.com" : "api.push.apple.com"
  }

  package func send(_ message: PushMessage, to device: String, isSandbox: Bool) async -> PushReply {
    let server = options.server ?? "https://\(APNsChannel.host(isSandbox: isSandbox))"
    let seconds = now().milliseconds / 1000
    let bearer: String
    do { bearer = try authorization(seconds) } catch { return .failed("key") }
    var request = OutboundRequest(
      .post, "\(server)/3/device/\(device)",
      headers: [
        ("authorization", "bearer \(bearer)"), ("apns-topic", options.topic),
        ("apns-push-type", message.content.isVisible ? "alert" : "background"),
        ("apns-priority", message.content.isVisible ? "10" : "5"),
        ("apns-expiration", String(seconds + Int64(max(0, message.timeToLive)))),
        ("apns-collapse-id", APNsChannel.collapse(message.content)), ("content-type", "application/json"),
      ], body: APNsChannel.payload(message.content), purpose: "push")
    (request.trust, request.needsHTTP2) = (.configured, true)
    do throws(OutboundError) {
      let answer = try await outbound.send(request)
      // The next one brings another; where the key itself is wrong, another would be refused as well.
      if answer.status == 403 {
        token.withLock { kept in
          if let made = kept?.madeAt, !(0..<APNsChannel.tokenYouth).contains(seconds - made) { kept = nil }
        }
      }
      return APNsChannel.reply(to: answer)
    } catch { return PushReply(error) }
  }

  /// A background message has no alert, sound or badge, or it is none.
  static func payload(_ content: PushContent) -> [UInt8] {
    func member(_ name: String, _ value: String) -> String { "\(PushJSON.text(name)):\(PushJSON.text(value))" }
    let text =
      switch content {
      case .confirm(let token):
        "{\"aps\":{\"content-available\":1},\(member("action", "confirm")),\(member("token", token))}"
      case .sync(let tickle):
        "{\"aps\":{\"content-available\":1},\(member("action", "sync")),\(member("tickle", String(tickle)))}"
      case .nudge(let tickle, let text):
        "{\"aps\":{\"alert\":{\(member("body", text))},\"content-available\":1},\(member("action", "nudge")),"
          + "\(member("tickle", String(tickle)))}"
      case .alert(let title, let text, _):
        "{\"aps\":{\"alert\":{\(member("title", title)),\(member("body", text))}},\(member("action", "alert"))}"
      }
    return Array(text.utf8)
  }

  private static func collapse(_ content: PushContent) -> String {
    switch content {
    case .confirm: "confirm"
    case .sync: "sync"
    case .nudge: "nudge"
    case .alert: "alert"
    }
  }

  private struct Failure: Decodable {
    let reason: String?
    /// Milliseconds since 1970: when the token was found to be dead.
    let timestamp: Int64?
  }

  /// Apple's table of reasons.
  static func reply(to answer: OutboundAnswer) -> PushReply {
    let failure = PushJSON.decode(Failure.self, answer.body)
    let reason = failure?.reason.map { String($0.prefix(40).filter { $0.isASCII && $0.isLetter }) }
    return switch answer.status {
    case 200..<300: .accepted
    case 410: .gone(since: failure?.timestamp)
    case 429:
      .throttled(seconds: answer.retryAfter ?? PushReply.patience, isOfHost: reason == "TooManyProviderTokenUpdates")
    case 503 where answer.retryAfter != nil:
      .throttled(seconds: answer.retryAfter ?? PushReply.patience, isOfHost: true)
    case 500...: .failed(String(answer.status))
    // A token of the other environment, or of another app: the registration is wrong, not dead.
    default: .refused(reason ?? String(answer.status))
    }
  }

  private func authorization(_ now: Int64) throws -> String {
    if let kept = token.withLock({ $0 }), (0..<APNsChannel.tokenLife).contains(now - kept.madeAt) { return kept.text }
    let claims = "{\"iss\":\(PushJSON.text(options.teamID)),\"iat\":\(now)}"
    let text = try JSONWebToken.make(header: [("alg", "ES256"), ("kid", options.keyID)], claims: claims) { bytes in
      Array(try key.signature(for: bytes).rawRepresentation)
    }
    token.withLock { $0 = (text, now) }
    return text
  }
}
