import Ground

/// What can go wrong, in the product's own words. The API floor maps each case to a status and a safe text.
package enum BackupError: Error, Sendable, Equatable {
  /// The request contradicts a rule; the text is for the client.
  case invalid(String)
  /// No credential came.
  case authenticationRequired
  case invalidAPIKey
  case invalidSessionToken
  /// Wrong e-mail or password, on purpose not saying which.
  case incorrectLogin
  /// Too many failed logins; wait this many seconds.
  case tooManyAttempts(retryAfter: Int)
  case missingPermission(String)
  /// Only for admins.
  case forbidden
  /// Unknown, or somebody else's: the caller cannot tell which. The permission that was asked for, such as `asset.read`.
  case noAccess(permission: String)
  case quotaExceeded
  case emptyFile
  case unsupportedType(name: String)
  /// The received bytes are not what the client announced.
  case checksumMismatch(claimed: SHA1Digest, received: SHA1Digest)
  /// The disk, or the reserve kept for the catalog, is reached. Nothing was stored.
  case diskFull
  /// Nothing can be stored now, through no fault of the request; the text is for the client.
  case unavailable(String)
  /// The row is there, its file is not.
  case originalMissing(Identifier)
}
