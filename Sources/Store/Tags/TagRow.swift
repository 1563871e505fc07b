import FoundationEssentials
import GRDB
import Ground

/// A row of `tag`, with ids instead of numbers.
package struct TagRow: Sendable, Equatable {
  package let id: Identifier
  package let parent: Identifier?
  /// The whole path, such as `Travel/Italy`.
  package let value: String
  /// `#rrggbb`, `#rgb`, or with a transparency.
  package let color: String?
  package let createdAt: Instant
  package let updatedAt: Instant

  static let columns = "tag.id, parent.id, tag.value, tag.color, tag.created_at, tag.updated_at"
  static let source = "tag LEFT JOIN tag AS parent ON parent.number = tag.parent"

  init(_ row: Row) {
    (id, parent, value, color) = (row[0], row[1], row[2], row[3])
    (createdAt, updatedAt) = (row[4], row[5])
  }

  // MARK: Beside their asset

  /// The tags of the row `asset`, as JSON text: most assets have none, and a thousand are read at once.
  static let ofAsset = """
    (SELECT json_group_array(json_array(hex(tag.id), hex(parent.id), tag.value, tag.color, tag.created_at, tag.updated_at))
      FROM asset_tag CROSS JOIN \(source) WHERE asset_tag.asset = asset.number AND tag.number = asset_tag.tag)
    """

  /// - Parameter text: what `ofAsset` selects.
  static func all(_ text: String) -> [TagRow] {
    guard text != "[]", let rows = try? JSONDecoder().decode([Nested].self, from: Data(text.utf8)) else { return [] }
    return rows.map(\.tag).sorted { $0.value < $1.value }
  }

  private init(_ id: Identifier, _ parent: Identifier?, _ value: String, _ color: String?, _ times: (Int64, Int64)) {
    (self.id, self.parent, self.value, self.color) = (id, parent, value, color)
    (createdAt, updatedAt) = (Instant(milliseconds: times.0), Instant(milliseconds: times.1))
  }

  private struct Nested: Decodable {
    let tag: TagRow

    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      guard let id = try Hex.decode(list.decode(String.self).utf8).flatMap({ Identifier(bytes: $0) }) else {
        throw DecodingError.dataCorruptedError(in: list, debugDescription: "a tag has no id")
      }
      // Of a tag without a parent: `hex` makes an empty text of NULL.
      let parent = try Hex.decode(list.decode(String.self).utf8).flatMap { Identifier(bytes: $0) }
      let value = try list.decode(String.self)
      let color = try list.decodeIfPresent(String.self)
      tag = TagRow(id, parent, value, color, (try list.decode(Int64.self), try list.decode(Int64.self)))
    }
  }
}
