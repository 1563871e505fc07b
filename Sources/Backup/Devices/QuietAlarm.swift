import Ground

/// Whether a device is safe: a function of its history and the clock, and of nothing else.
package enum QuietAlarm {
  // Hours of silence are those in which the server ran: while it is off, nobody can be heard.

  /// Hours of silence before which nothing is said, whatever the habit.
  static let grace: Int64 = 48
  /// Hours of silence from which amber is red.
  static let long: Int64 = 7 * 24
  /// Days of contact that make a habit; until then three days of silence say something, or half as much again as ever.
  static let enough = 5
  static let unknownHabit: Int64 = 72
  /// Hours for which a new device may take its time: iOS waits for Wi-Fi and a charged battery before its first upload.
  static let newcomer: Int64 = 48
  /// Of the last transfers, those that must have broken to say something.
  static let brokenTransfers = 5
  /// Hours without an upload after which a known remainder is stuck.
  static let stuck: Int64 = 36
  /// Hours for which what a device said of itself counts: who is in contact says it again.
  static let saidFor: Int64 = 7 * 24
  /// Hours for which a phone that saves power, and one whose videos wait, are left in peace.
  static let longestPause: Int64 = 7 * 24
  static let longestDeferral: Int64 = 14 * 24
  /// Hours without a photo from a device in contact: more than a holiday from the camera. A switched-off backup looks the
  /// same from here.
  static let withoutPhoto: Int64 = 60 * 24
  /// Hours after an update for which its checklist is asked for, and, where the system was updated, which is known to
  /// take permissions away, one missed window less says something. An app's update changes nothing there: it comes every
  /// other week.
  static let afterUpdate: Int64 = 7 * 24

  /// - Parameter up: when the server could be reached.
  package static func state(of device: DeviceHistory, now: Instant, up: Uptime = .always) -> DeviceState {
    let device = device.known(by: now)
    return state(of: device, Moment(now: now, up: up), Habit(contacts: device.contacts, up: up))
  }

  /// When it is asked, and when the server could be reached.
  struct Moment {
    let now: Instant
    let up: Uptime

    /// Hours for which the server ran since then.
    func hours(since then: Instant) -> Int64 { up.hours(from: then.hour, to: now.hour) }
    func hours(since hour: Int64) -> Int64 { up.hours(from: hour, to: now.hour) }
  }

  /// As above, of what is known by then. - Parameter habit: only looked at where it counts; it changes with a contact alone.
  static func state(of device: DeviceHistory, _ at: Moment, _ habit: @autoclosure () -> Habit) -> DeviceState {
    let now = at.now
    if device.isRevoked { return DeviceState(.revoked, .revoked, "Its access was taken away.") }
    if let until = device.snoozedUntil, until > now {
      return DeviceState(.snoozed, .snoozed, "Snoozed for another \(Span(from: now, to: until)).")
    }
    guard isWatched(device, habit()) else { return DeviceState(.none, .notABackupDevice, "Brings no photos.") }
    // The worst counts, and of equals the one that says most: a known complaint must not hide that it has gone silent.
    let complaints = [refusals(device), said(device, now), silence(device, at, habit())].compactMap { $0 }
    return complaints.first { $0.level == .red } ?? complaints.first ?? rest(device, at)
  }

  /// Every phone, and every other with a habit that brought photos. In a browser somebody sits and sees what happens; a
  /// program that ran a few times, to import an old library, owes nothing.
  private static func isWatched(_ device: DeviceHistory, _ habit: @autoclosure () -> Habit) -> Bool {
    switch device.kind {
    case "phone": true
    case "browser": false
    default: device.hasUploaded && habit().daysOfContact >= enough
    }
  }

  /// What it said lately.
  private static func checkIn(_ device: DeviceHistory, _ now: Instant) -> CheckIn? {
    guard let at = device.checkedInAt, now.hour - at.hour < saidFor else { return nil }
    return device.checkIn
  }

  // MARK: What keeps photos out while it is in contact

  private static func refusals(_ device: DeviceHistory) -> DeviceState? {
    guard let last = device.transfers.first, case .refused(let slug) = last.end else { return nil }
    switch slug {
    case "quota_exceeded": return DeviceState(.red, .quotaFull, "Photos are refused: the quota is full.")
    case "disk_full": return DeviceState(.red, .diskFull, "Photos are refused: the server's disk is full.")
    default:
      let run = device.transfers.prefix { if case .refused = $0.end { true } else { false } }.count
      guard run >= 3 else { return nil }
      return DeviceState(.amber, .uploadsRejected, "The last \(run) uploads were refused; the activity says why.")
    }
  }

  /// What it said at its last check-in.
  private static func said(_ device: DeviceHistory, _ now: Instant) -> DeviceState? {
    guard let checkIn = checkIn(device, now) else { return nil }
    switch checkIn.permission {
    case .denied: return DeviceState(.red, .permissionDenied, "The app may not see any photos.")
    case .limited: return DeviceState(.amber, .permissionLimited, "The app may see only some of the photos.")
    case .full, .unknown, nil: break
    }
    if checkIn.isBackgroundOn == false {
      return DeviceState(.amber, .backgroundOff, "Backup in the background is switched off.")
    }
    return nil
  }

  // MARK: Silence

  private static func silence(
    _ device: DeviceHistory, _ at: Moment, _ habit: @autoclosure () -> Habit
  ) -> DeviceState? {
    if device.isSignedOut {
      let level: DeviceState.Level = at.now.hour - device.lastContact.hour >= long ? .red : .amber
      return DeviceState(level, .signedOut, "Signed out: nothing can be backed up until somebody logs in again.")
    }
    let last = device.contacts.last ?? device.lastContact.hour
    let silent = at.hours(since: last)
    guard silent >= grace else { return nil }
    let habit = habit()
    let span = Span(from: device.lastContact, to: at.now)
    guard habit.daysOfContact >= enough else {
      // It may be one that comes on Sundays.
      guard silent >= max(unknownHabit, habit.longestGap * 3 / 2) else { return nil }
      return DeviceState(silent >= long ? .red : .amber, .quiet, "Not heard from for \(span).")
    }
    let missed = habit.missed(since: last, now: at.now.hour)
    let isUpdated = device.systemUpdatedAt.map { $0.hour >= last - afterUpdate } ?? false
    let patience = isUpdated ? max(Habit.fewest, habit.patience - 1) : habit.patience
    guard missed >= patience else { return nil }
    let isRed = silent >= long && missed >= 2 * patience
    return DeviceState(
      isRed ? .red : .amber, .quiet, missedWindows: missed, "Not heard from for \(span); usually \(habit.words).")
  }

  // MARK: In contact

  private static func rest(_ device: DeviceHistory, _ at: Moment) -> DeviceState {
    let now = at.now
    if !device.hasUploaded {
      guard at.hours(since: device.firstContact) >= newcomer else {
        return DeviceState(.new, .newDevice, "New: the first upload may wait for Wi-Fi and a charged battery.")
      }
      return DeviceState(.amber, .noUploadYet, "In contact, but it has not brought a photo yet.")
    }
    if let backlog = backlog(device, at) { return backlog }
    let broken = device.transfers.count { $0.end == .broke }
    if broken >= brokenTransfers {
      return DeviceState(
        .amber, .transfersBreak, "\(broken) of the last \(device.transfers.count) transfers broke off.")
    }
    let saysNothingLeft = checkIn(device, now) != nil && device.remaining == 0
    if let last = device.lastUpload, now.hour - last.hour >= withoutPhoto, !saysNothingLeft {
      return DeviceState(
        .amber, .noNewPhotos,
        "In contact, but no photo for \(Span(from: last, to: now)): either none were taken, or its backup is switched off."
      )
    }
    if let reopened = device.reopenedAt, now.hour - reopened.hour < afterUpdate {
      return DeviceState(.green, .osUpdated, "Updated lately: please look through its checklist once.")
    }
    let when = device.lastUpload.map { "last photo \(Span(from: $0, to: now)) ago" } ?? "nothing new"
    return DeviceState(.green, .ok, "In contact, \(when).")
  }

  /// Something is left to bring, by what it said itself.
  private static func backlog(_ device: DeviceHistory, _ at: Moment) -> DeviceState? {
    guard let checkIn = checkIn(device, at.now), let remaining = device.remaining, remaining > 0 else { return nil }
    // Who takes photos every other week has nothing that is stuck the moment there are some.
    let since = max(device.lastUpload ?? device.firstContact, device.backlogSince ?? device.firstContact).hour
    // What it does not bring while it is not here is a matter of its silence.
    let idle = at.up.hours(from: since, to: device.contacts.last ?? device.lastContact.hour)
    if idle < longestDeferral, let videos = checkIn.remainingVideos, videos >= remaining {
      let size = checkIn.remainingBytes.map { ", \($0 / 1_000_000) MB" } ?? ""
      let wait = checkIn.wifiOnly == true ? "Wi-Fi" : "the app to be opened"
      return DeviceState(.deferred, .videosDeferred, "\(remaining) videos\(size) wait for \(wait).")
    }
    if idle < longestPause, checkIn.lowPower == true {
      return DeviceState(.paused, .lowPower, "\(remaining) wait: the phone saves power.")
    }
    if idle >= stuck {
      return DeviceState(.amber, .backlogStuck, "\(remaining) are left, and none came for \(idle / 24) days.")
    }
    if at.hours(since: since) >= 1 {
      return DeviceState(.paused, .pausedByOS, "Paused by the system with \(remaining) left; it goes on by itself.")
    }
    return nil
  }
}

/// A stretch of time in one word or two: `3 days`.
struct Span: CustomStringConvertible {
  let milliseconds: Int64

  init(from: Instant, to: Instant) { milliseconds = max(0, to.milliseconds - from.milliseconds) }

  var description: String {
    func some(_ count: Int64, _ unit: String) -> String { "\(count) \(unit)\(count == 1 ? "" : "s")" }
    let minutes = milliseconds / 60_000
    if minutes < 1 { return "a moment" }
    if minutes < 120 { return some(minutes, "minute") }
    if minutes < 48 * 60 { return some(minutes / 60, "hour") }
    return some(minutes / 1440, "day")
  }
}
