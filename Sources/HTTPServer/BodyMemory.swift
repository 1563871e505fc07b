import Synchronization

/// How much memory the bodies that are collected in one piece may take together: a bound on what many clients at once,
/// each within its own limit, can make the process hold.
final class BodyMemory: Sendable {
  /// 64 MiB: four of the largest bodies, or a login from each of 4,096 connections.
  static let shared = BodyMemory(limit: 64 << 20)

  private let limit: Int
  private let used = Mutex(0)

  init(limit: Int) { self.limit = limit }

  /// One body's share, given back when the last reference goes.
  final class Share: Sendable {
    private let memory: BodyMemory
    private let size = Mutex(0)

    init(of memory: BodyMemory) { self.memory = memory }

    deinit { memory.used.withLock { $0 -= size.withLock { $0 } } }

    /// - Throws: `BodyError.overloaded` where there is not so much left.
    func grow(by count: Int) throws(BodyError) {
      let isGranted = memory.used.withLock { used in
        guard count <= memory.limit - used else { return false }
        used += count
        return true
      }
      guard isGranted else { throw .overloaded }
      size.withLock { $0 += count }
    }
  }
}
