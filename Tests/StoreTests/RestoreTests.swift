import Foundation
import Ground
import Testing

@testable import Store

/// A row whose file is gone gets it back from whoever sends the bytes again.
@Suite struct RestoreTests {
  let store: StoreFixture
  let key = "anna/2024/2024-07/a.jpg"
  var path: String { store.directory.originals + "/" + key }

  init() async throws { store = try await StoreFixture() }

  private func storeFirst() async throws -> Identifier {
    guard case .created(let id) = try await store.store(sample(1000), name: "a.jpg") else {
      throw StoreError.broken("not created")
    }
    return id
  }

  @Test func missingFileComesBack() async throws {
    let id = try await storeFirst()
    try FileSystem.remove(path)
    store.originals.lost.insert(id)
    #expect(try await store.store(sample(1000), name: "b.jpg", sidecar: sample(5)) == .duplicate(id))
    #expect(try FileSystem.contents(path) == sample(1000))
    #expect(store.originals.lost.all.isEmpty)
    #expect(try await store.problems() == [])
    // Now it is a plain duplicate.
    #expect(try await store.store(sample(1000), name: "c.jpg") == .duplicate(id))
    #expect(try await store.problems() == [])
  }

  @Test func wrongSizedFileGoesToQuarantine() async throws {
    let id = try await storeFirst()
    try Data("short".utf8).write(to: URL(fileURLWithPath: path))
    #expect(try await store.store(sample(1000), name: "a.jpg") == .duplicate(id))
    let kept = try FileSystem.names(in: store.directory.quarantine)
    #expect(kept.map { String($0.suffix(6)) } == ["-a.jpg"])
    #expect(try FileSystem.contents(store.directory.quarantine + "/" + #require(kept.first)) == Array("short".utf8))
    #expect(try await store.problems() == [])
  }

  /// Folder and list are gone too, and several send the bytes at once.
  @Test func wholeFolderComesBackOnce() async throws {
    let id = try await storeFirst()
    try FileManager.default.removeItem(atPath: store.directory.originals + "/anna")
    var requests: [FinishRequest] = []
    for index in 0..<8 { requests.append(try await store.request(sample(1000), name: "\(index).jpg")) }
    try await withThrowingTaskGroup(of: FinishOutcome.self) { group in
      for request in requests { group.addTask { try await store.finisher.finish(request) } }
      for try await outcome in group { #expect(outcome == .duplicate(id)) }
    }
    #expect(try await store.problems() == [])
  }
}
