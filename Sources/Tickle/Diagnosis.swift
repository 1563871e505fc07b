/// Why tickles do not do what they are for.
package enum Diagnosis: String, Sendable, CaseIterable {
  /// Accepted three times without a contact, by a device that used to answer.
  case forceQuitOrRestricted = "force_quit_or_restricted"
  /// It comes, and goes again before a photo is through.
  case shortWindow = "short_window"
  /// The push service says that the registration is gone.
  case uninstalledOrReset = "uninstalled_or_reset"
  /// UnifiedPush: nobody takes the distributor's messages (507).
  case distributorOffline = "distributor_offline"
  /// Registered, and the first message was never confirmed.
  case pushNotWorking = "push_not_working"
  /// No difference between tickled and held back.
  case noLift = "no_lift"

  /// What is shown on the phone itself, where it used to answer and does not any more: the way out that its system has.
  package static func nudge(_ platform: Platform) -> String {
    let open = "Open the app once, so that your photos can be backed up again."
    return switch platform {
    case .iOS: "\(open) Do not swipe it away: iOS wakes no app that was."
    case .android: "\(open) If this comes again, let it run in the background: Settings, Apps, Battery, Unrestricted."
    case .other: open
    }
  }

  /// For a person, in one line.
  package var sentence: String {
    switch self {
    case .forceQuitOrRestricted:
      "It used to answer and does not any more: the app was swiped away, or the system keeps it from running. Open the app once."
    case .shortWindow:
      "It wakes up, but is stopped before a photo is through: open the app, or let it send smaller parts."
    case .uninstalledOrReset: "Its push address is gone: the app was removed or set up anew."
    case .distributorOffline: "The app that receives its messages (the UnifiedPush distributor) is offline."
    case .pushNotWorking: "It never confirmed that a message reaches it."
    case .noLift: "Waking it makes no difference so far, so it is woken less often."
    }
  }
}
