import FoundationEssentials
import Store

/// What the owner of a device wants it to do; nil where they said nothing, and the device does as it is set. Clients that
/// check in hear it and keep to it; the Immich app has settings of its own.
package struct DevicePolicy: Sendable, Equatable, Codable {
  package enum Network: String, Sendable, Codable, CaseIterable { case any, wifi }

  package var network: Network?
  /// Of one file, where it goes over mobile data.
  package var maxBytesOnCellular: Int64?
  package var includeVideos: Bool?

  package init() {}

  /// - Throws: `.invalid`.
  func checked() throws(BackupError) -> DevicePolicy {
    guard maxBytesOnCellular ?? 0 >= 0 else { throw .invalid("maxBytesOnCellular must not be less than 0") }
    return self
  }

  var json: String { get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) } }

  init(json: String) throws {
    do { self = try JSONDecoder().decode(DevicePolicy.self, from: Data(json.utf8)) } catch {
      throw StoreError.broken("a device's policy cannot be read: \(error)")
    }
  }
}
