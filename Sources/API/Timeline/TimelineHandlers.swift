import Backup
import Ground
import HTTPServer

/// `/api/timeline`: months, and what is in one.
struct TimelineHandlers: Sendable {
  let assets: Assets
  let tags: Tags

  private struct Month: Encodable {
    let timeBucket: String
    let count: Int
  }

  /// The months that have assets, newest first, with how many.
  func months(_ request: Request, _ principal: Principal) async throws -> Response {
    let filter = try await filter(request, principal)
    let months = try await assets.months(filter, user: principal.user.id)
    return await .json(list: months.map { Month(timeBucket: $0.month, count: $0.count) })
  }

  func month(_ request: Request, _ principal: Principal) async throws -> Response {
    guard let text = request.target.query("timeBucket") else { throw ValidationFailure("timeBucket", "is required") }
    guard let month = WrittenTime(text)?.wallClock else {
      throw ValidationFailure("timeBucket", "must be a date such as 2024-01-01")
    }
    let filter = try await filter(request, principal)
    let shape = TimelineJSON(
      reader: principal.user.id, withCoordinates: try request.flag("withCoordinates") ?? false,
      withStacked: try request.flag("withStacked") ?? false)
    let rows = try await assets.timeline(filter, user: principal.user.id, month: month)
    return .json(bytes: try await JSONWork.run(rows.count * 300) { shape.encode(rows) })
  }

  private func filter(_ request: Request, _ principal: Principal) async throws -> TimelineFilter {
    let filter = try TimelineInput.filter(request, principal)
    if let tag = filter.tag { _ = try await tags.tag(tag, owner: principal.user.id) }
    return filter
  }
}

/// The query of both.
private enum TimelineInput {
  static func filter(_ request: Request, _ principal: Principal) throws -> TimelineFilter {
    let visibility = try request.visibility("visibility")
    var filter = TimelineFilter(visibilities: (visibility.map { [$0] } ?? [.timeline, .archive]).map(\.rawValue))
    try principal.require(unlocking: filter.visibilities)
    filter.opensLocked = principal.reader.opensLocked
    filter.isFavorite = try request.flag("isFavorite")
    filter.isTrashed = try request.flag("isTrashed") ?? false
    filter.album = try request.identifier("albumId")
    filter.ascending = try choice(request, "order", ["asc", "desc"]) == "asc"
    filter.basis = try choice(request, "orderBy", ["takenAt", "createdAt"]) == "createdAt" ? .created : .taken
    filter.box = try request.target.query("bbox").map(box)
    if let user = try request.identifier("userId"), user != principal.user.id {
      // Nobody's timeline is shared as a whole: there are no partners.
      throw BackupError.noAccess(permission: "timeline.read")
    }
    filter.tag = try request.identifier("tagId")
    // There are no people that could be meant.
    if try request.identifier("personId") != nil { throw BackupError.noAccess(permission: "person.read") }
    if try request.flag("withPartners") == true, filter.isFavorite != nil || filter.isTrashed || visibility != .timeline
    {
      throw BackupError.invalid("withPartners is only supported for non-archived, non-trashed, non-favorited assets")
    }
    return filter
  }

  private static func choice(
    _ request: Request, _ name: String, _ choices: [String]
  ) throws(ValidationFailure) -> String? {
    guard let text = request.target.query(name) else { return nil }
    guard choices.contains(text) else {
      throw ValidationFailure(name, "must be one of \(choices.joined(separator: ", "))")
    }
    return text
  }

  /// `west,south,east,north` in degrees.
  private static func box(_ text: String) throws(ValidationFailure) -> TimelineFilter.Box {
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard numbers.count == 4, let west = numbers[0], let south = numbers[1], let east = numbers[2],
      let north = numbers[3], [west, east].allSatisfy({ (-180...180).contains($0) }),
      [south, north].allSatisfy({ (-90...90).contains($0) }), south <= north
    else { throw ValidationFailure("bbox", "must be west,south,east,north in degrees") }
    return .init(west: west, south: south, east: east, north: north)
  }
}
