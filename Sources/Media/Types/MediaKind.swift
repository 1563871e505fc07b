/// Immich's asset types that a backup holds.
package enum MediaKind: String, Sendable, Codable {
  case image = "IMAGE"
  case video = "VIDEO"
}
