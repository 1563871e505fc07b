import FoundationEssentials
import Ground
import Store

/// A device, as somebody who looks at it sees it.
package struct Device: Sendable {
  package let record: DeviceRecord
  package let checkIn: CheckIn?
  /// What is left by its last check-in and what came since; nil where it never said.
  package let remaining: Int64?
  package let state: DeviceState
  package let checklist: [Guidance.Item]
  /// Milliseconds since 1970, by item.
  package let ticks: [String: Int64]
  package let today: Int64
  /// Nil for one that was never tickled.
  package let tickles: TickleView?
  package let policy: DevicePolicy
  /// A word to its owner beside the state.
  package let nudge: String?

  /// - Parameter up: when the server could be reached.
  init(_ record: DeviceRecord, now: Instant, up: Uptime) throws {
    let device = record.device
    self.record = record
    checkIn = try device.checkIn.map { try CheckIn(json: $0) }
    today = now.day
    tickles = record.tickles.map { TickleView($0) }
    checklist = Guidance.checklist(kind: device.facts.kind, os: device.facts.os, maker: device.facts.maker)
    ticks = (try? JSONDecoder().decode([String: Int64].self, from: Data(device.ticks.utf8))) ?? [:]
    let history = DeviceHistory(record, checkIn)
    policy = try DevicePolicy(json: device.policy)
    nudge = Device.nudge(device, remaining: history.remaining, now: now)
    (remaining, state) = (history.remaining, QuietAlarm.state(of: history, now: now, up: up))
  }

  /// Milliseconds for which an app stays closed until its owner is asked to open it.
  private static let closedLong: Int64 = 7 * 86_400_000

  /// A system gives an app that is opened now and then more time in the background. Said where it is known that something
  /// waits, and when the app was open last.
  private static func nudge(_ device: DeviceRow, remaining: Int64?, now: Instant) -> String? {
    guard device.facts.kind == "phone", device.revokedAt == nil, let remaining, remaining > 0,
      let opened = device.openedAt,
      now.milliseconds - opened.milliseconds >= closedLong
    else { return nil }
    return "\(remaining) wait, and the app was not open for \(Span(from: opened, to: now)): please open it once."
  }

  /// Whether a photo came by itself, with the app closed; nil where nobody can tell: not a phone, or its app does not show
  /// when it is open.
  package var isSetUp: Bool? {
    let device = record.device
    guard device.facts.kind == "phone", device.openedAt != nil else { return nil }
    return device.backgroundAt != nil
  }

  package var recommendedVersion: String? { ClientVersions.update(for: record.device.facts) }

  /// Its owner's name for it, or one that is made of what it is.
  package var name: String {
    let device = record.device
    return Device.name(device.name, device.label, device.facts)
  }

  package static func name(_ name: String?, _ label: String?, _ facts: DeviceFacts) -> String {
    if let name { return name }
    if let model = facts.model {
      guard let maker = facts.maker, !model.lowercased().hasPrefix(maker.lowercased()), maker != "Apple" else {
        return model
      }
      return "\(maker) \(model)"
    }
    if let label, !label.isEmpty { return label }
    let words = [facts.client, facts.os].compactMap { $0 }
    // `Immich for Android` names its system already.
    if words.count == 2, words[0].hasSuffix(words[1]) { return words[0] }
    return words.isEmpty ? "Unknown device" : words.joined(separator: " on ")
  }

  package var steps: [String] {
    let facts = record.device.facts
    return Guidance.steps(against: state.reason, kind: facts.kind, os: facts.os, maker: facts.maker)
  }

  /// An update since an item was ticked opens it again.
  package func isTicked(_ item: Guidance.Item) -> Bool {
    guard let ticked = ticks[item.id] else { return false }
    return record.device.reopenedAt.map { $0.milliseconds <= ticked } ?? true
  }

  /// Median and 95th percentile of the time from capture to storage, in seconds; nil without photos to tell by.
  package var latency: (median: Int64, p95: Int64, samples: Int)? {
    let sorted = record.latencies.sorted()
    guard !sorted.isEmpty else { return nil }
    return (
      sorted[sorted.count / 2] / 1000, sorted[min(sorted.count - 1, sorted.count * 95 / 100)] / 1000, sorted.count
    )
  }

  /// Of its last transfers those that broke, and after how many seconds they usually did.
  package var brokenTransfers: (of: Int, broken: Int, after: Int64?) {
    let broken = record.transfers.filter { $0.kind == ActivityKind.broken.rawValue }
    let seconds = broken.compactMap(\.seconds).sorted()
    return (record.transfers.count, broken.count, seconds.isEmpty ? nil : seconds[seconds.count / 2])
  }

  /// The last 30 days, the oldest first.
  package var strip: [DeviceDay] {
    let known = Dictionary(record.days.map { ($0.day, $0) }, uniquingKeysWith: { first, _ in first })
    return (today - 29...today).map { known[$0] ?? DeviceDay(day: $0, hours: 0) }
  }
}

extension DeviceHistory {
  init(_ record: DeviceRecord, _ checkIn: CheckIn?) {
    let device = record.device
    self.init(
      kind: device.facts.kind, firstContact: device.firstContact, lastContact: device.lastContact,
      lastUpload: device.lastUpload, hasUploaded: device.stored + device.duplicates > 0,
      contacts: record.days.flatMap { day in
        (0..<24).filter { day.hours & (1 << UInt32($0)) != 0 }.map { day.day * 24 + Int64($0) }
      })
    (isSignedOut, isRevoked) = (record.credentials.isEmpty, device.revokedAt != nil)
    (snoozedUntil, reopenedAt) = (device.snoozedUntil, device.reopenedAt)
    if device.reopenReason == ActivityKind.osChanged.rawValue { systemUpdatedAt = device.reopenedAt }
    (self.checkIn, checkedInAt, backlogSince) = (checkIn, device.checkedInAt, device.backlogSince)
    arrivedSinceCheckIn = device.arrivedSinceCheckIn
    transfers = record.transfers.map { transfer in
      switch transfer.kind {
      case ActivityKind.broken.rawValue: Transfer(.broke, transfer.at)
      case ActivityKind.rejected.rawValue: Transfer(.refused(transfer.reason ?? "invalid"), transfer.at)
      default: Transfer(.arrived, transfer.at)
      }
    }
  }
}
