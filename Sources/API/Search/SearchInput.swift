import Backup
import Ground
import HTTPServer

extension SearchInput {
  /// - Throws: `.lockedToKeys` besides what is wrong with it.
  init(_ request: Request, _ principal: Principal) async throws {
    self = try await request.json(SearchInput.self)
    try principal.require(unlocking: query.visibilities)
    query.opensLocked = principal.reader.opensLocked
  }
}

/// Immich's `MetadataSearchDto`; those of the random search and of statistics are parts of it.
struct SearchInput: Decodable {
  fileprivate(set) var query = AssetQuery()
  /// Asks for what Nightstand never has: people, named places, text in pictures.
  private(set) var isImpossible = false
  private(set) var ascending = false
  private(set) var page = 1
  private(set) var size: Int?
  private(set) var withExif = false

  private enum Key: String, CodingKey {
    case id, checksum, originalFileName, originalPath, description, type, visibility, isFavorite, isMotion, isNotInAlbum
    case albumIds, takenAfter, takenBefore, createdAfter, createdBefore, updatedAfter, updatedBefore
    case trashedAfter, trashedBefore, withDeleted, make, model, lensModel, rating, order, page, size, withExif
    case personIds, tagIds, libraryId, city, state, country, ocr, isOffline, isEncoded, encodedVideoPath, previewPath
    case thumbnailPath
  }
  private typealias Container = KeyedDecodingContainer<Key>

  init(from decoder: any Decoder) throws {
    let input = try decoder.container(keyedBy: Key.self)
    query.id = try input.decodeIfPresent(Identifier.self, forKey: .id)
    try readChecksum(input)
    query.name = try SearchInput.text(input, .originalFileName)
    query.path = try SearchInput.text(input, .originalPath)
    query.description = try SearchInput.text(input, .description)
    try readKinds(input)
    try readTimes(input)
    query.make = try SearchInput.nullable(input, .make)
    query.model = try SearchInput.nullable(input, .model)
    query.lens = try SearchInput.nullable(input, .lensModel)
    query.rating = try SearchInput.nullable(input, .rating)
    if let rating = query.rating ?? nil, !(1...5).contains(rating) {
      throw SearchInput.wrong(input, .rating, "must be 1 to 5, or null")
    }
    query.albums = try input.decodeIfPresent([Identifier].self, forKey: .albumIds) ?? []
    query.isInNoAlbum = try input.decodeIfPresent(Bool.self, forKey: .isNotInAlbum) ?? false
    try readTags(input)
    try readWhatNobodyHas(input)
    ascending = try SearchInput.choice(input, .order, ["asc", "desc"]) == "asc"
    page = try input.decodeIfPresent(Int.self, forKey: .page) ?? 1
    size = try input.decodeIfPresent(Int.self, forKey: .size)
    guard page >= 1 else { throw SearchInput.wrong(input, .page, "must be 1 or more") }
    guard (1...Assets.pageLimit).contains(size ?? 1) else {
      throw SearchInput.wrong(input, .size, "must be 1 to \(Assets.pageLimit)")
    }
    withExif = try input.decodeIfPresent(Bool.self, forKey: .withExif) ?? false
  }

  private mutating func readChecksum(_ input: Container) throws {
    guard let text = try input.decodeIfPresent(String.self, forKey: .checksum) else { return }
    guard let digest = SHA1Digest(text: text) else {
      throw SearchInput.wrong(input, .checksum, "must be a SHA-1 in hexadecimal or base64")
    }
    query.sha1 = digest
  }

  private mutating func readKinds(_ input: Container) throws {
    switch try SearchInput.choice(input, .type, ["IMAGE", "VIDEO", "AUDIO", "OTHER"]) {
    case nil: break
    case let kind? where ["IMAGE", "VIDEO"].contains(kind): query.kind = kind
    default: isImpossible = true
    }
    // What is locked away is found only by who asks for it.
    let usual = Visibility.allCases.filter { $0 != .locked }.map(\.rawValue)
    let visibility = try SearchInput.choice(input, .visibility, Visibility.allCases.map(\.rawValue))
    query.visibilities = visibility.map { [$0] } ?? usual
    query.isFavorite = try input.decodeIfPresent(Bool.self, forKey: .isFavorite)
    query.isMotion = try input.decodeIfPresent(Bool.self, forKey: .isMotion)
  }

  private mutating func readTimes(_ input: Container) throws {
    query.taken = try SearchInput.span(input, .takenAfter, .takenBefore)
    query.created = try SearchInput.span(input, .createdAfter, .createdBefore)
    query.updated = try SearchInput.span(input, .updatedAfter, .updatedBefore)
    query.trashed = try SearchInput.span(input, .trashedAfter, .trashedBefore)
    let withDeleted = try input.decodeIfPresent(Bool.self, forKey: .withDeleted) ?? false
    let asksForTrash = query.trashed.from != nil || query.trashed.to != nil
    query.trash = asksForTrash ? .only : withDeleted ? .with : .without
  }

  /// Null asks for what bears no tag; an empty list for nothing in particular.
  private mutating func readTags(_ input: Container) throws {
    guard let ids: [Identifier]? = try SearchInput.nullable(input, .tagIds) else { return }
    query.tags = ids.map { $0.isEmpty ? nil : $0 } ?? []
    guard (query.tags?.count ?? 0) <= SearchInput.tagLimit else {
      throw SearchInput.wrong(input, .tagIds, "must be at most \(SearchInput.tagLimit)")
    }
  }

  /// Tags in one search.
  private static let tagLimit = 100

  private mutating func readWhatNobodyHas(_ input: Container) throws {
    if try input.decodeIfPresent([Identifier].self, forKey: .personIds)?.isEmpty == false { isImpossible = true }
    if try input.decodeIfPresent(Identifier.self, forKey: .libraryId) != nil { isImpossible = true }
    for key in [Key.city, .state, .country, .ocr, .encodedVideoPath, .previewPath, .thumbnailPath]
    where try SearchInput.text(input, key) != nil { isImpossible = true }
    for key in [Key.isOffline, .isEncoded] where try input.decodeIfPresent(Bool.self, forKey: key) == true {
      isImpossible = true
    }
  }

  /// Nil where it is absent, null or empty.
  private static func text(_ input: Container, _ key: Key) throws -> String? {
    let text = try input.decodeIfPresent(String.self, forKey: key)
    if text?.utf8.contains(0) == true { throw wrong(input, key, "must not contain a zero character") }
    return text?.isEmpty == true ? nil : text
  }

  /// Nil where it is absent; `.some(nil)` for null.
  private static func nullable<Value: Decodable>(_ input: Container, _ key: Key) throws -> Value?? {
    guard input.contains(key) else { return nil }
    return .some(try input.decodeIfPresent(Value.self, forKey: key))
  }

  private static func choice(_ input: Container, _ key: Key, _ choices: [String]) throws -> String? {
    guard let text = try input.decodeIfPresent(String.self, forKey: key) else { return nil }
    guard choices.contains(text) else {
      throw wrong(input, key, "must be one of \(choices.joined(separator: ", "))")
    }
    return text
  }

  private static func span(_ input: Container, _ from: Key, _ to: Key) throws -> AssetQuery.Span {
    func moment(_ key: Key) throws -> Instant? {
      guard let text = try input.decodeIfPresent(String.self, forKey: key) else { return nil }
      guard let time = WrittenTime(text) else { throw wrong(input, key, "must be an ISO 8601 date") }
      return time.instant
    }
    return AssetQuery.Span(from: try moment(from), to: try moment(to))
  }

  private static func wrong(_ input: Container, _ key: Key, _ message: String) -> DecodingError {
    .dataCorruptedError(forKey: key, in: input, debugDescription: message)
  }
}
