import Ground
import Store

package typealias TimelineFilter = Store.TimelineFilter
package typealias TimelineRow = Store.TimelineRow

extension Assets {
  /// Assets in one month's answer, some 30 MB of JSON; a month with more is refused.
  package static let monthLimit = 100_000

  /// The months that have assets, `YYYY-MM-01`, with how many.
  /// - Throws: `.noAccess(permission: "album.read")` where the album is not the person's to see.
  package func months(_ filter: TimelineFilter, user: Identifier) async throws -> [(month: String, count: Int)] {
    try await looking(filter, user) { try await catalog.months(filter, user: user) }
  }

  /// The assets of a month.
  /// - Parameter month: any moment of it, on the wall clock labelled UTC.
  /// - Throws: as above; `.invalid` above `monthLimit` assets.
  package func timeline(_ filter: TimelineFilter, user: Identifier, month: CalendarTime) async throws -> [TimelineRow] {
    let start = CalendarTime(year: month.year, month: month.month, day: 1)
    let end = CalendarTime(
      year: month.month == 12 ? month.year + 1 : month.year, month: month.month == 12 ? 1 : month.month + 1, day: 1)
    return try await looking(filter, user) {
      let rows = try await catalog.timeline(
        filter, user: user, from: start.instant, to: end.instant, limit: Assets.monthLimit)
      guard let rows else {
        throw BackupError.invalid("The month has more than \(Assets.monthLimit) assets; search for a part of them")
      }
      return rows
    }
  }

  private func looking<T: Sendable>(
    _ filter: TimelineFilter, _ user: Identifier, _ body: () async throws -> T
  ) async throws -> T {
    await views.take()
    defer { views.give() }
    return try await speaking {
      if let album = filter.album, try await !catalog.mayRead(albums: [album], user) {
        throw BackupError.noAccess(permission: "album.read")
      }
      return try await body()
    }
  }
}
