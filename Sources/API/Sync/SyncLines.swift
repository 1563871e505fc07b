import Backup
import FoundationEssentials
import Ground
import Wire

/// Lines of the sync stream as JSON, each with every key that the app's parser insists on.
enum SyncLines {
  @Sendable
  static func encode(_ lines: [SyncLine]) -> [UInt8] {
    var json = JSONWriter(capacity: lines.count * 700)
    for line in lines { append(line, to: &json) }
    return json.take()
  }

  private static func append(_ line: SyncLine, to json: inout JSONWriter) {
    // One upload may bring several values; each is a line of its own, and all acknowledge the same row.
    if case .metadata(let asset, let text) = line.entity {
      for item in metadataItems(text) { append(line, &json) { metadata(asset, item, &$0) } }
      return
    }
    append(line, &json) { data(line.entity, &$0) }
  }

  private static func append(_ line: SyncLine, _ json: inout JSONWriter, _ data: (inout JSONWriter) -> Void) {
    json.beginObject()
    json.string("type", line.type.rawValue)
    json.key("data")
    json.beginObject()
    data(&json)
    json.endObject()
    json.string("ack", line.ack)
    json.endObject()
    json.newLine()
  }

  private static func data(_ entity: SyncLine.Entity, _ json: inout JSONWriter) {
    switch entity {
    case .authUser(let user): authUser(user, &json)
    case .user(let user): self.user(user, &json)
    case .userDeleted(let id): json.id("userId", id)
    case .preferences(let user, let stored): preferences(user, stored, &json)
    case .asset(let asset): self.asset(asset, &json)
    case .assetDeleted(let id): json.id("assetId", id)
    case .facts(let facts): self.facts(facts, &json)
    case .metadata: break
    case .album(let album): self.album(album, &json)
    case .albumDeleted(let id): json.id("albumId", id)
    case .albumUser(let album, let user, let role):
      json.id("albumId", album)
      json.id("userId", user)
      json.string("role", role)
    case .albumUserDeleted(let album, let user):
      json.id("albumId", album)
      json.id("userId", user)
    case .albumAsset(let album, let asset), .albumAssetDeleted(let album, let asset):
      json.id("albumId", album)
      json.id("assetId", asset)
    case .nothing: break
    }
  }

  private static func user(_ user: User, _ json: inout JSONWriter) {
    json.id("id", user.id)
    json.string("name", user.name)
    json.string("email", user.email)
    json.string("avatarColor", user.avatarColor)
    json.time("deletedAt", user.deletedAt)
    json.flag("hasProfileImage", false)
    json.time("profileChangedAt", user.createdAt)
  }

  private static func authUser(_ user: User, _ json: inout JSONWriter) {
    self.user(user, &json)
    json.flag("isAdmin", user.isAdmin)
    json.string("pinCode", nil)
    json.string("oauthId", "")
    json.string("storageLabel", user.folder)
    json.integer("quotaSizeInBytes", user.quota)
    json.integer("quotaUsageInBytes", user.used)
  }

  static func asset(_ asset: SyncAsset, _ json: inout JSONWriter) {
    json.id("id", asset.id)
    json.id("ownerId", asset.owner)
    json.string("originalFileName", String(decoding: asset.originalName, as: UTF8.self))
    json.string("thumbhash", asset.thumbhash.map { Base64.encode($0) })
    json.string("checksum", asset.sha1.base64)
    json.time("fileCreatedAt", asset.fileCreatedAt)
    json.time("fileModifiedAt", asset.fileModifiedAt)
    json.time("createdAt", asset.createdAt)
    json.time("localDateTime", asset.localDateTime)
    // The schema ends at 2^31 - 1 milliseconds.
    json.integer("duration", asset.durationMilliseconds.map { min($0, Int64(Int32.max)) })
    json.string("type", asset.kind)
    json.time("deletedAt", asset.deletedAt)
    json.flag("isFavorite", asset.isFavorite)
    json.string("visibility", asset.visibility)
    json.id("livePhotoVideoId", asset.livePhotoVideo)
    json.id("stackId", nil)
    json.id("libraryId", nil)
    json.integer("width", asset.width)
    json.integer("height", asset.height)
    json.flag("isEdited", false)
  }

  static func facts(_ row: SyncFacts, _ json: inout JSONWriter) {
    let facts = row.facts
    json.id("assetId", row.asset)
    json.string("description", facts.description)
    json.integer("exifImageWidth", facts.width)
    json.integer("exifImageHeight", facts.height)
    json.integer("fileSizeInByte", row.size)
    json.string("orientation", facts.orientation)
    json.time("dateTimeOriginal", facts.takenAt)
    json.time("modifyDate", facts.modifiedAt)
    json.string("timeZone", facts.timeZone)
    json.number("latitude", facts.latitude)
    json.number("longitude", facts.longitude)
    json.string("projectionType", facts.projection)
    json.string("city", nil)
    json.string("state", nil)
    json.string("country", nil)
    json.string("make", facts.make)
    json.string("model", facts.model)
    json.string("lensModel", facts.lens)
    json.number("fNumber", facts.fNumber)
    json.number("focalLength", facts.focalLength)
    json.integer("iso", facts.iso)
    json.string("exposureTime", facts.exposureTime)
    json.string("profileDescription", facts.profile)
    json.integer("rating", facts.rating)
    json.number("fps", facts.fps)
  }

  private static func album(_ album: SyncAlbum, _ json: inout JSONWriter) {
    json.id("id", album.id)
    json.string("name", album.name)
    json.string("description", album.description)
    json.time("createdAt", album.createdAt)
    json.time("updatedAt", album.updatedAt)
    json.id("thumbnailAssetId", album.thumbnail)
    json.flag("isActivityEnabled", album.isActivityEnabled)
    json.string("order", album.order)
  }

  private static func preferences(_ user: Identifier, _ stored: String?, _ json: inout JSONWriter) {
    json.id("userId", user)
    json.string("key", "preferences")
    json.key("value")
    // What was stored was read before it was; a fault in it must not stop somebody's backup.
    json.raw((try? Preferences(stored: stored).text) ?? "{}")
  }

  // MARK: Metadata

  private struct MetadataItem: Decodable {
    let key: String
    let value: JSONText
  }

  /// A value that passes through as it is. The app reads an object; anything else would fail its sync.
  private struct JSONText: Codable {
    let text: String

    init(from decoder: any Decoder) throws {
      let object = try decoder.singleValueContainer().decode([String: Scalar].self)
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      text = String(decoding: try encoder.encode(object), as: UTF8.self)
    }

    func encode(to encoder: any Encoder) throws {}
  }

  private enum Scalar: Codable {
    case text(String)
    case number(Double)
    case flag(Bool)
    case null

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if container.decodeNil() {
        self = .null
      } else if let flag = try? container.decode(Bool.self) {
        self = .flag(flag)
      } else if let number = try? container.decode(Double.self) {
        self = .number(number)
      } else {
        self = .text(try container.decode(String.self))
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let text): try container.encode(text)
      case .number(let number): try container.encode(number)
      case .flag(let flag): try container.encode(flag)
      case .null: try container.encodeNil()
      }
    }
  }

  /// What an upload's `metadata` field holds; nothing where it is not Immich's list of keys and objects.
  private static func metadataItems(_ text: String) -> [MetadataItem] {
    (try? JSONDecoder().decode([MetadataItem].self, from: Data(text.utf8))) ?? []
  }

  private static func metadata(_ asset: Identifier, _ item: MetadataItem, _ json: inout JSONWriter) {
    json.id("assetId", asset)
    json.string("key", item.key)
    json.key("value")
    json.raw(item.value.text)
  }
}
