import FoundationEssentials
import GRDB
import Ground

/// An upload as the catalog knows it: what was promised to its client, and nothing that only this process knows.
package struct UploadRow: Sendable, Equatable {
  /// `upload.number`.
  package var number: Int64
  /// 32 random bytes: the address, and the right to go on.
  package var token: [UInt8]
  /// The id that the asset gets unless it is a duplicate; the upload's name for clients that ask for a UUID.
  package var asset: Identifier
  package var owner: Owner
  package var ownerID: Identifier
  /// `raw`, `multipart`, `partial` or `final`.
  package var kind: String
  /// `length`: whole when the offset reaches the length (tus). `flag`: whole when the client says so (the IETF draft).
  package var rule: String
  /// Of the whole, where known.
  package var length: Int64?
  /// Bytes on disk that the client may have been told of; never falls.
  package var offset: Int64
  /// The state of SHA-1 after `offset` bytes (`RunningSHA1.state`); nil where it must be computed anew.
  package var sha1State: [UInt8]?
  package var claimedSHA1: SHA1Digest?
  package var claimedSHA256: [UInt8]?
  /// In `staging/`; nil where there is no file (any more).
  package var staged: String?
  /// What the floor above keeps of the creation, JSON.
  package var details: String
  package var createdAt: Instant
  package var activeAt: Instant
  package var expiresAt: Instant
  /// Of the kernel's boot during which `offset` was last moved (`ThisProcess.bootID`).
  package var boot: String
  package var state: State

  package enum State: Sendable, Equatable {
    case open
    /// `created` or `duplicate`; the asset and the digest of the received bytes.
    case complete(isNew: Bool, asset: Identifier, sha1: SHA1Digest)
    /// For ever; a slug and a sentence for the client.
    case failed(code: String, message: String)
    /// Cancelled, expired, or its bytes are lost.
    case gone

    /// As the catalog writes it.
    package var name: String {
      switch self {
      case .open: "open"
      case .complete: "complete"
      case .failed: "failed"
      case .gone: "gone"
      }
    }
  }
}

extension UploadRow {
  /// Seconds for which the answer of a finished upload is kept, for a client that lost it: 24 hours.
  package static let answerKept: Int64 = 86_400
  /// Seconds for which a cancelled, expired or lost upload is remembered as gone: 7 days.
  package static let goneKept: Int64 = 7 * 86_400

  /// Ended uploads of one person that are remembered; the oldest are forgotten by the next sweep, so that creating and
  /// cancelling without end does not fill the catalog.
  package static let endedLimit = 50_000

  /// Needs the columns of `selection`.
  init(_ row: Row) throws {
    (number, token, asset) = (row["number"], [UInt8](row["token"] as Data), row["asset"])
    owner = Owner(number: row["owner"], folder: row["folder"])
    (ownerID, kind, rule) = (row["owner_id"], row["kind"], row["rule"])
    (length, offset) = (row["length"], row["offset"])
    sha1State = (row["sha1_state"] as Data?).map { [UInt8]($0) }
    claimedSHA1 = row["claimed_sha1"]
    claimedSHA256 = (row["claimed_sha256"] as Data?).map { [UInt8]($0) }
    (staged, details) = (row["staged"], row["details"])
    (createdAt, activeAt, expiresAt) = (row["created_at"], row["active_at"], row["expires_at"])
    boot = row["boot"]
    switch row["state"] as String {
    case "open": state = .open
    case "complete": state = .complete(isNew: row["is_new"], asset: row["result_asset"], sha1: row["result_sha1"])
    case "failed": state = .failed(code: row["failure_code"], message: row["failure_message"])
    case "gone": state = .gone
    default: throw StoreError.broken("an upload is in an unknown state")
    }
  }

  /// `SELECT … FROM upload` with its owner.
  static let selection = """
    SELECT upload.*, user.id AS owner_id, user.folder FROM upload JOIN user ON user.number = upload.owner
    """
}

/// What a new upload starts with.
package struct NewUpload: Sendable {
  package var token: [UInt8]
  package var asset: Identifier
  package var owner: Owner
  package var kind: String
  package var rule: String
  package var length: Int64?
  package var claimedSHA1: SHA1Digest?
  package var claimedSHA256: [UInt8]?
  package var details: String
  package var expiresAt: Instant
  /// Only an upload that is over at once needs none.
  package var hasFile = true

  package init(
    token: [UInt8], asset: Identifier, owner: Owner, kind: String, rule: String, details: String, expiresAt: Instant
  ) {
    (self.token, self.asset, self.owner, self.kind, self.rule) = (token, asset, owner, kind, rule)
    (self.details, self.expiresAt) = (details, expiresAt)
  }
}

extension UploadRow {
  /// A new one, not recorded yet.
  init(_ new: NewUpload, number: Int64, ownerID: Identifier, boot: String, at now: Instant) {
    (self.number, self.ownerID, self.boot) = (number, ownerID, boot)
    (token, asset, owner, kind, rule, length) = (new.token, new.asset, new.owner, new.kind, new.rule, new.length)
    (offset, sha1State, claimedSHA1, claimedSHA256) = (0, nil, new.claimedSHA1, new.claimedSHA256)
    (staged, details) = (new.hasFile ? Identifier().description : nil, new.details)
    (createdAt, activeAt, expiresAt, state) = (now, now, new.expiresAt, .open)
  }
}

/// A durable offset.
package struct UploadCheckpoint: Sendable {
  package var number: Int64
  package var offset: Int64
  package var sha1State: [UInt8]?
  package var length: Int64?
  package var expiresAt: Instant

  package init(number: Int64, offset: Int64, sha1State: [UInt8]?, length: Int64?, expiresAt: Instant) {
    (self.number, self.offset, self.sha1State) = (number, offset, sha1State)
    (self.length, self.expiresAt) = (length, expiresAt)
  }
}
