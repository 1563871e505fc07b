import Dispatch
import Ground
import HTTPTypes
import Testing

@testable import API
@testable import HTTPServer

@Suite struct JSONWorkTests {
  /// While the large work waits for the caller's lane, that lane must be free.
  @Test("Large JSON leaves its caller's lane to others, small JSON stays there")
  func lanes() async throws {
    let caller = Lane(label: "caller")
    let (begun, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    DispatchQueue.global().async {
      begun.wait()
      Task { await caller.run { _ = gate.signal() } }
    }
    let isFree = try await caller.run {
      try await JSONWork.run(JSONWork.smallBytes + 1) {
        begun.signal()
        return gate.wait(timeout: .now() + 10) == .success
      }
    }
    #expect(isFree)
    try await caller.run {
      try await JSONWork.run(JSONWork.smallBytes) { caller.preconditionIsolated() }
    }
  }

  @Test("A large body is read and a long list is answered as small ones are")
  func large() async throws {
    try await World.with { world in
      let session = try await world.login()
      let album = try await world.send(.post, "/api/albums", [session], body: #"{"albumName":"a"}"#).object()
      let id = try #require(album["id"]?.text)
      let ids = Array(repeating: "\"0f9a1b2c-3d4e-4f60-8a7b-9c0d1e2f3a4b\"", count: 3000).joined(separator: ",")
      let response = try await world.send(
        .put, "/api/albums/\(id)/assets", [session], body: "{\"ids\":[\(ids)]}")
      #expect(try response.json().list?.count == 3000)
      let wrong = try await world.send(.put, "/api/albums/\(id)/assets", [session], body: "{\"ids\":[\(ids),7]}")
      #expect(wrong.status == .badRequest && wrong.message == "Validation failed")
    }
  }
}
