import Outbound
import Push
import Store

/// Browsers are told by the same door as phones, and addresses are judged by the same rules.
extension PushRegistry {
  /// Shows something to a person in a browser.
  func show(
    _ content: PushContent, endpoint: String, key: [UInt8], secret: [UInt8], ttlSeconds: Int
  ) async -> PushReply {
    await transmit(
      PushMessage(content, timeToLive: ttlSeconds),
      PushPlace(kind: "webpush", endpoint: endpoint, key: key, secret: secret))
  }

  /// Refuses a channel that would not be sent to.
  /// - Throws: `.invalid`, `.hostNotAllowed`.
  func check(alert: AlertChannelInput) throws(BackupError) {
    guard alert.kind != .mail else { return }
    if alert.kind == .webpush,
      WebPushSubscription(endpoint: alert.target, key: alert.key ?? [], secret: alert.secret ?? []) == nil
    {
      throw .invalid("keys must be a point of P-256 (p256dh) and 16 bytes (auth), in base64url")
    }
    do throws(OutboundError) { try outbound.check(alert.target) } catch {
      switch error {
      case .refused(.plain), .refused(.port), .refused(.address):
        throw .hostNotAllowed(Outbound.place(of: alert.target) ?? "")
      default: throw .invalid("the address must be an https address of at most \(OutboundURL.longest) bytes")
      }
    }
  }
}
