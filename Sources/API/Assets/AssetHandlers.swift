import Backup
import Ground
import HTTPServer
import HTTPTypes
import Wire

/// `/api/assets`, but for receiving and deleting.
struct AssetHandlers: Sendable {
  let assets: Assets
  let holdings: Holdings
  /// Opening a file may wait for a disk that wakes up.
  private let lanes = Lanes(label: "nightstand.original", count: 4)

  init(assets: Assets, holdings: Holdings) { (self.assets, self.holdings) = (assets, holdings) }

  /// "Which of these do you have?" 5,000 entries a request, many requests a second: read and written by hand.
  func bulkCheck(_ request: Request, _ principal: Principal) async throws -> Response {
    try await request.body.collect(limit: AssetHandlers.bulkLimit) { body in
      let check: BulkCheckRequest
      do {
        check = try await JSONWork.run(body.count) { try BulkCheckRequest(body) }
      } catch let failure as BulkCheckRequest.Failure {
        throw ValidationFailure(failure)
      }
      let results = try await assets.check(check.digests, owner: principal.user.id)
      let here = zip(check.digests, results).filter { if case .present = $0.1 { true } else { false } }
      holdings.note(principal.device, here.map(\.0), owner: principal.user.id)
      return .json(bytes: try await JSONWork.run(body.count) { AssetHandlers.answer(check, results) })
    }
  }

  private static func answer(_ check: BulkCheckRequest, _ results: [CheckResult]) -> [UInt8] {
    var response = BulkCheckResponse(to: check)
    for result in results {
      switch result {
      case .wanted: response.wanted()
      case .present(let id, let isTrashed): response.present(id, isTrashed: isTrashed)
      }
    }
    return response.finish()
  }

  private static let bulkLimit = 16 << 20

  func read(_ request: Request, _ principal: Principal) async throws -> Response {
    .asset(try await assets.readable(try request.id(), by: principal.reader), to: principal)
  }

  private struct Holders: Encodable {
    struct Holder: Encodable {
      @Nullable var id: Identifier?
      @Nullable var name: String?
      let at: String
      let isFirst: Bool
      @Nullable var client: String?
    }
    let devices: [Holder]
  }

  /// By which ways a photo came, or would have: one asset, many sources.
  func devices(_ request: Request, _ principal: Principal) async throws -> Response {
    let found = try await assets.holders(of: try request.id(), by: principal.reader)
    return .json(
      Holders(
        devices: found.map { row in
          var holder = Holders.Holder(at: row.at.iso8601, isFirst: row.isFirst)
          (holder.id, holder.client) = (row.device, row.client)
          holder.name = row.facts.map { Device.name(row.name, row.label, $0) }
          return holder
        }))
  }

  /// One asset's; the answer is the asset as it is then.
  func change(_ request: Request, _ principal: Principal) async throws -> Response {
    let id = try request.id()
    let changes = try await request.json(AssetChangeInput.self).changes
    try await assets.change([id], owner: principal.reader, changes)
    return .asset(try await assets.asset(id, owner: principal.user.id), to: principal)
  }

  /// Many at once, all or none.
  func changeAll(_ request: Request, _ principal: Principal) async throws -> Response {
    let (ids, changes) = try await request.bulkChange()
    try await assets.change(ids, owner: principal.reader, changes)
    return .noContent
  }

  /// The file as it was received, whole or in ranges. `edited` is accepted and ignored: nothing is ever edited here.
  func original(_ request: Request, _ principal: Principal) async throws -> Response {
    try await original(request, try request.id(), by: principal.reader)
  }

  func original(_ request: Request, _ id: Identifier, by user: Reader) async throws -> Response {
    let (asset, file) = try await lanes.next().run { try await assets.openOriginal(id, by: user) }
    return fileResponse(
      to: request, file: file, size: asset.size, etag: "\"\(asset.checksum.hex)\"", modified: asset.fileModifiedAt,
      fields: AssetHandlers.fields(of: asset))
  }

  static func fields(of asset: Asset) -> HTTPFields {
    var fields: HTTPFields = [
      .contentType: asset.mimeType, .contentDisposition: AssetHandlers.disposition(asset.originalName),
      // The bytes behind a checksum never change; only their owner may keep them, and no proxy may recode them.
      .cacheControl:
        "private, max-age=86400, no-transform, stale-while-revalidate=2592000, stale-if-error=2592000",
      .xContentTypeOptions: "nosniff",
    ]
    // An SVG opened by itself would run its scripts as our page.
    if let name = HTTPField.Name("Content-Security-Policy") {
      fields[name] = "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'"
    }
    return fields
  }

  /// RFC 6266 with RFC 8187's encoding: every byte outside letters, digits and a few marks as `%XX`, so that no name
  /// can break out of the field.
  private static func disposition(_ name: [UInt8]) -> String {
    var encoded: [UInt8] = Array("inline; filename*=UTF-8''".utf8)
    for byte in name {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        encoded.append(byte)
      default:
        encoded.append(UInt8(ascii: "%"))
        encoded.append(contentsOf: Hex.encode(CollectionOfOne(byte)).uppercased().utf8)
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  func statistics(_ request: Request, _ principal: Principal) async throws -> Response {
    let visibility = try request.visibility("visibility")
    try principal.require(unlocking: visibility.map { [$0.rawValue] } ?? [])
    let counts = try await assets.counts(
      owner: principal.user.id, isFavorite: try request.flag("isFavorite"), isTrashed: try request.flag("isTrashed"),
      visibility: visibility)
    return .json(AssetCountsShape(counts))
  }
}
