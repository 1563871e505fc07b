import Ground
import Media
import Store

/// What the bytes of an upload are.
package enum UploadKind: String, Sendable, Codable {
  /// The photo or video itself.
  case raw
  /// The body of a multipart form, as `POST /api/assets` takes it; read when it is whole.
  case multipart
  /// A piece that a `final` puts together with others; never a photo by itself.
  case partial
  /// Put together from `partial` ones.
  case final
}

/// When an upload is whole.
package enum CompletionRule: String, Sendable, Codable {
  /// When the offset reaches the length (tus).
  case length
  /// When the client says so (the IETF draft).
  case flag
}

/// What a creation says.
package struct UploadCreation: Sendable {
  package var kind: UploadKind
  package var rule: CompletionRule
  /// Of the whole, in bytes.
  package var length: Int64?
  /// What is said of the file; its checksum claim too. Nothing of it is required.
  package var facts = UploadFacts()
  package var claimedSHA256: [UInt8]?
  /// `Content-Type` of a multipart body: it names the boundary.
  package var contentType: String?
  /// `User-Agent` of a multipart creation: some clients percent-encode names.
  package var agent: String?
  /// `Upload-Metadata` and `Upload-Concat` as they came, for HEAD.
  package var metadata: String?
  package var concat: String?

  package init(kind: UploadKind, rule: CompletionRule) { (self.kind, self.rule) = (kind, rule) }
}

/// How a finished upload ended: kept 24 hours, for a client that lost the answer.
package struct UploadOutcome: Sendable, Equatable {
  package let result: UploadResult
  /// Of the received photo: verified.
  package let sha1: SHA1Digest

  package init(result: UploadResult, sha1: SHA1Digest) { (self.result, self.sha1) = (result, sha1) }
}

/// Why an upload can never become a photo.
package struct UploadFailure: Sendable, Equatable {
  /// `checksum_mismatch`, `unsupported_type`, `empty_file`, `length_exceeded`, `invalid`, `storage_failed`.
  package let code: String
  /// A sentence for the client.
  package let message: String

  package init(code: String, message: String) { (self.code, self.message) = (code, message) }
}

/// An upload as its owner may see it. `offset` is on disk.
package struct UploadStatus: Sendable, Equatable {
  package enum State: Sendable, Equatable {
    case open
    case complete(UploadOutcome)
    case failed(UploadFailure)
  }

  package let token: UploadToken
  package let asset: Identifier
  package let owner: Identifier
  package let kind: UploadKind
  package let rule: CompletionRule
  package let offset: Int64
  package let length: Int64?
  package let state: State
  package let metadata: String?
  package let concat: String?
  package let contentType: String?
  package let agent: String?
  package let claimedSHA1: SHA1Digest?
  package let createdAt: Instant
  package let activeAt: Instant
  package let expiresAt: Instant
  /// The name of the file where it is known, byte for byte.
  package let name: [UInt8]?
  /// What created it, such as `Pixel 8` or the name of an API key.
  package let device: String
  /// A connection is writing to it just now.
  package let isReceiving: Bool
  let creator: UploadDetails.Creator
  /// What created it.
  package let origin: Origin?
}

/// What one request brings to an upload.
package struct UploadPart: Sendable {
  /// Where its bytes begin.
  package var offset: Int64
  /// From Content-Length.
  package var count: Int64?
  /// Length of the whole, as this request states it.
  package var length: Int64?
  /// With the end of this body the upload is whole (the IETF draft). For uploads with the rule `length` it means nothing.
  package var isLast = false
  /// With the byte that reaches a known length the upload is whole, whatever its rule: a tus client never says so.
  package var endsAtLength = false
  /// The checksum of this part alone: verified before a byte of it counts.
  package var claim: PartClaim?
  /// Ends the connection that brings it: for a newcomer that takes over.
  package var hangUp: @Sendable () -> Void

  package init(offset: Int64, hangUp: @escaping @Sendable () -> Void) {
    (self.offset, self.hangUp) = (offset, hangUp)
  }
}

/// `Upload-Checksum` or `Content-Digest`.
package struct PartClaim: Sendable, Equatable {
  package enum Algorithm: String, Sendable, CaseIterable { case sha1, sha256, crc32 }
  package let algorithm: Algorithm
  /// crc32: 4 bytes, big-endian.
  package let digest: [UInt8]

  /// Nil where the digest's length is not the algorithm's.
  package init?(_ algorithm: Algorithm, _ digest: [UInt8]) {
    let length =
      switch algorithm {
      case .sha1: 20
      case .sha256: 32
      case .crc32: 4
      }
    guard digest.count == length else { return nil }
    (self.algorithm, self.digest) = (algorithm, digest)
  }
}
