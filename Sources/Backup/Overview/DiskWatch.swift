import Ground
import Logging
import Store
import Synchronization
import Tickle

/// How full the disk is, told once when it changes: in the activity, and to admins by their channels.
package final class DiskWatch: Sendable {
  package enum Level: String, Sendable { case green, amber, red }

  private struct State {
    /// What was told last; nil until it is read.
    var level: Level?
    /// Channels that have not taken the last message yet, and how often it was tried.
    var waiting: [Identifier: Int] = [:]
  }
  private let state = Mutex(State())
  private let zones = QuietZones()
  /// Tries of one message, ten minutes apart.
  private static let tries = 16

  private let catalog: Catalog
  private let live: LiveSignal
  private let post: any AlertPost
  private let space: @Sendable () async throws -> (free: Int64, total: Int64)
  private let logger: Logger
  private let now: @Sendable () -> Instant

  init(
    catalog: Catalog, live: LiveSignal, post: any AlertPost,
    space: @escaping @Sendable () async throws -> (free: Int64, total: Int64), logger: Logger,
    now: @escaping @Sendable () -> Instant
  ) {
    (self.catalog, self.live, self.post, self.space) = (catalog, live, post, space)
    (self.logger, self.now) = (logger, now)
  }

  /// Two percent back before it is well again: who deletes a film an hour would be told every hour.
  static func level(percent: Int64, was: Level) -> Level {
    if percent >= 95 || (was == .red && percent >= 93) { return .red }
    return percent >= 90 || (was != .green && percent >= 88) ? .amber : .green
  }

  func look() async {
    do {
      let (free, total) = try await space()
      guard total > 0 else { return }
      let percent = (total - max(0, free)) * 100 / total
      let known = state.withLock { $0.level }
      let was: Level
      if let known {
        was = known
      } else {
        was = try await catalog.lastDiskLevel().flatMap { Level(rawValue: $0) } ?? .green
      }
      let level = DiskWatch.level(percent: percent, was: was)
      if level != was {
        try await catalog.record([
          ActivityEntry(
            at: now(), kind: .diskLevel, user: nil, bytes: free, reason: level.rawValue, detail: "\(percent) % in use")
        ])
        live.ring()
        let channels = try await catalog.adminChannels()
        state.withLock { $0.waiting = Dictionary(channels.map { ($0.id, 0) }, uniquingKeysWith: { first, _ in first }) }
      }
      state.withLock { $0.level = level }
      try await tell(level, percent)
    } catch {
      // The next look tries again; a full disk may be why.
      logger.warning("how full the disk is could not be told", metadata: ["error": "\(error)"])
    }
  }

  private func tell(_ level: Level, _ percent: Int64) async throws {
    guard state.withLock({ !$0.waiting.isEmpty }) else { return }
    let now = now()
    for channel in try await catalog.adminChannels() {
      guard let tries = state.withLock({ $0.waiting[channel.id] }) else { continue }
      let settings = try await catalog.alertSettings(of: channel.userID)
      guard settings.snoozedUntil.map({ $0 > now }) != true else { continue }
      let quiet = AlertSettings(settings).quietHours(zones, now: now)
      if channel.kind != "webhook", let quiet, quiet.wait(now) > now { continue }
      let reply = await post.send(
        .disk(level, percent: percent, at: now), through: channel,
        delivery: "disk-\(level.rawValue)-\(channel.id)-\(now.day)")
      state.withLock { state in
        switch reply {
        case .accepted, .gone, .refused: state.waiting[channel.id] = nil
        default: state.waiting[channel.id] = tries + 1 < DiskWatch.tries ? tries + 1 : nil
        }
      }
    }
  }
}

extension AlertMessage {
  static func disk(_ level: DiskWatch.Level, percent: Int64, at: Instant) -> AlertMessage {
    let sentence =
      level == .green
      ? "The server's disk has room again: \(percent) % are in use."
      : "The server's disk is \(percent) % full. When nothing but the reserve is left, uploads are refused."
    return AlertMessage(
      number: 1, at: at, level: level.rawValue, reason: ActivityKind.diskLevel.rawValue,
      urgency: level == .red ? .red : level == .amber ? .amber : .fine, device: nil, deviceName: "Server", person: "",
      isForAdmin: false, sentence: sentence,
      steps: level == .green ? [] : ["Empty the trash, or move the data to a larger disk."])
  }
}
