import Backup
import Ground
import HTTPServer

/// `PATCH /api/backup/devices/{id}`: what is absent stays, null takes a name or a snooze away.
struct DeviceChangeInput: Decodable {
  private(set) var change = Devices.Change()

  private enum Key: String, CodingKey { case name, snoozedUntil, maker, model, os, osVersion, ticked, policy }

  private struct Policy: Decodable {
    let network: String?
    let maxBytesOnCellular: Int64?
    let includeVideos: Bool?
  }

  init(from decoder: any Decoder) throws {
    let input = try decoder.container(keyedBy: Key.self)
    if input.contains(.name) { change.name = .some(try input.decodeIfPresent(String.self, forKey: .name)) }
    if input.contains(.snoozedUntil) {
      let text = try input.decodeIfPresent(String.self, forKey: .snoozedUntil)
      let until = text.flatMap { WrittenTime($0)?.instant }
      guard text == nil || until != nil else {
        throw DecodingError.dataCorruptedError(
          forKey: .snoozedUntil, in: input, debugDescription: "must be an ISO 8601 date and time")
      }
      change.snoozedUntil = .some(until)
    }
    change.maker = try input.decodeIfPresent(String.self, forKey: .maker)
    change.model = try input.decodeIfPresent(String.self, forKey: .model)
    change.os = try input.decodeIfPresent(String.self, forKey: .os)
    change.osVersion = try input.decodeIfPresent(String.self, forKey: .osVersion)
    if let policy = try input.decodeIfPresent(Policy.self, forKey: .policy) {
      var wanted = DevicePolicy()
      if let network = policy.network {
        wanted.network = DevicePolicy.Network(rawValue: network)
        guard wanted.network != nil else {
          throw DecodingError.dataCorruptedError(
            forKey: .policy, in: input, debugDescription: "network must be any or wifi")
        }
      }
      (wanted.maxBytesOnCellular, wanted.includeVideos) = (policy.maxBytesOnCellular, policy.includeVideos)
      change.policy = wanted
    }
    change.ticked = try input.decodeIfPresent([String: Bool].self, forKey: .ticked)
    guard (change.ticked?.count ?? 0) <= 100 else {
      throw DecodingError.dataCorruptedError(
        forKey: .ticked, in: input, debugDescription: "must contain no more than 100 elements")
    }
  }
}

/// `POST /api/backup/devices/{id}/check-in`. Everything may be absent.
struct CheckInInput: Decodable {
  private(set) var report = CheckIn()
  /// As they came, and what they say.
  let hashes: [String]
  let digests: [SHA1Digest]
  /// The number of the tickle that woke it.
  private(set) var tickle: Int64?
  let maker: String?
  let model: String?
  let os: String?
  let osVersion: String?
  let client: String?
  let clientVersion: String?

  private enum Key: String, CodingKey {
    case total, remaining, remainingBytes, remainingVideos, albumsSelected, albumsTotal, itemsOutside, permission
    case tickle, lowPower, wifiOnly, isBackgroundOn, failures, hashes, maker, model, os, osVersion, client,
      clientVersion
  }

  init(from decoder: any Decoder) throws {
    let input = try decoder.container(keyedBy: Key.self)
    report.total = try input.decodeIfPresent(Int64.self, forKey: .total)
    report.remaining = try input.decodeIfPresent(Int64.self, forKey: .remaining)
    report.remainingBytes = try input.decodeIfPresent(Int64.self, forKey: .remainingBytes)
    report.remainingVideos = try input.decodeIfPresent(Int64.self, forKey: .remainingVideos)
    report.albumsSelected = try input.decodeIfPresent(Int64.self, forKey: .albumsSelected)
    report.albumsTotal = try input.decodeIfPresent(Int64.self, forKey: .albumsTotal)
    report.itemsOutside = try input.decodeIfPresent(Int64.self, forKey: .itemsOutside)
    if let text = try input.decodeIfPresent(String.self, forKey: .permission) {
      guard let permission = CheckIn.Permission(rawValue: text) else {
        throw DecodingError.dataCorruptedError(
          forKey: .permission, in: input, debugDescription: "must be one of full, limited, denied, unknown")
      }
      report.permission = permission
    }
    report.lowPower = try input.decodeIfPresent(Bool.self, forKey: .lowPower)
    report.wifiOnly = try input.decodeIfPresent(Bool.self, forKey: .wifiOnly)
    report.isBackgroundOn = try input.decodeIfPresent(Bool.self, forKey: .isBackgroundOn)
    report.failures = try input.decodeIfPresent([CheckIn.Failure].self, forKey: .failures)
    hashes = try input.decodeIfPresent([String].self, forKey: .hashes) ?? []
    guard hashes.count <= CheckIn.hashLimit else {
      throw DecodingError.dataCorruptedError(
        forKey: .hashes, in: input, debugDescription: "must contain no more than \(CheckIn.hashLimit) elements")
    }
    var digests: [SHA1Digest] = []
    for hash in hashes {
      guard let digest = SHA1Digest(text: hash) else {
        throw DecodingError.dataCorruptedError(
          forKey: .hashes, in: input, debugDescription: "each must be a SHA-1 in base64 or hexadecimal")
      }
      digests.append(digest)
    }
    self.digests = digests
    // A text everywhere else; what is no number of ours is none.
    tickle = (try? input.decodeIfPresent(String.self, forKey: .tickle)).flatMap { Int64($0) }
    maker = try input.decodeIfPresent(String.self, forKey: .maker)
    model = try input.decodeIfPresent(String.self, forKey: .model)
    os = try input.decodeIfPresent(String.self, forKey: .os)
    osVersion = try input.decodeIfPresent(String.self, forKey: .osVersion)
    client = try input.decodeIfPresent(String.self, forKey: .client)
    clientVersion = try input.decodeIfPresent(String.self, forKey: .clientVersion)
  }

  /// What it says it is, over what its request says.
  func facts(_ request: Request) -> DeviceFacts {
    var facts = DeviceFacts(agent: request[.userAgent] ?? "", model: request.field("deviceModel"))
    facts.model = model.map(DeviceFacts.word) ?? facts.model
    facts.maker = maker.map(DeviceFacts.word) ?? facts.maker ?? facts.model.flatMap(DeviceFacts.maker)
    facts.os = os.map(DeviceFacts.word) ?? facts.os
    facts.osVersion = osVersion.map(DeviceFacts.word) ?? facts.osVersion
    facts.client = client.map(DeviceFacts.word) ?? facts.client
    facts.clientVersion = clientVersion.map(DeviceFacts.word) ?? (client == nil ? facts.clientVersion : nil)
    if facts.kind == "program", let os, ["ios", "android", "ipados"].contains(os.lowercased()) { facts.kind = "phone" }
    return facts
  }
}
