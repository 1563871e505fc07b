import CLinux
import Glibc
import Ground
import Synchronization

/// One thread that carries the events of many connections, and the executor of their actors. It sleeps in `epoll_wait`;
/// nothing else on it blocks.
///
/// A thread of its own, because a Dispatch source on the epoll set takes two more switches of thread for every sleep, to
/// Dispatch's manager and back. What becomes ready to run on the thread itself is kept in a list and run at the end of
/// the event: a small request stays there from its first byte to its answer.
final class EventLoop: SerialExecutor {
  /// All that the thread holds while it sleeps: a loop that nobody needs any more ends, and its thread with it.
  private final class Post: Sendable {
    let set: Descriptor
    /// Wakes the thread; watched edge-triggered under the token 0, and so never read.
    let bell: Descriptor
    /// What other threads want to have run.
    let jobs = Mutex<[UnownedJob]>([])
    /// Set before the thread starts, and never again.
    nonisolated(unsafe) weak var loop: EventLoop?

    init(label: String) throws(SystemError) {
      set = Descriptor(owning: try system("epoll_create1") { epoll_create1(Int32(NS_EPOLL_CLOEXEC)) }, path: label)
      bell = Descriptor(owning: try system("eventfd") { eventfd(0, Int32(NS_EFD_CLOEXEC)) }, path: label)
      var event = epoll_event(events: EPOLLIN.rawValue | EPOLLET.rawValue, data: epoll_data_t(u64: 0))
      try system("epoll_ctl") { epoll_ctl(set.number, EPOLL_CTL_ADD, bell.number, &event) }
    }

    func ring() {
      var one: UInt64 = 1
      // Would block only after 2^64 wake-ups.
      _ = write(bell.number, &one, MemoryLayout<UInt64>.size)
    }
  }

  /// Connections read heads into this; 64 KiB. Unshared: used only inside an event of this loop.
  nonisolated(unsafe) let scratch: UnsafeMutableRawBufferPointer

  private let post: Post
  /// The loop's thread, 0 before it runs. A thread that reads its own number here knows that it is the one.
  private let thread = Atomic<UInt>(0)
  private let connections = Mutex<[UInt64: Connection]>([:])
  private let tokens = Counter(1)
  private let date = Mutex<(second: Int64, line: [UInt8])>((0, []))

  // Touched only by the loop's thread.
  private nonisolated(unsafe) var jobs: [UnownedJob] = []
  private nonisolated(unsafe) var delivered: [UnownedJob] = []
  private nonisolated(unsafe) var breathing: [CheckedContinuation<Void, Never>] = []
  private nonisolated(unsafe) var nextTick = MonotonicTime.now()

  /// Seconds between two looks at the deadlines; a time-out is late by this much at the most.
  private static let tick = 0.25
  /// Events taken at once.
  private static let batch = 128

  /// - Throws: `SystemError` where the kernel gives no epoll set, or no thread.
  init(label: String) throws(SystemError) {
    post = try Post(label: label)
    scratch = .allocate(byteCount: 64 << 10, alignment: 16)
    post.loop = self
    try Self.start(post, label)
  }

  deinit {
    post.ring()
    scratch.deallocate()
  }

  // MARK: The thread

  private static func start(_ post: Post, _ label: String) throws(SystemError) {
    // Signals are the main thread's business, as with Dispatch's threads.
    var (all, before) = (sigset_t(), sigset_t())
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var thread = pthread_t()
    // Balanced by the thread, or below.
    let held = Unmanaged.passRetained(post)
    let failure = pthread_create(
      &thread, nil,
      { argument in
        // The argument is `held`.
        if let argument { EventLoop.run(Unmanaged<Post>.fromOpaque(argument).takeRetainedValue()) }
        return nil
      }, held.toOpaque())
    guard failure == 0 else {
      held.release()
      throw SystemError("pthread_create", failure, label)
    }
    pthread_setname_np(thread, label)
    pthread_detach(thread)
  }

  private static func run(_ post: Post) {
    let ready = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: batch)
    defer { ready.deallocate() }
    var milliseconds: Int32 = -1
    while true {
      // Fails for a signal at the most: no event then.
      let count = epoll_wait(post.set.number, ready.baseAddress, Int32(batch), milliseconds)
      guard let loop = post.loop else { return }
      milliseconds = loop.turn(UnsafeMutableBufferPointer(rebasing: ready[..<max(0, Int(count))]))
    }
  }

  /// - Returns: for how many milliseconds the thread may sleep.
  private func turn(_ events: UnsafeMutableBufferPointer<epoll_event>) -> Int32 {
    thread.store(pthread_self(), ordering: .relaxed)
    let rested = breathing
    breathing = []
    for event in events {
      // The bell, or gone meanwhile: another event of this batch closed it.
      guard let connection = connections.withLock({ $0[event.data.u64] }) else { continue }
      connection.assumeIsolated { $0.happened(event.events) }
      runJobs()
    }
    post.jobs.withLock { swap(&$0, &delivered) }
    for job in delivered { job.runSynchronously(on: asUnownedSerialExecutor()) }
    delivered.removeAll(keepingCapacity: true)
    runJobs()
    let now = MonotonicTime.now()
    if now >= nextTick {
      nextTick = now.adding(seconds: Self.tick)
      for connection in all { connection.assumeIsolated { $0.expire(now) } }
      runJobs()
    }
    for continuation in rested { continuation.resume() }
    runJobs()
    guard breathing.isEmpty else { return 0 }
    return connections.withLock { $0.isEmpty } ? -1 : Int32(Self.tick * 1000)
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
    if isRunningHere { return jobs.append(job) }
    let isFirst = post.jobs.withLock { jobs in
      jobs.append(job)
      return jobs.count == 1
    }
    if isFirst { post.ring() }
  }

  /// Whether the caller runs on this loop's thread.
  var isRunningHere: Bool { thread.load(ordering: .relaxed) == pthread_self() }

  func checkIsolated() { precondition(isRunningHere) }

  /// Lets everything else that waits on this loop run before the caller, who is on it, goes on. (`Task.yield` would only
  /// go to the end of the list of this same event.)
  func breathe() async {
    checkIsolated()
    await withCheckedContinuation { breathing.append($0) }
  }

  // MARK: Connections

  /// Keeps the connection alive and reports its events to it.
  /// - Returns: the name under which its descriptor is watched.
  func add(_ connection: Connection) -> UInt64 {
    let token = tokens.next()
    let isFirst = connections.withLock { connections in
      connections[token] = connection
      return connections.count == 1
    }
    // Without connections there are no deadlines, and the thread sleeps without end.
    if isFirst { post.ring() }
    return token
  }

  func remove(_ token: UInt64) {
    _ = connections.withLock { $0.removeValue(forKey: token) }
  }

  var all: [Connection] { connections.withLock { Array($0.values) } }

  /// Reports these events (`EPOLLIN`, `EPOLLOUT`) as long as they are the case, or the next of them once; what is
  /// already the case counts as next.
  func watch(_ descriptor: Int32, _ token: UInt64, _ events: UInt32, once: Bool, isNew: Bool = false) {
    var event = epoll_event(
      events: once ? events | EPOLLONESHOT.rawValue : events, data: epoll_data_t(u64: token))
    // Fails only for a descriptor that is not open, and the channel holds it.
    epoll_ctl(post.set.number, isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event)
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
