import Foundation
import Testing

@testable import Ground

@Suite struct ResidentCodeTests {
  /// Code that was given back runs as before, also in threads that are in the midst of it.
  @Test func codeGoesOnRunning() async throws {
    let bytes = [UInt8]("abc".utf8)
    let expected = digest(bytes)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { for _ in 0..<2000 { #expect(digest(bytes) == expected) } }
      }
      group.addTask {
        for _ in 0..<20 {
          let released = try ResidentCode.release()
          #expect(released > 1 << 20)
        }
      }
      try await group.waitForAll()
    }
    #expect(digest(bytes) == expected)
  }
}

private func digest(_ bytes: [UInt8]) -> SHA1Digest {
  let running = RunningSHA1()
  bytes.withUnsafeBytes { running.update($0) }
  return running.finish()
}
