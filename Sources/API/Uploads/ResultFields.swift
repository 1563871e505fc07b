import Backup
import Ground
import HTTPTypes

extension HTTPFields {
  /// What every answer to a finished upload says in its fields: iOS shows an app nothing else of it.
  mutating func setResult(_ outcome: UploadOutcome) {
    set("X-Asset-Id", outcome.result.id.description)
    set("X-Asset-Status", outcome.result.isNew ? "created" : "duplicate")
    set("Repr-Digest", "sha=:\(outcome.sha1.base64):")
    self[.contentLocation] = "/api/assets/\(outcome.result.id)"
  }

  /// Says which class of failure it was (`UploadFailure.code`, or the slug of the answer's body).
  mutating func setRejected(_ code: String) {
    set("X-Asset-Status", "rejected")
    set("X-Asset-Error", code)
  }

  /// The class of failure, and that this ends the matter where it does.
  mutating func setError(_ error: any Error, isBegun: Bool = false) {
    let slug = UploadSlug(error).text
    if UploadSlug.isFinal(error, isBegun: isBegun) { setRejected(slug) } else { set("X-Asset-Error", slug) }
  }

  mutating func set(_ name: String, _ value: String) {
    guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no field name") }
    self[name] = value
  }
}
