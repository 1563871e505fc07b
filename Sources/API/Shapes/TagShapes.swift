import Backup
import Ground
import Wire

/// Immich's `TagResponseDto`: what a tag does not have is left out.
struct TagShape: Encodable {
  let id: Identifier
  let parentId: Identifier?
  let name: String
  let value: String
  let color: String?
  let createdAt: String
  let updatedAt: String

  init(_ tag: Tag) {
    (id, parentId, name, value, color) = (tag.id, tag.parent, TagShape.name(tag), tag.value, tag.color)
    (createdAt, updatedAt) = (tag.createdAt.iso8601, tag.updatedAt.iso8601)
  }

  /// The last part of the path.
  private static func name(_ tag: Tag) -> String {
    String(tag.value.split(separator: "/").last ?? tag.value[...])
  }

  /// The same inside an asset.
  static func append(_ tag: Tag, to json: inout JSONWriter) {
    json.beginObject()
    json.id("id", tag.id)
    if let parent = tag.parent { json.id("parentId", parent) }
    json.string("name", name(tag))
    json.string("value", tag.value)
    if let color = tag.color { json.string("color", color) }
    json.time("createdAt", tag.createdAt)
    json.time("updatedAt", tag.updatedAt)
    json.endObject()
  }
}
