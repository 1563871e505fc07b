import Ground

/// The answer to a bulk check, written by hand for the same reason as it is read by hand: one result per entry, in the
/// request's order, ids exactly as they came.
package struct BulkCheckResponse: ~Copyable {
  private let request: BulkCheckRequest
  private var out: [UInt8] = []
  private var index = 0

  private static let opening = Array(#"{"results":["#.utf8)
  private static let idOpening = Array(#"{"id":""#.utf8)
  private static let accept = Array(#"","action":"accept"}"#.utf8)
  private static let reject = Array(#"","action":"reject","reason":"duplicate","assetId":""#.utf8)
  private static let trashed = Array(#"","isTrashed":true}"#.utf8)
  private static let kept = Array(#"","isTrashed":false}"#.utf8)
  private static let closing = Array("]}".utf8)

  package init(to request: BulkCheckRequest) {
    self.request = request
    // The ids come back, and a reject adds about 130 bytes to each.
    out.reserveCapacity(request.body.count + request.ids.count * 80 + 16)
    out.append(contentsOf: BulkCheckResponse.opening)
  }

  /// The next entry's file is not here.
  package mutating func wanted() {
    begin()
    out.append(contentsOf: BulkCheckResponse.accept)
  }

  /// The next entry's file is here, as this asset.
  package mutating func present(_ asset: Identifier, isTrashed: Bool) {
    begin()
    out.append(contentsOf: BulkCheckResponse.reject)
    out.append(addingCapacity: 36) { $0.append(asset) }
    out.append(contentsOf: isTrashed ? BulkCheckResponse.trashed : BulkCheckResponse.kept)
  }

  /// The finished JSON. - Precondition: there was one call per entry.
  package consuming func finish() -> [UInt8] {
    precondition(index == request.ids.count)
    out.append(contentsOf: BulkCheckResponse.closing)
    return out
  }

  private mutating func begin() {
    if index > 0 { out.append(UInt8(ascii: ",")) }
    out.append(contentsOf: BulkCheckResponse.idOpening)
    out.append(contentsOf: request.body[request.ids[index]])
    index += 1
  }
}
