import Backup
import Ground

/// The answer to "is everything safe?".
struct OverviewShape: Encodable {
  struct Person: Encodable {
    let userId: Identifier
    let name: String
    let level: String
    let reason: String
    let sentence: String
    let deviceIds: [Identifier]
    let assets: Int
    let usedBytes: Int64
    @Nullable var quotaBytes: Int64?
    @Nullable var remaining: Int64?
    @Nullable var lastUpload: String?
  }

  struct Disk: Encodable {
    let freeBytes: Int64
    let totalBytes: Int64
    let usedPercent: Int64
    let reserveBytes: Int64
    @Nullable var bytesPerDay: Int64?
    @Nullable var daysUntilFull: Int64?
  }

  struct Missing: Encodable {
    let code: String
    @Nullable var detail: String?

    init(_ code: String, _ detail: String? = nil) {
      self.code = code
      self.detail = detail
    }
  }

  let at: String
  let version: String
  let people: [Person]
  let devices: [DeviceShape]
  let disk: Disk
  let uploads: [TransferShape]
  let activity: [ActivityShape]
  let missing: [Missing]
  let tickles: TickleTotalsShape

  init(_ seen: Overview, at: Instant, version: String, to reader: Principal, missing: [Missing]) {
    (self.at, self.version, self.missing) = (at.iso8601, version, missing)
    tickles = TickleTotalsShape(seen.tickles)
    people = seen.people.map { person in
      var shape = Person(
        userId: person.user.id, name: person.user.name, level: person.level.rawValue, reason: person.reason.rawValue,
        sentence: person.sentence, deviceIds: person.devices.map(\.record.device.id), assets: person.assets,
        usedBytes: person.user.used)
      (shape.quotaBytes, shape.remaining) = (person.user.quota, person.remaining)
      shape.lastUpload = person.lastUpload?.iso8601
      return shape
    }
    devices = seen.devices.map { DeviceShape($0, to: reader) }
    let used = max(0, seen.disk.total - seen.disk.free)
    var disk = Disk(
      freeBytes: seen.disk.free, totalBytes: seen.disk.total,
      usedPercent: seen.disk.total > 0 ? Int64((Double(used) / Double(seen.disk.total) * 100).rounded()) : 0,
      reserveBytes: seen.disk.reserve)
    (disk.bytesPerDay, disk.daysUntilFull) = (seen.disk.bytesPerDay, seen.disk.daysUntilFull)
    self.disk = disk
    let names = Dictionary(seen.people.map { ($0.user.id, $0.user.name) }, uniquingKeysWith: { first, _ in first })
    uploads = seen.uploads.map { TransferShape($0, to: reader, userName: names[$0.owner]) }
    activity = seen.activity.map { ActivityShape($0, to: reader) }
  }
}

/// Something that is being received, or waits to be continued.
struct TransferShape: Encodable {
  let id: String
  let userId: Identifier
  @Nullable var userName: String?
  @Nullable var deviceId: Identifier?
  @Nullable var name: String?
  let receivedBytes: Int64
  @Nullable var totalBytes: Int64?
  let bytesPerSecond: Int64
  let startedAt: String
  let lastByteAt: String
  let isActive: Bool
  let isResumable: Bool

  init(_ transfer: Overview.Transfer, to reader: Principal, userName: String? = nil) {
    (id, userId, receivedBytes) = (transfer.id, transfer.owner, transfer.received)
    (bytesPerSecond, isActive, isResumable) = (transfer.bytesPerSecond, transfer.isActive, transfer.isResumable)
    (startedAt, lastByteAt) = (transfer.startedAt.iso8601, transfer.lastByteAt.iso8601)
    (self.userName, deviceId, totalBytes) = (userName, transfer.device, transfer.total)
    if reader.seesNames(of: transfer.owner) { name = transfer.name }
  }
}
