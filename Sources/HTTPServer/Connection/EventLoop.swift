import CLinux
import Dispatch
import Glibc
import Ground
import Synchronization

/// One serial queue that carries the events of many connections, and the executor of their actors. Nothing on it blocks.
///
/// One Dispatch source watches one epoll set: a source per connection costs a trip through Dispatch's manager thread for
/// every event, and a kilobyte each. What becomes ready to run while the loop itself is running is kept in a list and run
/// at the end of the event: a small request stays on one thread from its first byte to its answer.
final class EventLoop: SerialExecutor {
  let queue: DispatchQueue
  /// Connections read heads into this; 64 KiB. Unshared: used only inside an event of this loop.
  nonisolated(unsafe) let scratch: UnsafeMutableRawBufferPointer

  /// The thread that is inside `perform`, 0 for none. A thread that reads its own number here knows that it is the one.
  private let running = Atomic<UInt>(0)
  /// Touched only by the thread whose number stands in `running`: the queue is serial.
  private nonisolated(unsafe) var jobs: [UnownedJob] = []
  /// Filled and read inside an event of this loop only.
  private nonisolated(unsafe) let ready: UnsafeMutableBufferPointer<epoll_event>

  private let set: Descriptor
  /// Set up once; Dispatch objects are safe to use from any thread, their Swift type only does not say so.
  private nonisolated(unsafe) let clock: any DispatchSourceTimer
  private nonisolated(unsafe) let events: any DispatchSourceRead
  private let connections = Mutex<[UInt64: Connection]>([:])
  private let tokens = Counter(1)
  private let date = Mutex<(second: Int64, line: [UInt8])>((0, []))

  /// How often deadlines are looked at; a time-out is late by this much at the most.
  private static let tick = DispatchTimeInterval.milliseconds(250)
  /// Rounds of events before the queue gets to what else waits on it: finished lanes, the clock.
  private static let rounds = 8

  /// - Throws: `SystemError` where the kernel gives no epoll set.
  init(label: String) throws(SystemError) {
    queue = DispatchQueue(label: label, qos: .userInitiated)
    scratch = .allocate(byteCount: 64 << 10, alignment: 16)
    ready = .allocate(capacity: 128)
    set = Descriptor(owning: try system("epoll_create1") { epoll_create1(Int32(NS_EPOLL_CLOEXEC)) }, path: label)
    clock = DispatchSource.makeTimerSource(queue: queue)
    events = DispatchSource.makeReadSource(fileDescriptor: set.number, queue: queue)
    clock.schedule(deadline: .now() + Self.tick, repeating: Self.tick, leeway: .milliseconds(100))
    clock.setEventHandler { [weak self] in self?.perform { self?.expire() } }
    events.setEventHandler { [weak self] in self?.perform { self?.takeEvents() } }
    // Dispatch must be done with the descriptor before it is closed.
    let set = set
    events.setCancelHandler { withExtendedLifetime(set) {} }
    clock.resume()
    events.resume()
  }

  deinit {
    clock.cancel()
    events.cancel()
    scratch.deallocate()
    ready.deallocate()
  }

  // MARK: Running

  /// Runs an event of this loop, then everything that it made ready.
  func perform(_ event: () -> Void) {
    running.store(pthread_self(), ordering: .relaxed)
    event()
    runJobs()
    running.store(0, ordering: .relaxed)
  }

  private func runJobs() {
    var next = 0
    while next < jobs.count {
      let job = jobs[next]
      next += 1
      job.runSynchronously(on: asUnownedSerialExecutor())
    }
    jobs.removeAll(keepingCapacity: true)
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isRunningHere {
      jobs.append(job)
    } else {
      queue.async { self.perform { job.runSynchronously(on: self.asUnownedSerialExecutor()) } }
    }
  }

  /// Whether the caller runs inside an event of this loop.
  var isRunningHere: Bool { running.load(ordering: .relaxed) == pthread_self() }

  func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }

  /// Lets everything else that waits on this loop run before the caller goes on. (`Task.yield` would only go to the end
  /// of the list of this same event.)
  func breathe() async {
    await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
  }

  // MARK: Events

  private func takeEvents() {
    for _ in 0..<Self.rounds {
      let count = Int(epoll_wait(set.number, ready.baseAddress, Int32(ready.count), 0))
      guard count > 0 else { return }
      for event in ready[..<count] {
        // Gone meanwhile: another event of this batch closed it.
        guard let connection = connections.withLock({ $0[event.data.u64] }) else { continue }
        connection.assumeIsolated { $0.happened(event.events) }
        runJobs()
      }
      if count < ready.count { return }
    }
  }

  private func expire() {
    let now = MonotonicTime.now()
    for connection in all { connection.assumeIsolated { $0.expire(now) } }
  }

  // MARK: Connections

  /// Keeps the connection alive and reports its events to it.
  /// - Returns: the name under which its descriptor is watched.
  func add(_ connection: Connection) -> UInt64 {
    let token = tokens.next()
    connections.withLock { $0[token] = connection }
    return token
  }

  func remove(_ token: UInt64) {
    _ = connections.withLock { $0.removeValue(forKey: token) }
  }

  var all: [Connection] { connections.withLock { Array($0.values) } }

  /// Reports the next of these events (`EPOLLIN`, `EPOLLOUT`), once; what is already the case counts as next.
  func watch(_ descriptor: Int32, _ token: UInt64, _ events: UInt32, isNew: Bool) {
    var event = epoll_event(events: events | EPOLLONESHOT.rawValue, data: epoll_data_t(u64: token))
    // Fails only for a descriptor that is not open, and the channel holds it.
    epoll_ctl(set.number, isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event)
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
