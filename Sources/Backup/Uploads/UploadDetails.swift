import FoundationEssentials
import Ground
import Store

/// What the catalog keeps of a creation beside its columns, as JSON: all that a restarted server needs to finish it.
struct UploadDetails: Codable, Sendable, Equatable {
  /// By what right it was created: an address alone goes on only while this holds.
  enum Creator: Codable, Sendable, Equatable {
    case session(Identifier)
    case apiKey(Identifier)
  }

  /// `UploadFacts` but for the checksum claim, which is a column.
  struct Facts: Codable, Sendable, Equatable {
    /// Names are bytes, not always UTF-8; base64.
    var name: Data?
    var createdAt: Time?
    var modifiedAt: Time?
    var isFavorite: Bool
    var visibility: Visibility
    var duration: Int64?
    var livePhotoVideo: Identifier?
    var metadata: String?
    var typeByContent: Bool
  }

  /// A `WrittenTime`, in milliseconds.
  struct Time: Codable, Sendable, Equatable {
    var instant: Int64
    var wallClock: Int64
  }

  var facts: Facts
  var contentType: String?
  var agent: String?
  var metadata: String?
  var concat: String?
  var device: String
  var creator: Creator
  /// Nil for uploads from before devices were known.
  var origin: Origin?

  init(_ creation: UploadCreation, by principal: Principal) {
    facts = Facts(creation.facts)
    (contentType, agent) = (creation.contentType, creation.agent)
    (metadata, concat, origin) = (creation.metadata, creation.concat, principal.origin)
    switch principal.credential {
    case .session(let session):
      creator = .session(session.id)
      device = session.device.system.isEmpty ? session.device.type : session.device.system
    case .apiKey(let key): (creator, device) = (.apiKey(key.id), key.name)
    }
  }

  var json: String { get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) } }

  init(json: String) throws {
    do { self = try JSONDecoder().decode(UploadDetails.self, from: Data(json.utf8)) } catch {
      throw StoreError.broken("the details of an upload cannot be read: \(error)")
    }
  }
}

extension UploadDetails.Facts {
  init(_ facts: UploadFacts) {
    self.init(
      name: facts.name.map { Data($0) }, createdAt: facts.createdAt.map(UploadDetails.Time.init),
      modifiedAt: facts.modifiedAt.map(UploadDetails.Time.init), isFavorite: facts.isFavorite,
      visibility: facts.visibility, duration: facts.durationMilliseconds, livePhotoVideo: facts.livePhotoVideo,
      metadata: facts.metadata, typeByContent: facts.typeByContent)
  }
}

extension UploadDetails.Time {
  init(_ time: WrittenTime) {
    self.init(instant: time.instant.milliseconds, wallClock: time.wallClock.instant.milliseconds)
  }

  var written: WrittenTime {
    WrittenTime(
      instant: Instant(milliseconds: instant), wallClock: CalendarTime(Instant(milliseconds: wallClock)))
  }
}

extension UploadFacts {
  init(_ kept: UploadDetails.Facts, claim: SHA1Digest?) {
    self.init()
    (name, createdAt, modifiedAt) = (kept.name.map { [UInt8]($0) }, kept.createdAt?.written, kept.modifiedAt?.written)
    (isFavorite, visibility) = (kept.isFavorite, kept.visibility)
    (durationMilliseconds, livePhotoVideo) = (kept.duration, kept.livePhotoVideo)
    (metadata, typeByContent, claimedChecksum) = (kept.metadata, kept.typeByContent, claim)
  }
}

extension UploadStatus {
  /// - Throws: `StoreError.broken` where the row is not one of this product's.
  init(_ row: UploadRow, _ details: UploadDetails, isReceiving: Bool) throws {
    guard let kind = UploadKind(rawValue: row.kind), let rule = CompletionRule(rawValue: row.rule) else {
      throw StoreError.broken("upload \(row.number) has an unknown kind or rule")
    }
    let state: State =
      switch row.state {
      case .open: .open
      case .complete(let isNew, let asset, let sha1):
        .complete(UploadOutcome(result: isNew ? .created(asset) : .duplicate(asset), sha1: sha1))
      case .failed(let code, let message): .failed(UploadFailure(code: code, message: message))
      case .gone: throw BackupError.uploadGone
      }
    // A complete one counts as received whole, also where its bytes were here already.
    let offset = if case .complete = state { row.length ?? row.offset } else { row.offset }
    self.init(
      token: UploadToken(bytes: row.token), asset: row.asset, owner: row.ownerID, kind: kind, rule: rule,
      offset: offset, length: row.length, state: state, metadata: details.metadata, concat: details.concat,
      contentType: details.contentType, agent: details.agent, claimedSHA1: row.claimedSHA1, createdAt: row.createdAt,
      activeAt: row.activeAt, expiresAt: row.expiresAt,
      name: details.facts.name.map { [UInt8]($0) }, device: details.device, isReceiving: isReceiving,
      creator: details.creator, origin: details.origin)
  }
}
