import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `/api/backup/activity`: what happened, by the time it was received.
struct ActivityHandlers: Sendable {
  let activity: Activity

  private struct Page: Encodable {
    let items: [ActivityShape]
    @Nullable var next: String?
  }

  func list(_ request: Request, _ principal: Principal) async throws -> Response {
    var filter = ActivityFilter()
    filter.user = try ActivityHandlers.person(request, principal)
    filter.device = try request.identifier("deviceId")
    if let kinds = request.target.query("kind"), !kinds.isEmpty {
      filter.kinds = kinds.split(separator: ",").map(String.init)
      guard filter.kinds.allSatisfy({ ActivityKind(rawValue: $0) != nil }) else {
        throw ValidationFailure(
          "kind", "must be some of \(ActivityKind.allCases.map(\.rawValue).joined(separator: ", "))")
      }
    }
    (filter.from, filter.to) = (try request.moment("from"), try request.moment("to"))
    filter.olderCaptures = try request.flag("olderCaptures") ?? false
    let limit = try request.count("limit") ?? 50
    guard (1...Activity.pageLimit).contains(limit) else {
      throw ValidationFailure("limit", "must be from 1 to \(Activity.pageLimit)")
    }
    var before: Int64?
    if let cursor = request.target.query("cursor") {
      guard let number = Int64(cursor), number > 0 else {
        throw ValidationFailure("cursor", "must be one that was given")
      }
      before = number
    }
    let rows = try await activity.list(filter, before: before, limit: limit)
    var page = Page(items: rows.map { ActivityShape($0, to: principal) })
    page.next = rows.count == limit ? rows.last.map { String($0.number) } : nil
    return await ActivityHandlers.answer(page)
  }

  private static func answer(_ page: Page) async -> Response {
    guard page.items.count > 100 else { return .json(page) }
    return await JSONWork.lanes.next().run { .json(page) }
  }

  private struct Summary: Encodable {
    let from: String
    let stored: Int64
    let bytes: Int64
    let duplicates: Int64
    let rejected: Int64
    let broken: Int64
    let deleted: Int64
    let olderCaptures: Int64
  }

  func summary(_ request: Request, _ principal: Principal) async throws -> Response {
    let today = activity.now().milliseconds.floorDivided(by: 86_400_000) * 86_400_000
    let since = try request.moment("from") ?? Instant(milliseconds: today)
    let counts = try await activity.counts(user: try ActivityHandlers.person(request, principal), since: since)
    return .json(
      Summary(
        from: since.iso8601, stored: counts.stored, bytes: counts.bytes, duplicates: counts.duplicates,
        rejected: counts.rejected, broken: counts.broken, deleted: counts.deleted, olderCaptures: counts.olderCaptures))
  }

  /// Seconds by which a phone's clock may be behind.
  private static let skew: Int64 = 60

  private struct Canary: Encodable {
    @Nullable var stored: ActivityShape?
    @Nullable var latencySeconds: Int64?
  }

  /// "Take a photo now": the first one that was taken behind a moment and has arrived. One's own, or that of the person
  /// or device that is named: in a family somebody else's phone is busy all the time.
  func canary(_ request: Request, _ principal: Principal) async throws -> Response {
    guard let since = try request.moment("since") else { throw ValidationFailure("since", "is required") }
    let device = try request.identifier("deviceId")
    let person = try ActivityHandlers.person(request, principal)
    // Phones write whole seconds, by a clock of their own.
    let found = try await activity.firstArrival(
      from: since, takenSince: since.adding(seconds: -ActivityHandlers.skew),
      user: device == nil ? person ?? principal.user.id : person, device: device)
    return .json(ActivityHandlers.canary(found, principal))
  }

  private struct Taken: Decodable {
    let since: String
    let deviceId: Identifier?
  }

  /// The same once more, and what it showed is kept with the device that the photo came from.
  func noteCanary(_ request: Request, _ principal: Principal) async throws -> Response {
    let taken = try await request.json(Taken.self)
    guard let since = WrittenTime(taken.since)?.instant else {
      throw ValidationFailure("since", "must be an ISO 8601 date and time")
    }
    let found = try await activity.noteCanary(
      from: since, takenSince: since.adding(seconds: -ActivityHandlers.skew),
      user: taken.deviceId == nil ? principal.user.id : principal.scope, device: taken.deviceId)
    return .json(ActivityHandlers.canary(found, principal))
  }

  private static func canary(_ found: ActivityRow?, _ principal: Principal) -> Canary {
    var canary = Canary()
    canary.stored = found.map { ActivityShape($0, to: principal) }
    canary.latencySeconds = found.flatMap(\.secondsFromCapture)
    return canary
  }

  /// Whose activity is asked for; nil for everybody's.
  private static func person(_ request: Request, _ principal: Principal) throws -> Identifier? {
    let asked = try request.identifier("userId")
    guard asked == nil || asked == principal.user.id || principal.user.isAdmin else { throw BackupError.forbidden }
    return asked ?? principal.scope
  }
}

/// One thing that happened.
struct ActivityShape: Encodable {
  let id: Int64
  let at: String
  let kind: String
  @Nullable var userId: Identifier?
  @Nullable var userName: String?
  @Nullable var deviceId: Identifier?
  @Nullable var deviceName: String?
  @Nullable var assetId: Identifier?
  @Nullable var name: String?
  @Nullable var bytes: Int64?
  @Nullable var capturedAt: String?
  @Nullable var count: Int64?
  @Nullable var seconds: Int64?
  @Nullable var reason: String?
  @Nullable var detail: String?

  init(_ row: ActivityRow, to reader: Principal) { self.init(row, withNames: reader.seesNames(of: row.user)) }

  /// - Parameters:
  ///   - redacted: without people's names and the addresses of logins.
  ///   - withNames: with the names of files, and what else leads to one photo.
  init(_ row: ActivityRow, redacted: Bool = false, withNames: Bool = true) {
    (id, at, kind) = (row.number, row.at.iso8601, row.kind)
    deviceId = row.device
    if !redacted {
      (userId, userName) = (row.user, row.userName)
      deviceName = row.deviceFacts.map { Device.name(row.deviceName, row.deviceLabel, $0) }
    }
    if withNames { (name, assetId, capturedAt) = (row.name, row.asset, row.capturedAt?.iso8601) }
    (bytes, count, seconds) = (row.bytes, row.count, row.seconds)
    reason = row.reason
    let telling: Set<ActivityKind> = [
      .osChanged, .clientChanged, .alarm, .deviceCheckedIn, .deviceSnoozed, .diskLevel,
    ]
    if !redacted || ActivityKind(rawValue: row.kind).map(telling.contains) ?? false { detail = row.detail }
  }
}

extension Request {
  /// A moment in the query, ISO 8601.
  func moment(_ name: String) throws(ValidationFailure) -> Instant? {
    guard let text = target.query(name) else { return nil }
    guard let time = WrittenTime(text) else { throw ValidationFailure(name, "must be an ISO 8601 date and time") }
    return time.instant
  }

  /// A number in the query.
  func count(_ name: String) throws(ValidationFailure) -> Int? {
    guard let text = target.query(name) else { return nil }
    guard let number = Int(text) else { throw ValidationFailure(name, "must be an integer") }
    return number
  }
}
