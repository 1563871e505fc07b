import GRDB
import Ground

/// Devices whose state is to be looked at, some at a time: all of them at once would not fit into memory.
extension Catalog {
  /// Those behind a device's number, by their numbers.
  package func devicesToJudge(after number: Int64, limit: Int, now: Instant) async throws -> [DeviceRecord] {
    try await judged("device.number > ? ORDER BY device.number LIMIT ?", [number, limit], now)
  }

  /// Those in trouble that were in contact since: who waits to hear that all is well again does not wait for a whole round.
  package func devicesBack(since moment: Instant, after number: Int64, limit: Int, now: Instant) async throws
    -> [DeviceRecord]
  {
    try await judged(
      """
      device.number > ? AND device.level IN ('amber', 'red') AND device.last_contact >= ?
      ORDER BY device.number LIMIT ?
      """, [number, moment, limit], now)
  }

  private func judged(_ condition: String, _ arguments: StatementArguments, _ now: Instant) async throws
    -> [DeviceRecord]
  {
    try await read { db in
      try Row.fetchAll(
        db.cachedStatement(
          sql: """
            \(DeviceRow.selection)
            WHERE device.merged_into IS NULL AND user.deleted_at IS NULL AND device.revoked_at IS NULL AND \(condition)
            """), arguments: arguments
      ).map { try Catalog.record(of: DeviceRow($0), db, now: now) }
    }
  }
}
