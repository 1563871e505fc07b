import Ground
import Testing

@testable import Backup

@Suite struct FlightsTests {
  private let owner = Identifier()
  private let digest = SHA1Digest(bytes: [UInt8](repeating: 7, count: 20))

  @Test func whoIsUnderWayHearsThatTheBytesAreStored() throws {
    let (flights, digest, asset) = (Flights(), try #require(digest), Identifier())
    let flight = try #require(flights.join(owner, digest))
    let stranger = try #require(flights.join(Identifier(), digest))
    try flight.check()
    flights.land(owner, digest, as: asset)
    #expect(throws: BackupError.storedMeanwhile(asset)) { try flight.check() }
    try stranger.check()
    #expect(flights.join(owner, nil) == nil)
  }

  /// The asset may have been deleted since: a newcomer's own look at the catalog decides, not what others heard before.
  @Test func whoComesLaterDoesNotHearOldNews() throws {
    let (flights, digest) = (Flights(), try #require(digest))
    let first = try #require(flights.join(owner, digest))
    flights.land(owner, digest, as: Identifier())
    let late = try #require(flights.join(owner, digest))
    try late.check()
    let asset = Identifier()
    flights.land(owner, digest, as: asset)
    for flight in [first, late] { #expect(throws: BackupError.storedMeanwhile(asset)) { try flight.check() } }
  }
}
