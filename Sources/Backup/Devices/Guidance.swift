/// What to do on a phone so that it keeps backing up, by OS and maker, in one table. Menu names are those of current
/// versions in English; where a maker moves them, the words still say what to look for.
package enum Guidance {
  package struct Item: Sendable, Equatable {
    package let id: String
    package let text: String
  }

  /// A line of the table: for whom, and what.
  struct Row: Sendable {
    let id: String
    /// Nil for every OS.
    let os: String?
    /// Lower-case beginnings of makers' names; nil for every maker.
    let makers: [String]?
    let text: String
    /// The reasons that it helps against; it is on the checklist of every device that it fits.
    let reasons: Set<DeviceState.Reason>
  }

  static let table: [Row] = [
    // Every phone.
    row(
      "open", nil, nil, "Open the app once and leave it open for a minute: what waits goes up at once.",
      silence.union(backlog)),
    row(
      "no-swipe", nil, nil,
      "Do not close the app by swiping it away: the system takes that as a wish that it stays closed.", silence),
    row(
      "charge", nil, nil, "Leave the phone on its charger and in Wi-Fi overnight: most background work happens then.",
      silence.union(backlog)),
    row(
      "login", nil, nil, "Open the app and log in again; what is stored already is not sent twice.",
      [.signedOut, .revoked]),
    row(
      "select-albums", nil, nil, "In the app, look at which albums are chosen: only those are backed up.",
      [.noUploadYet, .noNewPhotos, .osUpdated]),
    row(
      "backup-on", nil, nil, "In the app, switch backup on, and its background backup too.",
      [.noUploadYet, .noNewPhotos, .backgroundOff, .quiet]),
    row("update-app", nil, nil, "Update the app.", [.quiet, .transfersBreak, .backlogStuck]),
    row(
      "network", nil, nil, "Try another network: a VPN, a data saver or weak Wi-Fi breaks long uploads.",
      [.transfersBreak]),
    row(
      "proxy", nil, nil,
      "If transfers always break after the same time or size, look at the reverse proxy's limits and time-outs.",
      [.transfersBreak]),
    row(
      "lost", nil, nil,
      "Copy the missing files back from a backup of the server's data, or open the app: what is missing is asked for again.",
      [.filesLost]),
    row("quota", nil, nil, "Ask the admin for a larger quota, or empty the trash.", [.quotaFull]),
    row("disk", nil, nil, "Free space on the server's disk, or move the data to a larger one.", [.diskFull]),
    row(
      "refused", nil, nil, "Look at the activity: each refused file stands there with its name and the reason.",
      [.uploadsRejected]),
    row(
      "stuck-files", nil, nil,
      "Look at the files that the app names as failed: one that cannot be read may hold up the rest.", [.backlogStuck]),

    // iOS.
    row(
      "ios-refresh", "iOS", nil,
      "Settings → General → Background App Refresh: on, for the app too. If it was off, restart the phone afterwards.",
      background),
    row(
      "ios-photos", "iOS", nil,
      "Settings → Apps → the app → Photos: Full Access. A limited selection never backs up new photos.", permission),
    row(
      "ios-power", "iOS", nil, "Switch off Low Power Mode: it stops background work.", [.lowPower, .quiet, .pausedByOS]),
    row(
      "ios-icloud", "iOS", nil,
      "With Optimise Storage in iCloud Photos the originals must come down first: give it time in Wi-Fi, with the app open.",
      [.backlogStuck, .videosDeferred, .noUploadYet]),
    row(
      "ios-videos", "iOS", nil, "Large videos need the app open: leave it in front, in Wi-Fi, with the screen on.",
      [.videosDeferred, .pausedByOS]),
    row(
      "ios-cellular", "iOS", nil, "Settings → Mobile Data → the app: on, unless only Wi-Fi is wanted.",
      [.quiet, .transfersBreak]),

    // Android, whoever made it.
    row(
      "android-battery", "Android", nil, "Settings → Apps → the app → Battery: Unrestricted (or: Not optimised).",
      background),
    row(
      "android-photos", "Android", nil, "Settings → Apps → the app → Permissions → Photos and videos: Allow all.",
      permission),
    row(
      "android-unused", "Android", nil, "Settings → Apps → the app: switch off “Pause app activity if unused”.",
      background),
    row(
      "android-data", "Android", nil,
      "Settings → Apps → the app → Mobile data: allow background data, and unrestricted use while Data Saver is on.",
      [.quiet, .backlogStuck, .transfersBreak]),
    row("android-private", "Android", nil, "An app in a locked private space cannot run: keep it outside.", [.quiet]),

    // Makers with switches of their own.
    row(
      "samsung-sleeping", "Android", ["samsung"],
      "Settings → Battery → Background usage limits: the app under “Never sleeping apps”, and “Put unused apps to sleep” off.",
      background),
    row(
      "samsung-care", "Android", ["samsung"],
      "Settings → Device care → Auto optimisation: no automatic restart or closing for the app.", [.quiet]),
    row("xiaomi-autostart", "Android", xiaomi, "Security → Permissions → Autostart: on for the app.", background),
    row(
      "xiaomi-battery", "Android", xiaomi, "Settings → Apps → Manage apps → the app → Battery saver: No restrictions.",
      background),
    row("xiaomi-lock", "Android", xiaomi, "In the list of recent apps, pull the app down and lock it.", [.quiet]),
    row(
      "huawei-launch", "Android", ["huawei", "honor"],
      "Settings → Battery → App launch: the app to “Manage manually”, with all three switches on.", background),
    row(
      "huawei-prompt", "Android", ["huawei", "honor"],
      "Settings → Battery → More: switch off closing of power-intensive apps.", [.quiet]),
    row(
      "oneplus-battery", "Android", oppo,
      "Settings → Battery → More → Optimise battery use: the app to “Don't optimise”; allow background activity and auto-launch.",
      background),
    row("oneplus-lock", "Android", oppo, "In the list of recent apps, lock the app.", [.quiet]),
    row(
      "vivo-background", "Android", ["vivo", "iqoo"],
      "Settings → Battery → Background power consumption: allow it for the app, and Autostart too.", background),
    row(
      "pixel-adaptive", "Android", ["google"],
      "A Pixel is kind to background work; if the app is rarely opened, switch off Settings → Battery → Adaptive Battery.",
      [.quiet]),
    row(
      "sony-stamina", "Android", ["sony"], "Settings → Battery → STAMINA mode: off, or the app as an exception.",
      background),
    row(
      "motorola-battery", "Android", ["motorola", "lenovo"],
      "Settings → Battery → Background restrictions: none for the app.", background),
    row(
      "nokia-kill", "Android", ["nokia", "hmd"], "Settings → Battery → Background activity manager: allow the app.",
      background),

    // Computers.
    row(
      "desktop-awake", "desktop", nil, "Is the computer switched on, and is the program that uploads started with it?",
      [.quiet]),
    row(
      "key-valid", "desktop", nil, "Does the program's key still hold? API keys stand in the settings.",
      [.quiet, .signedOut]),
  ]

  private static let silence: Set<DeviceState.Reason> = [.quiet, .pausedByOS]
  private static let backlog: Set<DeviceState.Reason> = [.backlogStuck, .videosDeferred, .pausedByOS, .noUploadYet]
  private static let background: Set<DeviceState.Reason> = [.quiet, .backgroundOff, .osUpdated, .pausedByOS]
  private static let permission: Set<DeviceState.Reason> = [
    .permissionLimited, .permissionDenied, .osUpdated, .noUploadYet,
  ]
  private static let xiaomi = ["xiaomi", "redmi", "poco"]
  private static let oppo = ["oneplus", "oppo", "realme"]

  private static func row(
    _ id: String, _ os: String?, _ makers: [String]?, _ text: String, _ reasons: Set<DeviceState.Reason>
  ) -> Row { Row(id: id, os: os, makers: makers, text: text, reasons: reasons) }

  /// What fits a device: the maker's own switches first, then the system's, then what helps everybody.
  static func rows(kind: String, os: String?, maker: String?) -> [Row] {
    let maker = maker?.lowercased() ?? ""
    let place = kind == "phone" ? os : "desktop"
    return table.filter { row in
      guard row.os == nil || row.os == place else { return false }
      guard let makers = row.makers else { return true }
      return makers.contains { maker.hasPrefix($0) }
    }.sorted { left, right in specificity(left) > specificity(right) }
  }

  private static func specificity(_ row: Row) -> Int { row.makers != nil ? 2 : row.os != nil ? 1 : 0 }

  /// The steps against a reason, at most six.
  package static func steps(against reason: DeviceState.Reason, kind: String, os: String?, maker: String?) -> [String] {
    rows(kind: kind, os: os, maker: maker).filter { $0.reasons.contains(reason) }.prefix(6).map(\.text)
  }

  /// What to look through once on each phone, and again after an update: switches, not remedies.
  package static func checklist(kind: String, os: String?, maker: String?) -> [Item] {
    guard kind == "phone" else { return [] }
    let everybody: Set = ["backup-on", "select-albums", "charge", "no-swipe"]
    return rows(kind: kind, os: os, maker: maker).filter { row in
      row.os == nil ? everybody.contains(row.id) : !row.reasons.isDisjoint(with: background.union(permission))
    }.map { Item(id: $0.id, text: $0.text) }
  }
}
