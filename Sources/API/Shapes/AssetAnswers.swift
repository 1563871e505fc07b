import Backup
import HTTPServer
import Wire

/// Answers with assets. Large ones are written on a lane.
extension Response {
  static func asset(_ asset: Asset, to principal: Principal) -> Response {
    var json = JSONWriter(capacity: 2_000)
    AssetJSON(reader: principal.user.id, withExif: true).append(asset, to: &json)
    return .json(bytes: json.take())
  }

  static func assets(_ assets: [Asset], withExif: Bool, to principal: Principal) async throws -> Response {
    let shape = AssetJSON(reader: principal.user.id, withExif: withExif)
    return .json(
      bytes: try await JSONWork.run(assets.count * AssetList.bytesEach) {
        var json = JSONWriter(capacity: assets.count * AssetList.bytesEach)
        AssetList.append(assets, shape, to: &json)
        return json.take()
      })
  }

  /// An album with its assets in a further key.
  static func album(_ album: Album, with assets: [Asset], to principal: Principal) async throws -> Response {
    // The clients that ask for this take a duration for text, and fail at a number.
    let shape = AssetJSON(reader: principal.user.id, withExif: true, withDuration: false)
    guard case .bytes(let head) = Response.json(AlbumShape(album)).body else { preconditionFailure("JSON is bytes") }
    return .json(
      bytes: try await JSONWork.run(assets.count * AssetList.bytesEach) {
        var json = JSONWriter(capacity: assets.count * AssetList.bytesEach)
        AssetList.append(assets, shape, to: &json)
        return head.dropLast() + Array(#","assets":"#.utf8) + json.take() + Array("}".utf8)
      })
  }

  /// Immich's `SearchResponseDto`: totals are those of the page; the next page's number is text.
  static func page(_ page: SearchPage, number: Int, withExif: Bool, to principal: Principal) async throws -> Response {
    let shape = AssetJSON(reader: principal.user.id, withExif: withExif)
    return .json(
      bytes: try await JSONWork.run(page.assets.count * AssetList.bytesEach) {
        var json = JSONWriter(capacity: page.assets.count * AssetList.bytesEach + 200)
        json.beginObject()
        json.key("albums")
        json.raw(#"{"total":0,"count":0,"items":[],"facets":[]}"#)
        json.key("assets")
        json.beginObject()
        json.integer("total", page.assets.count)
        json.integer("count", page.assets.count)
        json.key("items")
        AssetList.append(page.assets, shape, to: &json)
        json.key("facets")
        json.raw("[]")
        json.string("nextPage", page.hasMore ? String(number + 1) : nil)
        json.endObject()
        json.endObject()
        return json.take()
      })
  }
}

private enum AssetList {
  /// About what one takes, in bytes.
  static let bytesEach = 1_500

  static func append(_ assets: [Asset], _ shape: AssetJSON, to json: inout JSONWriter) {
    json.beginArray()
    for asset in assets { shape.append(asset, to: &json) }
    json.endArray()
  }
}
