import Ground
import Logging
import Store
import Synchronization
import Tickle

/// How full the disk is, told once when it changes: in the activity, and to admins by their channels. What a channel was really
/// told is the catalog's to say: a message that waits for a morning outlives a restart, and who never heard that the disk is full
/// need not hear that it has room again.
package final class DiskWatch: Sendable {
  package enum Level: String, Sendable { case green, amber, red }

  private let zones = QuietZones()
  /// What was taken and could not be recorded; by channels. Nobody shall be told twice because the disk is full.
  private let unrecorded = Mutex<[Identifier: Level]>([:])

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
      var change = try await catalog.lastDiskChange()
      let was = change.flatMap { Level(rawValue: $0.level) } ?? .green
      let level = DiskWatch.level(percent: percent, was: was)
      if level != was {
        try await catalog.noteDisk(
          ActivityEntry(
            at: now(), kind: .diskLevel, user: nil, bytes: free, reason: level.rawValue, detail: "\(percent) % in use"))
        live.ring()
        change = try await catalog.lastDiskChange()
      }
      if let change { try await tell(level, percent, change) }
    } catch {
      // The next look tries again; a full disk may be why.
      logger.warning("how full the disk is could not be told", metadata: ["error": "\(error)"])
    }
  }

  private func tell(_ level: Level, _ percent: Int64, _ change: Catalog.DiskChange) async throws {
    let now = now()
    for (channel, tries) in try await catalog.diskChannels(toTell: level.rawValue, tries: Alerts.tries, at: now) {
      let settings = try await catalog.alertSettings(of: channel.userID)
      guard settings.snoozedUntil.map({ $0 > now }) != true else { continue }
      let quiet = AlertSettings(settings).quietHours(zones, now: now)
      if channel.kind != AlertChannel.Kind.webhook.rawValue, let quiet, quiet.wait(now) > now { continue }
      var end = Catalog.AlertEnd.delivered
      if unrecorded.withLock({ $0[channel.id] }) != level {
        let reply = await post.send(
          .disk(level, percent: percent, at: change.at), through: channel,
          delivery: "disk-\(change.number)-\(channel.id)")
        end = Alerts.end(reply, tries: tries, now: self.now())
      }
      if end == .delivered { unrecorded.withLock { $0[channel.id] = level } }
      try await catalog.end(
        diskLevel: level.rawValue, channel: channel.number, end, tries: Alerts.tries, now: self.now())
      unrecorded.withLock { $0[channel.id] = nil }
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
