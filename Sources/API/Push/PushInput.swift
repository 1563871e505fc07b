import Backup
import Ground

/// `PUT /api/backup/devices/{id}/push`: `{kind: "webpush", endpoint, keys{p256dh, auth}}`, `{kind: "apns", token, isSandbox?}`
/// or `{kind: "fcm", token}`, each with `timeZone?`, `quietHours{from, to}?` and `capabilities?`.
struct PushInput: Decodable {
  let request: PushRequest

  private enum Key: String, CodingKey {
    case kind, endpoint, keys, token, isSandbox, timeZone, quietHours, capabilities
  }

  private struct Keys: Decodable {
    let p256dh: String
    let auth: String
  }

  private struct Hours: Decodable {
    let from: String
    let to: String
  }

  init(from decoder: any Decoder) throws {
    let input = try decoder.container(keyedBy: Key.self)
    func wrong(_ key: Key, _ text: String) -> DecodingError {
      DecodingError.dataCorruptedError(forKey: key, in: input, debugDescription: text)
    }
    let kind = try input.decode(String.self, forKey: .kind)
    let place: PushPlace
    switch kind {
    case "webpush":
      let keys = try input.decode(Keys.self, forKey: .keys)
      // Browsers write base64url; some libraries pad it, or write the other alphabet.
      guard let key = PushInput.bytes(keys.p256dh), let secret = PushInput.bytes(keys.auth) else {
        throw wrong(.keys, "must hold p256dh and auth in base64url")
      }
      place = PushPlace(
        kind: kind, endpoint: try input.decode(String.self, forKey: .endpoint), key: key, secret: secret)
    case "apns":
      place = PushPlace(
        kind: kind, endpoint: try input.decode(String.self, forKey: .token).lowercased(),
        isSandbox: try input.decodeIfPresent(Bool.self, forKey: .isSandbox) ?? false)
    case "fcm": place = PushPlace(kind: kind, endpoint: try input.decode(String.self, forKey: .token))
    default: throw wrong(.kind, "must be one of webpush, apns, fcm")
    }
    var quiet = PushQuiet(timeZone: try input.decodeIfPresent(String.self, forKey: .timeZone))
    if let zone = quiet.timeZone, TimeZoneRules(zone) == nil { throw wrong(.timeZone, "must be a known time zone") }
    if let hours = try input.decodeIfPresent(Hours.self, forKey: .quietHours) {
      guard let from = PushInput.minutes(hours.from), let to = PushInput.minutes(hours.to), from != to else {
        throw wrong(.quietHours, "must be two different times of day such as 22:00")
      }
      (quiet.from, quiet.to) = (from, to)
    }
    if let words = try input.decodeIfPresent([String].self, forKey: .capabilities) {
      // What a later app can do besides is not for this server to refuse.
      guard words.count <= 16, words.contains("sync") else {
        throw wrong(.capabilities, "must name sync, and no more than 16 in all")
      }
      quiet.canShow = words.contains("nudge")
    }
    request = PushRequest(place, quiet: quiet)
  }

  static func bytes(_ text: String) -> [UInt8]? {
    let plain = text.prefix(200).map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }.filter { $0 != "=" }
    return Base64URL.decode(String(plain))
  }

  static func minutes(_ text: String) -> Int64? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 && $0.allSatisfy { $0.isASCII && $0.isNumber } }),
      let hour = Int64(parts[0]), let minute = Int64(parts[1]), hour < 24, minute < 60
    else { return nil }
    return hour * 60 + minute
  }
}
