import Ground
import HTTPServer
import HTTPTypes
import LogLines
import Synchronization
import Testing

@testable import API

@Suite struct InterimPolicyTests {
  /// A clock that a test moves.
  private final class Clock: Sendable {
    private let time = Mutex(MonotonicTime(nanoseconds: 1_000_000_000))
    var now: MonotonicTime { time.withLock { $0 } }
    func pass(_ seconds: Double) { time.withLock { $0 = $0.adding(seconds: seconds) } }
  }

  private struct Rig {
    let clock = Clock()
    let log = LogLines()
    let policy: InterimPolicy

    init(_ responses: InterimResponses = .auto, trusted: Set<String> = []) {
      var options = InterimOptions()
      (options.responses, options.trustedProxies) = (responses, trusted)
      policy = InterimPolicy(options, logger: log.logger, now: { [clock] in clock.now })
    }

    func attempt(_ name: String = "a.jpg", peer: String = "192.0.2.7", owner: Identifier) -> InterimPolicy.Attempt {
      InterimPolicy.Attempt(
        peer: PeerAddress(peer), owner: owner, address: "/api/backup/assets?", digest: nil, length: 5,
        name: Array(name.utf8))
    }
  }

  private let owner = Identifier()

  @Test(
    "auto: not where a proxy left its name, unless the operator vouches for it",
    arguments: [
      ("Via", "1.1 x"), ("X-Forwarded-For", "1.2.3.4"), ("x-forwarded-proto", "https"), ("X-Real-IP", "1.2.3.4"),
      ("Forwarded", "for=1.2.3.4"), ("CF-Ray", "1"), ("cf-connecting-ip", "1"),
    ])
  func traces(_ name: String, _ value: String) throws {
    let request = try makeRequest(.post, "/", [(name, value)])
    #expect(!Rig().policy.allows(request))
    #expect(Rig(trusted: ["192.0.2.7"]).policy.allows(request))
    #expect(!Rig(trusted: ["192.0.2.8"]).policy.allows(request))
    #expect(Rig(.always).policy.allows(request))
    #expect(!Rig(.never, trusted: ["192.0.2.7"]).policy.allows(request))
  }

  @Test("auto: to a client that stands there alone; HTTP/1.0 never, whatever the operator says")
  func direct() throws {
    let request = try makeRequest(.post, "/", [("User-Agent", "curl"), ("X-Forward", "no"), ("Cf", "no")])
    #expect(Rig().policy.allows(request))
    #expect(!Rig(.never).policy.allows(request))
    let old = try makeRequest(.post, "/", takesInterim: false)
    for responses in InterimResponses.allCases { #expect(!Rig(responses).policy.allows(old)) }
  }

  @Test("The same creation three times in two minutes opens the breaker for its address, for a day, and is logged")
  func breaker() throws {
    let rig = Rig()
    let request = try makeRequest(.post, "/")
    #expect(rig.policy.mayAnnounce(rig.attempt(owner: owner), "one"))
    rig.clock.pass(100)
    #expect(rig.policy.mayAnnounce(rig.attempt(owner: owner), "two"))
    #expect(rig.policy.allows(request))
    rig.clock.pass(100)
    #expect(!rig.policy.mayAnnounce(rig.attempt(owner: owner), "three"))
    #expect(!rig.policy.allows(request))
    #expect(rig.log.all.contains { $0.contains("192.0.2.7") && $0.contains("104") })
    // Others are not concerned.
    #expect(rig.policy.allows(try makeRequest(.post, "/", peer: "192.0.2.8")))
    rig.clock.pass(86_000)
    #expect(!rig.policy.allows(request))
    rig.clock.pass(401)
    #expect(rig.policy.allows(request))
    #expect(rig.policy.mayAnnounce(rig.attempt(owner: owner), "four"))
  }

  @Test("The breaker stays shut where the address was used, where time has passed, and for different files")
  func shut() {
    for pause in [{ (rig: Rig) in rig.policy.touched("x") }, { rig in rig.clock.pass(121) }] {
      let rig = Rig()
      for _ in 0..<10 {
        #expect(rig.policy.mayAnnounce(rig.attempt(owner: owner), "x"))
        pause(rig)
      }
    }
    let rig = Rig()
    for index in 0..<10 { #expect(rig.policy.mayAnnounce(rig.attempt("\(index).jpg", owner: owner), "\(index)")) }
    for _ in 0..<10 { #expect(rig.policy.mayAnnounce(rig.attempt(owner: Identifier()), "x")) }
    for rig in [Rig(.always), Rig(trusted: ["192.0.2.7"])] {
      for _ in 0..<10 { #expect(rig.policy.mayAnnounce(rig.attempt(owner: owner), "x")) }
    }
  }

  @Test("Creations that become photos of their own are no repetitions, and what names no file could be any")
  func different() {
    let rig = Rig()
    for index in 0..<10 {
      #expect(rig.policy.mayAnnounce(rig.attempt(owner: owner), "\(index)"))
      rig.policy.created("\(index)")
    }
    // The same photo again and again: the first is new, the others are duplicates.
    let other = Rig()
    #expect(other.policy.mayAnnounce(other.attempt(owner: owner), "first"))
    other.policy.created("first")
    #expect(other.policy.mayAnnounce(other.attempt(owner: owner), "second"))
    #expect(!other.policy.mayAnnounce(other.attempt(owner: owner), "third"))
    let anybody = InterimPolicy.Attempt(
      peer: PeerAddress("192.0.2.9"), owner: owner, address: "/api/assets?", digest: nil, length: 5, name: nil)
    for index in 0..<10 { #expect(rig.policy.mayAnnounce(anybody, "\(index)")) }
    #expect(rig.policy.load.watched == 1)
  }

  @Test("A client is sent to a half-known upload once in two minutes, or again once somebody went there")
  func pointing() {
    let rig = Rig()
    #expect(rig.policy.mayPoint(to: "x"))
    rig.clock.pass(119)
    #expect(!rig.policy.mayPoint(to: "x"))
    #expect(rig.policy.mayPoint(to: "y"))
    rig.policy.touched("x")
    #expect(rig.policy.mayPoint(to: "x"))
    rig.clock.pass(121)
    #expect(rig.policy.mayPoint(to: "x"))
  }

  @Test("Two that are pointed to one upload, and one that follows: nobody is taken for a proxy's client")
  func shared() {
    let rig = Rig()
    #expect(rig.policy.mayAnnounce(rig.attempt("a", owner: owner), "x"))
    #expect(rig.policy.mayAnnounce(rig.attempt("b", owner: owner), "x"))
    #expect(rig.policy.mayAnnounce(rig.attempt("a", owner: owner), "y"))
    rig.policy.touched("x")
    #expect(rig.policy.mayAnnounce(rig.attempt("b", owner: owner), "z1"))
    #expect(rig.policy.mayAnnounce(rig.attempt("b", owner: owner), "z2"))
    #expect(rig.policy.load.watched == rig.policy.load.attempts)
  }

  @Test("However many clients come, no more than 1,024 of each are remembered")
  func memory() {
    let rig = Rig()
    for index in 0..<5000 {
      _ = rig.policy.mayPoint(to: "\(index)")
      for _ in 0..<3 {
        _ = rig.policy.mayAnnounce(
          rig.attempt("\(index)", peer: "10.0.\(index / 250).\(index % 250)", owner: owner), "\(index)")
      }
      _ = rig.policy.mayAnnounce(rig.attempt("once \(index)", owner: owner), "\(index)")
    }
    let load = rig.policy.load
    #expect(load.watched == load.attempts)
    #expect(
      load.watched <= InterimPolicy.memory && load.open <= InterimPolicy.memory && load.pointed <= InterimPolicy.memory)
    #expect(load.open > InterimPolicy.memory / 2)
  }
}
