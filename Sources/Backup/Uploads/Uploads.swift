import Ground
import Logging
import Media
import Store

/// Uploads that survive interruptions: one resource and state machine behind every door that can resume.
package final class Uploads: Sendable {
  package struct Limits: Sendable {
    /// Open uploads of one person.
    package var open = 1000
    /// Uploads of one person that receive at once.
    package var writers = 32
    /// Seconds from the last activity to expiry: 7 days.
    package var lifetime: Int64 = 7 * 86_400
    /// Seconds for which a finished upload's answer is kept: 24 hours.
    package var memory: Int64 = 86_400
    /// Bytes of one upload: 1 TiB.
    package var size: Int64 = 1 << 40
    /// Bytes a second below which a connection is cut, measured over `slowWindow` seconds.
    package var slowest = 1024.0
    package var slowWindow = 60.0
    /// Seconds that a newcomer waits for the writer before it.
    package var patience = 5.0
    /// Seconds that a newcomer waits for an upload that is being stored.
    package var finishPatience = 25.0

    package init() {}
  }

  package let limits: Limits

  init(limits: Limits) { self.limits = limits }

  // MARK: Creation

  package enum Opening: Sendable {
    case opened(UploadStatus)
    /// The owner has the announced bytes already: no byte is needed.
    case stored(UploadOutcome)
  }

  /// Starts an upload; its row is on disk when this returns. A creation that names a digest which the owner has already is answered at once.
  /// - Throws: `.tooManyUploads`, `.uploadTooLarge`, `.quotaExceeded`, `.diskFull`, `.emptyFile` (length 0 of a photo), `.unavailable`.
  package func create(_ creation: UploadCreation, by principal: Principal) async throws -> Opening {
    fatalError("to be written")
  }

  /// An open upload of the same person and bytes of which at least 1 MiB is here: a client can go on there.
  package func partlyHere(_ sha1: SHA1Digest, owner: Identifier) async throws -> UploadStatus? {
    fatalError("to be written")
  }

  /// Puts finished parts together. - Throws: `.unknownUpload` where one is unknown or somebody else's, `.invalid` where one is
  /// no part or not whole, and what `create` throws.
  package func concatenate(
    _ parts: [UploadToken], _ creation: UploadCreation, by principal: Principal
  ) async throws -> UploadStatus { fatalError("to be written") }

  // MARK: Looking

  /// The upload as it is recorded, without disturbing its writer.
  /// - Throws: `.unknownUpload`, `.uploadGone`.
  package func find(_ token: UploadToken) async throws -> UploadStatus { fatalError("to be written") }
  /// By the future asset's id; only the owner's.
  package func find(asset: Identifier, owner: Identifier) async throws -> UploadStatus { fatalError("to be written") }

  /// Ends a connection that is writing (what it brought is kept), and says where the upload stands: the next part may
  /// begin there. Waits for an upload that is being stored.
  /// - Throws: `.unknownUpload`, `.uploadGone`, `.uploadBusy`. A failed upload is a status, not an error.
  package func settle(_ token: UploadToken) async throws -> UploadStatus { fatalError("to be written") }

  /// The owner's open uploads, newest first.
  package func list(owner: Identifier) async throws -> [UploadStatus] { fatalError("to be written") }

  /// For a request that brings no credential but knows the address: whoever created the upload may still upload.
  /// - Throws: `.authenticationRequired`, `.missingPermission`, `.unknownUpload`.
  package func requireCreatorStillMayUpload(_ token: UploadToken) async throws { fatalError("to be written") }

  // MARK: Receiving

  /// Takes the upload for one connection; a connection that is writing is cut first, what it brought is kept.
  /// - Throws: `.unknownUpload`, `.uploadGone`, `.uploadFailed`, `.uploadBusy`, `.offsetMismatch`, `.inconsistentLength`, `.lengthExceeded`
  ///   (`count` is known and too much), `.tooManyUploads`, `.diskFull`, `.quotaExceeded`; nothing has changed then.
  ///   A complete upload with a part at its end and `count` 0 or nil gives a writer whose `end` replays the outcome.
  package func append(_ part: UploadPart, to token: UploadToken) async throws -> UploadWriter {
    fatalError("to be written")
  }

  /// Cancels: a writer is cut, the bytes are removed. The asset of a finished upload stays.
  /// - Throws: `.unknownUpload`, `.uploadGone`, `.uploadBusy`.
  package func cancel(_ token: UploadToken) async throws { fatalError("to be written") }

  // MARK: Housekeeping

  /// Removes what expired and forgets old endings; never touches a live writer. Every 10 minutes.
  package func sweep(_ now: Instant = .now()) async { fatalError("to be written") }

  /// The server stops: every writer is cut and checkpointed, so that clients resume.
  package func drain() async { fatalError("to be written") }
}
