import Ground
import Synchronization
import Testing

@testable import HTTPServer

@Suite struct CollectTests {
  /// Seconds that pass with every piece of a body.
  private final class SlowClock: Sendable {
    private let seconds = Mutex(0.0)
    func pass(_ more: Double) { seconds.withLock { $0 += more } }
    func now() -> MonotonicTime { MonotonicTime(nanoseconds: 1).adding(seconds: seconds.withLock { $0 }) }
  }

  /// A body of `count` pieces of `size` bytes, each `seconds` after the one before.
  private func body(_ count: Int, of size: Int, every seconds: Double = 0, _ clock: SlowClock = SlowClock())
    -> RequestBody
  {
    let left = Mutex(count)
    return RequestBody(declaredLength: nil) { block in
      let isOver = left.withLock { left in
        defer { left -= 1 }
        return left <= 0
      }
      if isOver { return 0 }
      clock.pass(seconds)
      let bytes = [UInt8](repeating: 7, count: size)
      bytes.withUnsafeBytes { block.append($0) }
      return size
    }
  }

  @Test("A body that trickles in is given up after 15 seconds; one at 16 KiB a second may take its time")
  func deadline() async throws {
    let slow = SlowClock()
    await #expect(throws: BodyError.stalled) {
      let share = BodyMemory.Share(of: BodyMemory(limit: 1 << 20))
      _ = try await body(100, of: 1, every: 4, slow).collect(limit: 1 << 20, share, now: slow.now)
    }
    #expect(slow.now().seconds(since: MonotonicTime(nanoseconds: 1)) == 16)
    let steady = SlowClock()
    let share = BodyMemory.Share(of: BodyMemory(limit: 1 << 20))
    let bytes = try await body(60, of: 16_384, every: 1, steady).collect(limit: 1 << 20, share, now: steady.now)
    #expect(bytes.count == 60 * 16_384)
  }

  @Test("Bodies in memory share one budget: what does not fit is refused, and what is done gives its share back")
  func budget() async throws {
    let memory = BodyMemory(limit: 100_000)
    var first: BodyMemory.Share? = BodyMemory.Share(of: memory)
    let clock = SlowClock()
    if let first { _ = try await body(3, of: 30_000).collect(limit: 1 << 20, first, now: clock.now) }
    await #expect(throws: BodyError.overloaded) {
      _ = try await body(1, of: 20_000).collect(limit: 1 << 20, BodyMemory.Share(of: memory), now: clock.now)
    }
    first = nil
    let second = BodyMemory.Share(of: memory)
    #expect(try await body(5, of: 20_000).collect(limit: 1 << 20, second, now: clock.now).count == 100_000)
  }

  @Test("A body over its limit is refused, with a length and without")
  func limit() async throws {
    let clock = SlowClock()
    await #expect(throws: BodyError.tooLarge(limit: 10)) {
      try await body(2, of: 6, every: 0, clock).collect(limit: 10)
    }
    let declared = RequestBody(declaredLength: 11) { _ in 0 }
    await #expect(throws: BodyError.tooLarge(limit: 10)) { try await declared.collect(limit: 10) }
  }
}
