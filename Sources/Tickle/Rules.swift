import Ground

/// What a device runs on, as far as waking it is concerned.
package enum Platform: UInt8, Sendable, CaseIterable {
  case iOS, android, other

  /// - Parameter os: as the device says it, such as `iOS`.
  package init(os: String?) {
    switch os {
    case "iOS": self = .iOS
    case "Android": self = .android
    default: self = .other
    }
  }

  /// Tickles within any hour and any day. Apple asks for not more than 2 or 3 an hour; a quiet Android app is worth 5 to the
  /// system's rare bucket. A computer bears more, but gains nothing by it.
  package var budget: (perHour: Int, perDay: Int) {
    switch self {
    case .iOS: (2, 12)
    case .android: (5, 5)
    case .other: (4, 12)
    }
  }

  /// Seconds behind a tickle in which a first contact is put down to it.
  package var window: Int64 { self == .iOS ? 3 * 60 : 15 * 60 }
}

/// The numbers by which tickles are decided.
package enum Rules {
  static let hour: Int64 = 3_600_000
  static let day: Int64 = 24 * hour

  /// Milliseconds since the last contact within which a device is fresh: it is never tickled.
  package static let fresh = hour
  /// Of a device's usual gap: beyond it, it is due.
  static let staleness = 0.75
  /// Milliseconds to wait after the first, second … tickle without a contact.
  package static let ladder: [Int64] = [1, 2, 4, 8, 24, 72].map { $0 * hour }
  /// Of an interval, to either side.
  package static let jitter = 0.15
  /// Behind this long without a running scheduler, what is due is spread.
  package static let downtime: Int64 = 30 * 60_000
  package static let spread: Int64 = 10 * 60_000
  /// Sends under way at once.
  package static let inFlight = 8
  /// Milliseconds that a push service may keep a tickle.
  static let longestLife = 4 * hour
  /// Of a hundred due tickles, those that are held back to learn what happens without them.
  static let heldPercent: UInt64 = 10
  /// Trials between two looks at whether tickles help.
  package static let trials = 30
  /// Beyond this many, older trials count half.
  static let trialsRemembered = 480
  /// How much slower than usual a device is tickled at the most, where tickles do not help.
  static let slowest: UInt8 = 8
  /// Accepted tickles without any contact behind which somebody closed the app for good.
  package static let unanswered: UInt8 = 3
  /// Answered tickles in a row without a photo although some are left.
  static let shortRuns: UInt8 = 3
  /// From this interval on, the habitual hour is looked for, within half of it and at most `habitReach`.
  static let habitFrom = 4 * hour
  static let habitReach = 12 * hour
  /// Milliseconds behind a contact that a tickle brought in which further ones belong to it.
  static let visit: Int64 = 30 * 60_000
  /// First and longest pause after a send that failed.
  static let firstBackoff: Int64 = 60_000
  static let longestBackoff = 6 * hour
  /// A push service asks for no more.
  static let longestPatience = 30 * day
}

extension UInt64 {
  /// SplitMix64's finalizer: neighbours come out far apart.
  package var mixed: UInt64 {
    var z = self &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// From 0 to just below 1.
  var unit: Double { Double(self >> 11) / Double(1 << 53) }
}
