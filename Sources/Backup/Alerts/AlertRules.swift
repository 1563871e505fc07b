import Ground
import Store
import Tickle

/// Who is to hear of a change, and when: a function of what happened and the clock. The owner hears first; an admin later,
/// if it is still so; each change is told once; and whoever was never told that something is wrong needs not hear that it
/// is well again.
enum AlertRules {
  struct Person: Sendable {
    let number: Int64
    let isAdmin: Bool
    let quiet: QuietHours?
    let snoozedUntil: Instant?
  }

  private static let bad: Set<String> = [DeviceState.Level.amber.rawValue, DeviceState.Level.red.rawValue]
  /// What somebody did on purpose needs no message.
  private static let silent: Set<String> = [
    DeviceState.Level.snoozed.rawValue, DeviceState.Level.revoked.rawValue, DeviceState.Level.none.rawValue,
  ]

  /// - Parameters:
  ///   - people: with channels, by `user.number`.
  ///   - patience: seconds that the owner has before admins hear of it.
  /// - Returns: nil where everybody still waits.
  static func decide(
    _ alert: AlertRow, _ people: [Int64: Person], patience: Int64, now: Instant
  ) -> Catalog.AlertDecision? {
    var decision = Catalog.AlertDecision(alert: alert.number)
    if alert.isOvertaken || silent.contains(alert.level) {
      (decision.isOwnerDone, decision.isAdminDone) = (true, true)
      return decision
    }
    let isBad = bad.contains(alert.level)
    decision.isFine = !isBad
    func tell(_ person: Person, isForAdmin: Bool) {
      decision.messages.append((person.number, now, person.quiet?.wait(now) ?? now, isForAdmin))
    }

    if !alert.isOwnerDone {
      let owner = people[alert.owner]
      let isNews = isBad ? alert.ownerHeard != alert.level : alert.ownerHeard.map(bad.contains) ?? false
      if owner?.snoozedUntil.map({ $0 > now }) != true {
        decision.isOwnerDone = true
        if isNews {
          if let owner { tell(owner, isForAdmin: false) }
          decision.isOwnerTold = true
        }
      }
    }
    if !alert.isAdminDone {
      let isNews = isBad ? alert.adminHeard != alert.level : alert.adminHeard.map(bad.contains) ?? false
      if !isNews {
        decision.isAdminDone = true
      } else if !isBad || now >= alert.at.adding(seconds: patience) {
        decision.isAdminDone = true
        for admin in people.values.sorted(by: { $0.number < $1.number })
        where admin.isAdmin && admin.number != alert.owner && admin.snoozedUntil.map({ $0 > now }) != true {
          tell(admin, isForAdmin: true)
          decision.isAdminTold = true
        }
      }
    }
    let isSomething = decision.isOwnerDone && !alert.isOwnerDone || decision.isAdminDone && !alert.isAdminDone
    return isSomething ? decision : nil
  }
}
