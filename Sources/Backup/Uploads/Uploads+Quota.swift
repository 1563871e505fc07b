import Ground
import Store

extension Uploads {
  /// Bytes that the owner's quota leaves for the whole of one upload; nil without a quota. What their other unfinished
  /// uploads hold in staging is taken already, and so is the announced length of those that receive just now.
  /// - Parameter row: the upload itself, where it exists by now: its own bytes are part of its whole.
  func room(_ kind: UploadKind, _ account: Account, beside row: UploadRow? = nil) async throws -> Int64? {
    guard let quota = account.quota else { return nil }
    var free = quota - account.used
    for other in try await speaking({ try await catalog.stagedUploads(owner: account.owner) }) {
      // A final takes the place of its parts.
      if other.number == row?.number || kind == .final && other.kind == UploadKind.partial.rawValue { continue }
      let held = registry.isReceiving(UploadToken(bytes: other.token)) ? other.length ?? other.offset : other.offset
      free = max(0, free - held)
    }
    return max(0, free).addingSaturated(allowance(kind))
  }

  /// As above, for an upload under way; nil where its owner is gone, too: that shows at its end.
  func room(_ row: UploadRow) async throws -> Int64? {
    guard let account = try await speaking({ try await catalog.account(row.ownerID) }) else { return nil }
    return try await room(UploadKind(rawValue: row.kind) ?? .raw, account, beside: row)
  }

  /// Bytes of an upload that need not be the photo's own.
  private func allowance(_ kind: UploadKind) -> Int64 { kind == .multipart ? ReceiveDesk.companyAllowance : 0 }
}

extension Int64 {
  /// The sum of two numbers that are not negative; the largest number where there is no such sum.
  fileprivate func addingSaturated(_ other: Int64) -> Int64 {
    let (sum, overflows) = addingReportingOverflow(other)
    return overflows ? .max : sum
  }
}
