import Ground
import Store

/// Where uploads come in, whatever door they came through.
package final class ReceiveDesk: Sendable {
  /// Transfers whose blocking work runs at once. More uploads than lanes take turns, block by block; eight keep two
  /// cores and a disk busy (2,000 photos of 3 MB over 8 connections ran at 476 files a second).
  package static let laneCount = 8

  /// Bytes of an announced body that need not be the photo's own: a sidecar and the form's other fields, at the most.
  static let companyAllowance: Int64 = (32 + 2) << 20

  private let catalog: Catalog
  private let originals: Originals
  /// Nil for a command line, which receives nothing.
  private let staging: Staging?
  private let finisher: Finisher?
  private let lanes = Lanes(label: "receive", count: ReceiveDesk.laneCount)
  /// What is under way, and how it ended.
  package let transfers: Transfers
  /// Who announced which bytes.
  let flights = Flights()
  /// Where transfers take their memory from.
  package let blocks: BlockPool

  init(catalog: Catalog, originals: Originals, staging: Staging?, finisher: Finisher?, transfers: Transfers) {
    self.transfers = transfers
    (self.catalog, self.originals, self.staging, self.finisher) = (catalog, originals, staging, finisher)
    blocks = staging?.blocks ?? BlockPool()
  }

  /// The catalog failed while it recorded: nothing is received before a restart.
  package var isBroken: Bool { finisher?.isBroken ?? false }

  /// A lane for one transfer: receiving, hashing and writing happen on it.
  package func lane() -> Lane { lanes.next() }

  /// The asset the owner already has with these bytes (in the trash too); nil where its file is gone, so that the bytes
  /// come again.
  package func existing(_ digest: SHA1Digest, owner: Identifier) async throws -> Identifier? {
    guard let stored = try await catalog.original(with: digest, owner: owner) else { return nil }
    let lane = lane()
    return try await lane.run {
      lane.assertIsolated()
      if try originals.size(stored.key) == stored.size { return stored.id }
      originals.lost.insert(stored.id)
      return nil
    }
  }

  /// Whose bytes come, where they are not who asks.
  /// - Throws: `.authenticationRequired` where they are gone.
  package func account(of owner: Identifier) async throws -> Account {
    guard let account = try await speaking({ try await catalog.account(owner) }) else {
      throw BackupError.authenticationRequired
    }
    return account
  }

  /// Starts a file in staging. Makes a file: call it on the transfer's lane.
  /// - Parameters:
  ///   - expectedLength: of the whole body, where known: the file is no longer. Refused early with `.diskFull`
  ///     where the body does not fit, with `.quotaExceeded` where the file cannot fit even if the rest is as long as it may.
  ///   - origin: what brings it.
  ///   - name: of the file, where it is known by now.
  ///   - claimed: what the client announced: where another transfer of the same bytes is stored before this one, its
  ///     next step throws `.storedMeanwhile`.
  package func open(
    _ account: Account, expectedLength: Int64?, claimed: SHA1Digest? = nil, origin: Origin? = nil, name: [UInt8]? = nil
  ) async throws -> Reception {
    guard let staging, let finisher else { throw StoreError.broken("the command line receives no uploads") }
    // Refused before the bytes come.
    if finisher.isBroken { throw BackupError.unavailable("The server's catalog failed; it must be restarted") }
    let room = account.quota.map { max(0, $0 - account.used) }
    let file: StagedFile
    do {
      if let room, let expectedLength, expectedLength - ReceiveDesk.companyAllowance > room {
        throw BackupError.quotaExceeded
      }
      file = try await speaking { try staging.open(expected: expectedLength) }
    } catch {
      transfers.note(
        Transfers.End(error), owner: account.owner.number, origin: origin, name: name, bytes: expectedLength)
      throw error
    }
    let ticket = transfers.begin(
      owner: account.id, number: account.owner.number, origin: origin, length: expectedLength, name: name)
    return Reception(
      file: file, owner: account.owner, ownerID: account.id, room: room, flight: flights.join(account.id, claimed),
      flights: flights, catalog: catalog, finisher: finisher, transfers: transfers, ticket: ticket)
  }

  /// Bytes that need not come, because they are here; or that were refused before one came.
  package func note(
    _ outcome: Result<Identifier, any Error>, owner: Owner, origin: Origin?, name: [UInt8]?, bytes: Int64?
  ) {
    let end: Transfers.End =
      switch outcome {
      case .success(let asset): .duplicate(asset)
      case .failure(let error): Transfers.End(error)
      }
    transfers.note(end, owner: owner.number, origin: origin, name: name, bytes: bytes)
  }

  /// Lets running commits end.
  func close() async { await finisher?.close() }
}
