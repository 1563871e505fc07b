import Outbound
import Push

/// Addresses of people's channels are judged by the rules that hold for phones'.
extension PushRegistry {
  /// Refuses a channel that would not be sent to.
  /// - Throws: `.invalid`, `.hostNotAllowed`.
  func check(alert: AlertChannelInput) throws(BackupError) {
    switch alert.kind {
    case .mail: return
    case .webpush:
      try checkSubscription(endpoint: alert.target, key: alert.key ?? [], secret: alert.secret ?? [])
    case .ntfy, .webhook:
      do throws(OutboundError) { try outbound.check(alert.target) } catch {
        switch error {
        case .refused(.plain), .refused(.port), .refused(.address):
          throw .hostNotAllowed(Outbound.place(of: alert.target) ?? "")
        default: throw .invalid("the address must be an https address of at most \(OutboundURL.longest) bytes")
        }
      }
    }
  }
}
