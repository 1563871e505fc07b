import Ground
import Logging
import Store

/// What happened, by the time it was received here.
package final class Activity: Sendable {
  package struct Limits: Sendable {
    /// How long it is kept.
    package var days = 365
    /// Rows that are kept, some 250 bytes each; nine tenths for transfers, a twentieth for failed logins.
    package var rows = 200_000

    package init() {}
  }

  /// Entries in one answer.
  package static let pageLimit = 500

  package let limits: Limits
  package let live: LiveSignal
  private let catalog: Catalog
  private let log: ActivityLog
  private let logger: Logger
  package let now: @Sendable () -> Instant

  init(
    limits: Limits, catalog: Catalog, log: ActivityLog, live: LiveSignal, logger: Logger,
    now: @escaping @Sendable () -> Instant
  ) {
    (self.limits, self.catalog, self.log, self.live) = (limits, catalog, log, live)
    (self.logger, self.now) = (logger, now)
  }

  /// The newest first.
  /// - Parameter before: the `number` of the last one that was seen.
  package func list(_ filter: ActivityFilter, before: Int64?, limit: Int) async throws -> [ActivityRow] {
    await log.flush()
    return try await speaking { try await catalog.activity(filter, before: before, limit: limit) }
  }

  /// What came behind `number`, the oldest first.
  package func list(_ filter: ActivityFilter, after number: Int64, limit: Int) async throws -> [ActivityRow] {
    try await speaking { try await catalog.activity(filter, after: number, limit: limit) }
  }

  /// The first photo that arrived since `from` and was taken since `taken`.
  package func firstArrival(
    from: Instant, takenSince taken: Instant, user: Identifier?, device: Identifier?
  ) async throws -> ActivityRow? {
    try await speaking {
      try await catalog.firstArrival(from: from, takenSince: taken, user: user, device: device)
    }
  }

  /// As `firstArrival`; keeps it as the last test of the device that it came from.
  package func noteCanary(
    from: Instant, takenSince taken: Instant, user: Identifier?, device: Identifier?
  ) async throws -> ActivityRow? {
    let found = try await firstArrival(from: from, takenSince: taken, user: user, device: device)
    if let found {
      try await speaking { try await catalog.noteCanary(found, seconds: found.secondsFromCapture ?? 0) }
      live.ring()
    }
    return found
  }

  /// The first number that is kept, and the last that there was.
  package func range() async throws -> (first: Int64, last: Int64) {
    try await speaking { try await catalog.activityRange() }
  }

  /// - Parameter user: whose; nil for everybody's.
  package func counts(user: Identifier?, since: Instant) async throws -> ActivityCounts {
    await log.flush()
    return try await speaking { try await catalog.activityCounts(user: user, since: since) }
  }

  /// Forgets what is too old, or too much.
  package func sweep() async {
    let limit = now().adding(seconds: -Int64(limits.days) * 86_400)
    do {
      while try await catalog.pruneActivity(before: limit, rows: Int64(limits.rows)) {}
    } catch { logger.warning("old activity could not be removed", metadata: ["error": "\(error)"]) }
  }
}

extension ActivityRow {
  /// How long a photo took from the camera to here; nil for what is no photo.
  package var secondsFromCapture: Int64? { capturedAt.map { max(0, (at.milliseconds - $0.milliseconds) / 1000) } }
}
