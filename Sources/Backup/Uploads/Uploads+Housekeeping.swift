import Ground
import Store

extension Uploads {
  /// Seconds between two sweeps.
  static let sweepInterval = 600.0

  /// Undoes what could not be undone before, removes what expired and what belongs to nothing, and forgets old endings;
  /// never touches a live writer. Every 10 minutes.
  package func sweep(_ now: Instant = .now()) async {
    guard let staging, let finisher else { return }
    do { try await finisher.settleLeftovers() } catch {
      logger.warning("uploads that could not be stored are not undone yet: \(error)")
    }
    do {
      for row in try await catalog.expiredUploads(now) {
        guard let seat = registry.visitIfIdle(UploadToken(bytes: row.token)) else { continue }
        do { try await sweep(seat, now) } catch {
          registry.leave(seat, .letGo, parking: seat.file)
          // The others do not wait for this one.
          logger.warning("an expired upload could not be removed: \(error)")
        }
      }
      _ = try await catalog.forgetUploads(now)
      let orphans = try await desk.lane().run { try await staging.sweepOrphans(in: catalog, now: now) }
      if orphans > 0 { logger.notice("\(orphans) files in staging belonged to nothing and were removed") }
    } catch {
      logger.warning("expired uploads could not be removed: \(error)")
    }
  }

  private func sweep(_ seat: UploadRegistry.Seat, _ now: Instant) async throws {
    // It may have moved since it was listed.
    guard let row = try await catalog.upload(token: seat.token.bytes), row.state == .open, row.expiresAt <= now else {
      return registry.leave(seat, .letGo, parking: seat.file)
    }
    try await discard(row, seat)
  }

  /// The server stops: every writer is cut and checkpointed, so that clients resume. Returns after `seconds` at the
  /// latest; what is being stored then is finished by the next start, or by its client.
  package func drain(within seconds: Double) async { await registry.drain(within: seconds) }
}
