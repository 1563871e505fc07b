import FoundationEssentials
import Ground
import Store
import Testing

@testable import Backup

/// Of several uploads of the same announced bytes, the others end when one is stored.
@Suite struct UploadYieldTests {
  /// A client that never said a length ends its loop where the offset is the length.
  @Test func uploadOfUnknownLengthIsSeenToEnd() async throws {
    let fixture = try await BackupFixture()
    let bytes = sample(3000)
    var creation = BackupFixture.creation()
    creation.facts.claimedChecksum = sha1(bytes)
    let upload = try await fixture.open(creation)
    try await fixture.sendCut(Array(bytes[..<1000]), to: upload.token, at: 0)
    let id = try await fixture.upload(bytes, "other.jpg").id
    await #expect(throws: BackupError.storedMeanwhile(id)) {
      try await fixture.uploads.append(UploadPart(offset: 1000) {}, to: upload.token)
    }
    let status = try await fixture.uploads.settle(upload.token)
    #expect(status.outcome?.result == .duplicate(id))
    #expect(status.offset == 3000 && status.length == 3000)
    // An empty part at the end replays the outcome.
    #expect(try await fixture.send([], to: upload.token, at: 3000).outcome == status.outcome)
    #expect(try fixture.staged.isEmpty)
  }
}
