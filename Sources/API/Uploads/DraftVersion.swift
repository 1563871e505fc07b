/// Interop versions of the IETF draft "Resumable Uploads for HTTP", and what differs between them on the wire.
enum DraftVersion: Int64, CaseIterable, Sendable {
  /// draft-ietf-httpbis-resumable-upload-01: iOS 17.
  case v3 = 3
  /// -02.
  case v4
  /// -03: iOS 18.0.
  case v5
  /// -04 and -05: iOS 18.1.
  case v6
  /// -06 to -08.
  case v7
  /// -09 and later: seen on iOS 26.
  case v8

  /// What an upload's own address follows where a request names no version: a person with curl.
  static let newest = DraftVersion.v8

  static let fieldName = "Upload-Draft-Interop-Version"

  /// Nil where the field is absent, malformed, or names a version that is not spoken here.
  init?(field: String?) {
    guard let number = StructuredField.integer(field), let version = DraftVersion(rawValue: number) else { return nil }
    self = version
  }

  /// Version 3 says the opposite: `Upload-Incomplete`.
  var completenessField: String { self == .v3 ? "Upload-Incomplete" : "Upload-Complete" }

  /// The value of `completenessField`.
  func completeness(_ isComplete: Bool) -> String { isComplete == (self != .v3) ? "?1" : "?0" }

  /// Whether an append must be `application/partial-upload`.
  var namesMediaType: Bool { self >= .v6 }

  /// Whether an append without the completeness field is the last one. Version 3 says so; what Apple ships for 5 and 6
  /// leaves the field away too.
  var missingMeansComplete: Bool { self == .v3 || self == .v5 || self == .v6 }

  /// Whether HEAD and DELETE must not carry an offset or a completeness.
  var refusesStrayFields: Bool { self == .v3 }

  /// The status of an append after which more follows: 201 until -05, any 2xx since.
  var appendedIsCreated: Bool { self <= .v6 }

  /// Whether a request may get more than one 104.
  var takesProgress: Bool { self >= .v5 }

  /// How `Upload-Limit` calls the seconds until an upload expires.
  var ageKey: String { self == .v6 ? "expires" : "max-age" }
}

extension DraftVersion: Comparable {
  static func < (left: DraftVersion, right: DraftVersion) -> Bool { left.rawValue < right.rawValue }
}
