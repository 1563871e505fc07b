import Foundation
import Ground
import Store
import Testing

@testable import Backup

/// The process dies at each named point of the finish sequence, as in a power cut, and a start follows.
@Suite struct CrashTests {
  @Test(arguments: [
    ("staged-synced", false), ("digest-compared", false), ("intents-committed", true), ("renamed", true),
    ("folder-synced", true), ("recorded", true),
  ])
  func killedAt(point: String, isKept: Bool) async throws {
    let root = FileManager.default.temporaryDirectory.path + "/nightstand-" + Identifier().description
    defer { try? FileManager.default.removeItem(atPath: root) }
    // The first upload passes every point and is acknowledged; the second meets its end there.
    await #expect(processExitsWith: .signal(SIGKILL)) { [root = root as String, point = point as String] in
      setenv("NIGHTSTAND_CRASH_AT", point + ":2", 1)
      let fixture = try await BackupFixture(root: root)
      try await fixture.upload(sample(5000, seed: 1), "first.jpg")
      try await fixture.upload(sample(5000, seed: 2), "second.jpg")
    }
    let fixture = try await BackupFixture(root: root)
    let (first, second) = (sha1(sample(5000, seed: 1)), sha1(sample(5000, seed: 2)))
    let answers = try await fixture.backup.assets.check([first, second], owner: fixture.anna.id)
    #expect(answers[0] != .wanted, "it was acknowledged")
    #expect((answers[1] != .wanted) == isKept, "from the intent on it is carried out")
    for (answer, digest) in zip(answers, [first, second]) {
      guard case .present(let id, _) = answer else { continue }
      let (_, file) = try await fixture.backup.assets.openOriginal(id, by: Reader(fixture.anna.id, opensLocked: true))
      #expect(try SHA1Digest(reading: file) == digest)
    }
    #expect(fixture.originals.count == (isKept ? 2 : 1))
    #expect(try fixture.staged.isEmpty)
    // The client, which was never answered, sends it again.
    let again = try await fixture.upload(sample(5000, seed: 2), "second.jpg")
    #expect((again == .duplicate(again.id)) == isKept)
    #expect(fixture.originals.count == 2)
    await fixture.backup.close()
  }
}
