import FoundationEssentials
import Ground
import Store

/// What a device says of itself; nil where it does not say.
package struct CheckIn: Sendable, Equatable, Codable {
  package enum Permission: String, Sendable, Codable, CaseIterable { case full, limited, denied, unknown }

  package struct Failure: Sendable, Equatable, Codable {
    /// Of a file, as the device calls it.
    package var name: String
    package var reason: String

    package init(name: String, reason: String) { (self.name, self.reason) = (name, reason) }
  }

  package var total: Int64?
  package var remaining: Int64?
  package var remainingBytes: Int64?
  package var remainingVideos: Int64?
  package var albumsSelected: Int64?
  package var albumsTotal: Int64?
  package var itemsOutside: Int64?
  package var permission: Permission?
  package var lowPower: Bool?
  package var wifiOnly: Bool?
  package var isBackgroundOn: Bool?
  package var failures: [Failure]?

  package init() {}

  /// Failures in one report, and hashes beside it.
  package static let failureLimit = 100
  package static let hashLimit = 5000
  /// The largest number of a report: more than any device holds, bytes included, and the sum of all devices' is no overflow.
  static let most: Int64 = 1_000_000_000_000_000
  /// Unicode scalars of a name or a reason.
  static let longestText = 255

  /// Bounded and without control characters.
  /// - Throws: `.invalid` where a number is out of bounds or there is too much of something.
  func checked() throws(BackupError) -> CheckIn {
    let numbers: [(String, Int64?)] = [
      ("total", total), ("remaining", remaining), ("remainingBytes", remainingBytes),
      ("remainingVideos", remainingVideos), ("albumsSelected", albumsSelected), ("albumsTotal", albumsTotal),
      ("itemsOutside", itemsOutside),
    ]
    for case (let name, let value?) in numbers where !(0...CheckIn.most).contains(value) {
      throw .invalid("\(name) must be from 0 to \(CheckIn.most)")
    }
    guard (failures?.count ?? 0) <= CheckIn.failureLimit else {
      throw .invalid("failures must contain no more than \(CheckIn.failureLimit) elements")
    }
    var out = self
    out.failures = failures?.map { Failure(name: CheckIn.short($0.name), reason: CheckIn.short($0.reason)) }
    return out
  }

  static func short(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(longestText) where !scalar.isHidden {
      out.append(scalar)
    }
    return String(out)
  }

  var json: String { get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) } }

  init(json: String) throws {
    do { self = try JSONDecoder().decode(CheckIn.self, from: Data(json.utf8)) } catch {
      throw StoreError.broken("a check-in cannot be read: \(error)")
    }
  }

  /// What somebody who looks at the device would want to be told of; nil where nothing of that kind changed.
  func news(since old: CheckIn?) -> String? {
    var words: [String] = []
    if let permission, permission != old?.permission, old != nil || permission != .full {
      words.append("permission \(permission.rawValue)")
    }
    if let isBackgroundOn, isBackgroundOn != old?.isBackgroundOn, old != nil || !isBackgroundOn {
      words.append("background \(isBackgroundOn ? "on" : "off")")
    }
    if let wifiOnly, let before = old?.wifiOnly, wifiOnly != before {
      words.append(wifiOnly ? "Wi-Fi only" : "any network")
    }
    if let albumsSelected, let before = old?.albumsSelected, albumsSelected != before {
      words.append("\(albumsSelected) albums")
    }
    if let failures, !failures.isEmpty, failures != old?.failures { words.append("\(failures.count) files failed") }
    return words.isEmpty ? nil : words.joined(separator: ", ")
  }
}
