import Outbound
import Push

/// What the operator decides about pushes.
package struct PushOptions: Sendable {
  /// Hosts that may be sent to although they lie inside, or by http; an admin can add others.
  package var allowed = AllowedHosts()
  /// A file of certificates to trust in the place of the system's.
  package var authorities: String?
  /// `mailto:` or `https:`: what push services' people may turn to.
  package var contact = "mailto:nightstand@localhost"
  /// For an app of one's own; nil without it.
  package var apns: APNsChannel.Options?
  package var fcm: FCMChannel.Options?
  /// For tests.
  package var resolver: any Resolver = SystemResolver()

  package init() {}
}
