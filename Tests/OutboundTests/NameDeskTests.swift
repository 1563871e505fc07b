import Ground
import Synchronization
import Testing

@testable import Outbound

/// Names that begin with `dead` get no answer until the end; all others one at once.
private final class SlowResolver: Resolver {
  private struct State {
    var asked: [String] = []
    var waiting: [CheckedContinuation<Void, Never>] = []
    var isOver = false
  }
  private let state = Mutex(State())

  func addresses(of host: String) async throws(OutboundError) -> [IPAddress] {
    state.withLock { $0.asked.append(host) }
    if host.hasPrefix("nobody") { throw .unknownHost }
    if host.hasPrefix("dead") {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if !state.isOver { state.waiting.append(continuation) }
          return state.isOver
        }
        if isOver { continuation.resume() }
      }
      throw .resolverFailed
    }
    return [IPAddress(bytes: [93, 184, 216, 34])].compactMap { $0 }
  }

  var asked: [String] { state.withLock { $0.asked } }

  func release() {
    let waiting = state.withLock { state in
      state.isOver = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}

@Suite struct NameDeskTests {
  private let resolver = SlowResolver()

  private func ask(
    _ desk: NameDesk, _ host: String, _ person: Identifier?, isTrusted: Bool = false, seconds: Double = 90
  ) -> Task<Result<[IPAddress], OutboundError>, Never> {
    Task {
      do throws(OutboundError) {
        return .success(
          try await desk.addresses(of: host, for: person, isTrusted: isTrusted, within: seconds))
      } catch { return .failure(error) }
    }
  }

  private func until(_ condition: () -> Bool) async { while !condition() { await Task.yield() } }

  @Test("Whoever names hosts whose servers never answer keeps nobody else waiting")
  func hostile() async throws {
    let desk = NameDesk(resolver, memory: 0)
    let (eve, mallory, anna) = (Identifier(), Identifier(), Identifier())
    #expect(try await ask(desk, "fcm.googleapis.com", anna).value.get().count == 1)
    var tasks = (0..<20).map { ask(desk, "dead\($0).example", eve) }
    await until { resolver.asked.count == 2 }
    #expect(try await ask(desk, "push.example", anna).value.get().count == 1)
    tasks += (20..<40).map { ask(desk, "dead\($0).example", mallory) }
    await until { resolver.asked.count == 4 }
    // Both of a stranger's places are taken: what had an answer once has its own, and so has the operator's mail server.
    #expect(try await ask(desk, "fcm.googleapis.com", anna).value.get().count == 1)
    #expect(try await ask(desk, "mail.example", nil, isTrusted: true).value.get().count == 1)
    #expect(resolver.asked.count { $0.hasPrefix("dead") } == 2, "one of each person")
    resolver.release()
    for task in tasks { _ = await task.value }
  }

  @Test("Who waits in vain hears whether the name was asked for at all; a question that nobody waits for is not asked")
  func patience() async {
    let desk = NameDesk(resolver, memory: 0)
    let eve = Identifier()
    let first = ask(desk, "dead1.example", eve, seconds: 0.2)
    await until { resolver.asked == ["dead1.example"] }
    let second = ask(desk, "dead2.example", eve, seconds: 0.1)
    #expect(await second.value == .failure(.busy))
    #expect(await first.value == .failure(.resolverFailed))
    resolver.release()
    _ = await ask(desk, "push.example", eve).value
    #expect(resolver.asked == ["dead1.example", "push.example"])
  }

  @Test("An answer holds for a while, also that nobody knows a name; many who ask at once ask once")
  func memory() async throws {
    let desk = NameDesk(resolver, memory: 60)
    for _ in 0..<3 {
      #expect(try await ask(desk, "push.example", Identifier()).value.get().count == 1)
      #expect(await ask(desk, "nobody.example", Identifier()).value == .failure(.unknownHost))
    }
    #expect(resolver.asked == ["push.example", "nobody.example"])
    let many = (0..<5).map { _ in ask(desk, "dead.example", Identifier()) }
    await until { resolver.asked.count == 3 }
    resolver.release()
    for task in many { #expect(await task.value == .failure(.resolverFailed)) }
    #expect(resolver.asked.count == 3)
  }
}
