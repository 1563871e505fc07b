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
  /// Failed logins, tests of alerts, tickles by hand, streams: too many; wait this many seconds.
  case tooManyAttempts(retryAfter: Int)
  case missingPermission(String)
  /// A key asks for what somebody locked away: that is for people who logged in.
  case lockedToKeys
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
  /// No such upload, or somebody else's.
  case unknownUpload
  /// There was one: it expired, was cancelled, or its bytes are lost.
  case uploadGone
  /// The bytes begin elsewhere than where the upload stands; both in bytes.
  case offsetMismatch(expected: Int64, provided: Int64)
  /// Two statements about the whole length disagree.
  case inconsistentLength
  /// More bytes came than the upload has.
  case lengthExceeded
  /// Larger than the server takes; bytes.
  case uploadTooLarge(limit: Int64)
  /// The part's own checksum is not that of its bytes; they were thrown away.
  case partMismatch
  /// The upload is being stored just now, or its writer does not let go; try again after this many seconds.
  case uploadBusy(retryAfter: Int)
  /// This person has as many open uploads, or as many at once, as the server allows.
  case tooManyUploads(retryAfter: Int)
  /// A push to this address was asked for a moment ago, or too often by this person.
  case tooManyPushes(retryAfter: Int)
  /// Nothing is sent to that host unless an admin allows it.
  case hostNotAllowed(String)
  /// As many phones sync as the server serves at once, or as many of this person; try again after this many seconds.
  case syncBusy(retryAfter: Int)
  /// The connection brought fewer bytes than the server waits for; what came is kept.
  case tooSlow
  /// Another connection goes on with this upload; what came on this one before that is kept.
  case overtaken
  /// The upload ended in failure before; the same answer again.
  case uploadFailed(UploadFailure)
  /// Another transfer of the same announced bytes was stored meanwhile, as this asset: no more bytes are needed.
  case storedMeanwhile(Identifier)
  /// The row is there, its file is not.
  case originalMissing(Identifier)
}
