import Ground
import Store

extension Devices {
  /// What a device hears at the end of a check-in.
  package struct Reply: Sendable {
    package let nextCheckIn: Instant
    /// What its owner wants; where they said nothing of the network, what the device says itself.
    package let policy: DevicePolicy
    package let recommendedVersion: String?
    /// Whose file the server lost, or put aside because it is damaged: please send them again.
    package let wantedAgain: [SHA1Digest]
    /// Deleted here by their owner lately: not to be sent again.
    package let deleted: [SHA1Digest]
    /// Never stored here.
    package let unknown: [SHA1Digest]
  }

  /// Seconds until the next check-in: while something is left, when all is well, and after a failure of many.
  static let soon: Int64 = 15 * 60
  static let usual: Int64 = 6 * 3600

  /// - Parameters:
  ///   - facts: what it says it is.
  ///   - digests: of photos that it has; at most `CheckIn.hashLimit`.
  ///   - tickle: the one that it comes for.
  /// - Throws: `.invalid`; `.forbidden` where another device asks.
  package func checkIn(
    _ id: Identifier, by principal: Principal, _ report: CheckIn, facts: DeviceFacts, digests: [SHA1Digest],
    tickle: Int64? = nil
  ) async throws -> Reply {
    let report = try report.checked()
    guard digests.count <= CheckIn.hashLimit else {
      throw BackupError.invalid("hashes must contain no more than \(CheckIn.hashLimit) elements")
    }
    let known = try await device(id, of: principal.user.id)
    guard known.record.device.number == principal.device else { throw BackupError.forbidden }
    let now = now()
    let (json, news) = (try report.json, report.news(since: known.checkIn))
    try await speaking {
      try await catalog.checkIn(
        device: known.record.device.number, json, facts: facts, hasBacklog: report.remaining.map { $0 > 0 },
        isNews: news != nil, detail: news, now: now)
    }
    if news != nil { live.ring() }
    let device = known.record.device.number
    if let tickle { tickles?.contact(device, at: now, echo: tickle) }
    tickles?.report(device, hasBacklog: (report.remaining ?? 0) > 0)

    let owner = principal.user.id
    let results = try await assets.check(digests, owner: owner)
    let wanted = zip(digests, results).filter { $0.1 == .wanted }.map(\.0)
    let here = zip(digests, results).filter { $0.1 != .wanted }.map(\.0)
    try await speaking { try await catalog.noteHolder(device, of: here, owner: owner, now: now) }
    let lost = try await assets.lost(wanted, owner: owner)
    let deleted = try await speaking { try await catalog.deletedLately(wanted, owner: owner) }
    let isBusy = (report.remaining ?? 0) > 0 || !lost.isEmpty
    var policy = known.policy
    policy.network = policy.network ?? (report.wifiOnly == true ? .wifi : .any)
    // Not all phones of a household in the same second.
    let jitter = Int64(id.low % 120)
    return Reply(
      nextCheckIn: now.adding(seconds: (isBusy ? Devices.soon : Devices.usual) + jitter),
      policy: policy, recommendedVersion: ClientVersions.update(for: facts), wantedAgain: wanted.filter(lost.contains),
      deleted: wanted.filter { deleted.contains($0) && !lost.contains($0) },
      unknown: wanted.filter { !deleted.contains($0) && !lost.contains($0) })
  }
}

extension Assets {
  /// Those of the digests whose row is here and whose file is known to be gone.
  func lost(_ digests: [SHA1Digest], owner: Identifier) async throws -> Set<SHA1Digest> {
    let lost = originals.lost.all
    guard !lost.isEmpty else { return [] }
    let known = try await speaking { try await catalog.check(digests, owner: owner) }
    return Set(
      zip(digests, known).compactMap { digest, result in
        if case .known(let id, _) = result, lost.contains(id) { digest } else { nil }
      })
  }
}
