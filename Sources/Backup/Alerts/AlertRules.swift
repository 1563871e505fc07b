import Ground
import Store
import Tickle

/// Who is to hear of a change, and when: a function of what happened and the clock. The owner hears first; an admin later,
/// if there is trouble still; whoever is away hears when they are back, if it is still so. Which of a person's channels knows
/// it already is the catalog's to say.
enum AlertRules {
  struct Person: Sendable {
    let number: Int64
    let isAdmin: Bool
    let quiet: QuietHours?
    let snoozedUntil: Instant?
  }

  static let bad: Set<DeviceState.Level> = [.amber, .red]
  /// What somebody did on purpose needs no message.
  static let silent: Set<DeviceState.Level> = [.snoozed, .revoked, .none]

  /// - Parameters:
  ///   - people: with channels, by `user.number`.
  ///   - patience: seconds that the owner has, from the beginning of the trouble, before admins hear of it.
  static func decide(
    _ alert: AlertRow, _ people: [Int64: Person], patience: Int64, now: Instant
  ) -> Catalog.AlertDecision {
    var decision = Catalog.AlertDecision(alert: alert.number)
    let level = DeviceState.Level(rawValue: alert.level)
    if alert.isOvertaken || level.map(silent.contains) != false {
      (decision.isOwnerDone, decision.isAdminDone) = (true, true)
      return decision
    }
    let isBad = level.map(bad.contains) ?? false
    decision.isFine = !isBad
    var waits: [Instant] = []
    /// - Returns: whether they have their messages.
    func tell(_ person: Person, isForAdmin: Bool) -> Bool {
      if let back = person.snoozedUntil, back > now {
        waits.append(back)
        return false
      }
      decision.messages.append((person.number, now, person.quiet?.wait(now) ?? now, isForAdmin))
      return true
    }

    if !alert.isOwnerDone { decision.isOwnerDone = people[alert.owner].map { tell($0, isForAdmin: false) } ?? true }
    if !alert.isAdminDone {
      let due = isBad ? (alert.since ?? alert.at).adding(seconds: patience) : now
      if now < due {
        waits.append(due)
      } else {
        let admins = people.values.filter {
          $0.isAdmin && $0.number != alert.owner && !alert.asked.contains($0.number)
        }
        let told = admins.sorted { $0.number < $1.number }.map { tell($0, isForAdmin: true) }
        decision.isAdminDone = told.allSatisfy { $0 }
      }
    }
    decision.lookAt = waits.min()
    return decision
  }
}
