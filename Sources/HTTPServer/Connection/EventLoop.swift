import Dispatch
import Glibc
import Ground
import Synchronization

/// One serial queue that carries the events of many connections, and the executor of their actors. Nothing on it blocks.
///
/// What becomes ready to run while the loop itself is running is kept in a list and run at the end of the event, without
/// a trip through Dispatch: that is what keeps a small request on one thread from its first byte to its answer.
final class EventLoop: SerialExecutor {
  let queue: DispatchQueue
  /// Connections read heads into this; 64 KiB. Unshared: used only inside an event of this loop.
  nonisolated(unsafe) let scratch: UnsafeMutableRawBufferPointer

  /// The thread that is inside `perform`, 0 for none. A thread that reads its own number here knows that it is the one.
  private let running = Atomic<UInt>(0)
  /// Touched only by the thread whose number stands in `running`: the queue is serial.
  private nonisolated(unsafe) var jobs: [UnownedJob] = []

  /// Set up once; Dispatch objects are safe to use from any thread, their Swift type only does not say so.
  private nonisolated(unsafe) let clock: any DispatchSourceTimer
  private let connections = Mutex<[ObjectIdentifier: Connection]>([:])
  private let date = Mutex<(second: Int64, line: [UInt8])>((0, []))

  /// How often deadlines are looked at; a time-out is late by this much at the most.
  private static let tick = DispatchTimeInterval.milliseconds(250)

  init(label: String) {
    queue = DispatchQueue(label: label, qos: .userInitiated)
    scratch = .allocate(byteCount: 64 << 10, alignment: 16)
    clock = DispatchSource.makeTimerSource(queue: queue)
    clock.schedule(deadline: .now() + Self.tick, repeating: Self.tick, leeway: .milliseconds(100))
    clock.setEventHandler { [weak self] in self?.perform { self?.expire() } }
    clock.resume()
  }

  deinit {
    clock.cancel()
    scratch.deallocate()
  }

  /// Runs an event of this loop, then everything that it made ready.
  func perform(_ event: () -> Void) {
    running.store(pthread_self(), ordering: .relaxed)
    event()
    var next = 0
    while next < jobs.count {
      let job = jobs[next]
      next += 1
      job.runSynchronously(on: asUnownedSerialExecutor())
    }
    jobs.removeAll(keepingCapacity: true)
    running.store(0, ordering: .relaxed)
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if running.load(ordering: .relaxed) == pthread_self() {
      jobs.append(job)
    } else {
      queue.async { self.perform { job.runSynchronously(on: self.asUnownedSerialExecutor()) } }
    }
  }

  func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }

  // MARK: Connections

  func add(_ connection: Connection) {
    connections.withLock { $0[ObjectIdentifier(connection)] = connection }
  }

  func remove(_ connection: Connection) {
    _ = connections.withLock { $0.removeValue(forKey: ObjectIdentifier(connection)) }
  }

  var all: [Connection] { connections.withLock { Array($0.values) } }

  private func expire() {
    let now = MonotonicTime.now()
    for connection in all { connection.assumeIsolated { $0.expire(now) } }
  }

  /// The `Date` line of this second.
  func dateLine() -> [UInt8] {
    let now = Instant.now()
    let second = now.milliseconds / 1000
    return date.withLock { cached in
      if cached.second != second { cached = (second, Array("Date: \(HTTPDate.format(now))\r\n".utf8)) }
      return cached.line
    }
  }
}
