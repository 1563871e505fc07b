import Ground
import Store

/// What somebody sees at a glance: is everything safe?
package struct Overview: Sendable {
  package struct Person: Sendable {
    package let user: User
    package let level: DeviceState.Level
    package let reason: DeviceState.Reason
    package let sentence: String
    package let devices: [Device]
    package let assets: Int
    /// By what their devices said; nil where none says so.
    package let remaining: Int64?
    package let lastUpload: Instant?
  }

  package struct Disk: Sendable, Equatable {
    package let free: Int64
    package let total: Int64
    package let reserve: Int64
    /// What usually comes, by the last 30 days; nil where there are too few to tell.
    package let bytesPerDay: Int64?
    package let daysUntilFull: Int64?
  }

  /// A transfer under way, or one that waits to be continued.
  package struct Transfer: Sendable {
    package let id: String
    package let owner: Identifier
    package let device: Identifier?
    package let name: String?
    package let received: Int64
    package let total: Int64?
    package let bytesPerSecond: Int64
    package let startedAt: Instant
    package let lastByteAt: Instant
    package let isActive: Bool
    package let isResumable: Bool
  }

  package let people: [Person]
  package let devices: [Device]
  package let disk: Disk
  package let uploads: [Transfer]
  package let activity: [ActivityRow]
  /// Debian's names of media tools that are not installed.
  package let missingTools: [String]
  package let tickles: TickleView.Totals

  /// Entries of activity, and transfers, at most.
  static let activityCount = 20
  static let transferLimit = 200
}

extension Backup {
  /// - Parameter user: who looks: an admin sees everybody.
  package func overview(for user: User) async throws -> Overview {
    let scope = user.isAdmin ? nil : user.id
    let all = try await devices.list(of: scope, withRevoked: false)
    var users = user.isAdmin ? try await accounts.list() : [user]
    if let own = users.firstIndex(where: { $0.id == user.id }) { users.insert(users.remove(at: own), at: 0) }
    let lost = try await assets.lostByOwner()
    var people: [Overview.Person] = []
    for person in users {
      people.append(
        Overview.Person(
          person, all.filter { $0.record.device.user == person.id }, assets: try await assets.visible(of: person.id),
          lost: lost[person.id] ?? 0, now: devices.now()))
    }
    var filter = ActivityFilter()
    filter.user = scope
    return Overview(
      people: people, devices: all.filter { $0.state.level != .none }, disk: try await disk(),
      uploads: try await transfers(of: users),
      activity: try await activity.list(filter, before: nil, limit: Overview.activityCount),
      missingTools: jobs.missingTools ?? [], tickles: try await tickles.totals(of: scope))
  }

  /// What is being received from these people, and what waits to be continued.
  package func transfers(of people: [User]) async throws -> [Overview.Transfer] {
    let ids = Set(people.map(\.id))
    var found = try await transfersUnderWay { ids.contains($0) }
    for person in people where found.count < Overview.transferLimit {
      for upload in try await uploads.list(owner: person.id) where !upload.isReceiving {
        found.append(try await waiting(upload))
      }
    }
    return Array(found.prefix(Overview.transferLimit))
  }

  /// What moves just now.
  package func transfersUnderWay(_ isSeen: (Identifier) -> Bool) async throws -> [Overview.Transfer] {
    let now = devices.now()
    var found: [Overview.Transfer] = []
    for ticket in desk.transfers.underWay.filter({ isSeen($0.owner) }).prefix(Overview.transferLimit) {
      found.append(
        Overview.Transfer(
          id: "transfer-\(ticket.number)", owner: ticket.owner, device: try await devices.id(ticket.origin?.device),
          name: ticket.name, received: ticket.received, total: ticket.length,
          bytesPerSecond: ticket.bytesPerSecond(now: now), startedAt: ticket.begun, lastByteAt: ticket.lastByte,
          isActive: true, isResumable: ticket.isResumable))
    }
    return found
  }

  private func waiting(_ upload: UploadStatus) async throws -> Overview.Transfer {
    Overview.Transfer(
      id: upload.asset.description, owner: upload.owner, device: try await devices.id(upload.origin?.device),
      name: upload.name.map { String(decoding: $0, as: UTF8.self) }, received: upload.offset, total: upload.length,
      bytesPerSecond: 0, startedAt: upload.createdAt, lastByteAt: upload.activeAt, isActive: false, isResumable: true)
  }

  private func disk() async throws -> Overview.Disk {
    let (free, total) = try await desk.lane().run { try space() }
    let rate = Overview.pace(try await devices.received(days: 30))
    let room = max(0, free - reserve)
    return Overview.Disk(
      free: free, total: total, reserve: reserve, bytesPerDay: rate,
      daysUntilFull: rate.flatMap { $0 > 0 ? room / $0 : nil })
  }
}

extension Devices {
  /// Of a device's number; nil where it is gone.
  package func id(_ number: Int64?) async throws -> Identifier? {
    guard let number else { return nil }
    return try await speaking { try await catalog.deviceID(number) }
  }

  /// Bytes that were stored on each of the last whole days on which the server was in use, the oldest first.
  func received(days: Int64) async throws -> [Int64] {
    let today = now().day
    let (sums, first) = try await speaking { try await catalog.storedBytes(in: today - days...today - 1) }
    guard let first, first < today else { return [] }
    return (max(first, today - days)...today - 1).map { sums[$0] ?? 0 }
  }
}

extension Overview {
  /// What a usual day brings: the median, so that the import of an old library on one day, or some, does not count for a
  /// month. Where less than every other day brings something, a usual week's seventh. Nil where there are too few days.
  static func pace(_ days: [Int64]) -> Int64? {
    func median(_ sums: [Int64]) -> Int64 { sums.sorted()[sums.count / 2] }
    guard days.count >= 3 else { return nil }
    let daily = median(days)
    guard daily == 0, days.count >= 14 else { return daily }
    let weeks = (0..<days.count / 7).map { week in
      days.dropLast(week * 7).suffix(7).reduce(0, +)
    }
    return median(weeks) / 7
  }
}

extension Overview.Person {
  /// - Parameter lost: assets whose file is missing or not whole, as far as somebody noticed.
  init(_ user: User, _ all: [Device], assets: Int, lost: Int, now: Instant) {
    let watched = all.filter { $0.state.level != .none && $0.state.level != .revoked }
    let remaining = watched.compactMap(\.remaining)
    let last = all.compactMap(\.record.device.lastUpload).max()
    let worst = watched.min { $0.state.level.rank < $1.state.level.rank }
    let left = remaining.isEmpty ? nil : remaining.reduce(0, +)
    var (level, reason, sentence) = Overview.Person.words(worst, watched, last, left, now)
    if lost > 0 {
      let files = lost == 1 ? "The file of 1 photo is" : "The files of \(lost) photos are"
      let more = level == .red || level == .amber ? " \(sentence)" : ""
      (level, reason) = (.red, .filesLost)
      sentence =
        "\(files) missing or damaged on the server: restore from a backup, or open the app to send again.\(more)"
    }
    self.init(
      user: user, level: level, reason: reason, sentence: sentence, devices: watched, assets: assets, remaining: left,
      lastUpload: last)
  }

  private static func words(
    _ worst: Device?, _ watched: [Device], _ last: Instant?, _ remaining: Int64?, _ now: Instant
  ) -> (DeviceState.Level, DeviceState.Reason, String) {
    guard let worst else { return (.none, .notABackupDevice, "No phone is connected yet.") }
    let state = worst.state
    switch state.level {
    case .green:
      let when = last.map { "last photo \(Span(from: $0, to: now)) ago" } ?? "nothing came yet"
      let rest = remaining.map { $0 > 0 ? ", \($0) are still on the way" : "" } ?? ""
      // Who put an alarm off shall not forget that nothing watches there.
      let snoozed = watched.filter { $0.state.level == .snoozed }
      if let one = snoozed.first {
        let names = snoozed.count == 1 ? one.name : "\(one.name) and \(snoozed.count - 1) more"
        return (
          .green, state.reason, "Everything else is safe (\(when)\(rest)), but \(names) is snoozed and not watched."
        )
      }
      if remaining ?? 0 > 0 { return (.green, state.reason, "On the way: \(when)\(rest).") }
      return (.green, state.reason, "Everything is safe: \(when).")
    case .snoozed: return (.snoozed, state.reason, "\(worst.name) is snoozed, and nothing else is watched.")
    default:
      let others = watched.count { $0.state.level.rank <= DeviceState.Level.amber.rank } - 1
      let more = others > 0 ? " \(others) more need\(others == 1 ? "s" : "") a look." : ""
      return (state.level, state.reason, "\(worst.name): \(state.sentence)\(more)")
    }
  }
}

extension Backup {
  /// Whether something comes from one of these people just now. Costs a look into memory.
  package func isReceiving(_ isSeen: (Identifier) -> Bool) -> Bool {
    desk.transfers.underWay.contains { isSeen($0.owner) }
  }
}
