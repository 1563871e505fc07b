import Ground
import Logging
import Media
import Store
import Synchronization

/// The work on stored files: two workers take jobs from the catalog, the newest photo first, facts before pictures. An
/// upload only wakes them; whatever they do is behind it, at low priority, and may fail without harm.
package final class Jobs: Sendable {
  /// Files that are worked on at once.
  package static let workerCount = 2
  /// Tries of one file, those included during which the server ended.
  package static let attemptLimit = 3
  /// Pauses before the second and the third try, in seconds.
  static let pauses: [Int64] = [60, 900]
  /// How often missing tools are looked for, in seconds.
  static let toolInterval = 180.0
  /// A worker that nobody wakes looks after this many seconds.
  private static let idleInterval = 60.0
  /// An exiftool that has nothing to do for this many seconds is ended.
  private static let restInterval = 30.0

  private struct State {
    var paused: Set<JobQueue> = []
    var completed: [JobQueue: Int] = [:]
    var tools: MediaTools?
    var toolsLooked: MonotonicTime?
    var saidMissing: [String] = []
    var saidConfinement = false
    var isStopping = false
  }
  private let state = Mutex(State())
  private let catalog: Catalog
  private let library: MediaLibrary
  private let bell: JobBell
  private let ready: ReadyAssets
  private let logger: Logger
  private let stop: StopSignal
  private let find: @Sendable (String) -> String?
  private let workers = Mutex<[Task<Void, Never>]>([])
  private let lanes = Lanes(label: "jobs", count: Jobs.workerCount, qos: .utility)

  /// - Parameter find: where a program is; another one for tests.
  init(
    catalog: Catalog, library: MediaLibrary, bell: JobBell, ready: ReadyAssets, logger: Logger,
    find: @escaping @Sendable (String) -> String? = { Program.find($0) }
  ) throws {
    (self.catalog, self.library, self.bell, self.ready) = (catalog, library, bell, ready)
    (self.logger, self.find) = (logger, find)
    do { stop = try StopSignal() } catch { throw StoreError(error) }
  }

  // MARK: For the people who look after it

  package func counts(of queue: JobQueue) async throws -> JobCounts {
    let states = try await catalog.jobStates(kind: queue.rawValue)
    var counts = JobCounts()
    (counts.active, counts.waiting) = (states.running, states.waiting + states.blocked)
    (counts.delayed, counts.failed) = (states.later, states.failed)
    // A command line asks too.
    counts.isPaused = try await catalog.pausedQueues().contains(queue.rawValue)
    counts.completed = state.withLock { $0.completed[queue, default: 0] }
    return counts
  }

  /// A paused queue starts nothing, across restarts too; what is running ends.
  package func setPaused(_ queue: JobQueue, _ isPaused: Bool) async throws {
    try await catalog.setQueue(queue.rawValue, paused: isPaused)
    state.withLock { state in
      if isPaused { state.paused.insert(queue) } else { state.paused.remove(queue) }
    }
    bell.ring()
  }

  /// What was given up, the newest assets first, with the reasons.
  package func failures(of queue: JobQueue, limit: Int = 100) async throws -> [JobFailure] {
    try await catalog.failedJobs(kind: queue.rawValue, limit: limit)
  }

  /// Tries everything again that was given up; how many.
  package func retryFailed(_ queue: JobQueue) async throws -> Int {
    let count = try await catalog.retryFailedJobs(kind: queue.rawValue)
    bell.ring()
    return count
  }

  /// Does a queue's work on every asset once more; how many.
  package func repeatAll(_ queue: JobQueue) async throws -> Int {
    let count = try await catalog.addAllJobs(kind: queue.rawValue)
    bell.ring()
    return count
  }

  /// Forgets what was given up: it is not tried again, and not listed; how many.
  package func forgetFailed(_ queue: JobQueue) async throws -> Int {
    try await catalog.forgetFailedJobs(kind: queue.rawValue)
  }

  /// Debian's names of tools that were missing when they were last looked for; nil before that.
  package var missingTools: [String]? { state.withLock { $0.tools?.missing } }

  /// New work may be there.
  func wake() { bell.ring() }

  // MARK: The workers

  func start() async throws {
    try library.derived.clearWorkshop()
    let givenUp = try await catalog.resumeJobs(limit: Jobs.attemptLimit)
    if givenUp > 0 { logger.warning("\(givenUp) files are given up: the server ended each time it worked on them") }
    let paused = try await catalog.pausedQueues()
    state.withLock { $0.paused = Set(paused.compactMap(JobQueue.init(rawValue:))) }
    workers.withLock { workers in
      workers = (0..<Jobs.workerCount).map { number in
        let lane = lanes.next()
        return Task { [self] in await lane.run { await self.work(number) } }
      }
    }
  }

  /// Ends the tools and waits for the workers; a job that was running is tried again at the next start.
  func close() async {
    state.withLock { $0.isStopping = true }
    stop.raise()
    let workers = workers.withLock { $0 }
    for worker in workers { worker.cancel() }
    bell.close()
    for worker in workers { await worker.value }
  }

  private var isStopping: Bool { state.withLock { $0.isStopping } }

  /// One worker, on its lane, until the end.
  private func work(_ number: Int) async {
    let desk = WorkDesk()
    if number == 0 {
      do { try await library.sweep() } catch is CancellationError {} catch {
        logger.warning("pictures of deleted assets could not be looked for: \(error)")
      }
    }
    var tide = Tide(photos: bell.photos)
    while !isStopping {
      if tide.isHigh(photos: bell.photos) { try? await Task.sleep(for: .seconds(Tide.rest)) }
      let heard = bell.rings
      do {
        if try await workOnce(desk) { continue }
      } catch {
        guard !isStopping else { break }
        logger.error("work on stored files stands still for a minute: \(error)")
      }
      // Nothing to do: first the tool rests, then the worker.
      await bell.wait(heard: heard, seconds: desk.reader == nil ? await pause() : Jobs.restInterval)
      if bell.rings == heard { desk.reader = nil }
    }
    desk.reader = nil
  }

  /// Until the next job is due, at the most a minute, in seconds.
  private func pause() async -> Double {
    guard let next = try? await catalog.nextJobTime() else { return Jobs.idleInterval }
    return min(Jobs.idleInterval, max(0.1, Double(next.milliseconds - Instant.now().milliseconds) / 1000))
  }

  /// Whether there was something to do.
  private func workOnce(_ desk: WorkDesk) async throws -> Bool {
    let folder = try desk.folder ?? library.derived.makeWorkFolder()
    desk.folder = folder
    let tools = try await currentTools(folder)
    let paused = state.withLock { $0.paused }
    let queues = JobQueue.allCases.filter { !paused.contains($0) }
    guard let job = try await catalog.claimJob(kinds: queues.map(\.rawValue)), let queue = JobQueue(rawValue: job.kind)
    else { return false }
    let ending = await self.ending(of: job, queue, tools, desk, folder)
    try await catalog.endJob(job, ending)
    switch ending {
    case .done: state.withLock { $0.completed[queue, default: 0] += 1 }
    case .failed(let reason): logger.notice("no \(queue) of asset \(job.id): \(reason)")
    case .later(_, let reason): logger.info("\(queue) of asset \(job.id) later: \(reason)")
    case .blocked, .interrupted: break
    }
    return true
  }

  private func ending(
    of job: ClaimedJob, _ queue: JobQueue, _ tools: MediaTools, _ desk: WorkDesk, _ folder: String
  ) async -> JobEnding {
    do {
      switch queue {
      case .facts:
        let reader = try desk.reader ?? makeReader(tools, desk)
        desk.reader = reader
        try await library.readFacts(of: job, by: reader)
        say(reader.confinement)
      case .pictures:
        defer { try? library.derived.emptyWorkFolder(folder) }
        if try await library.makePictures(of: job, tools: tools, folder: folder, stop: stop) {
          await ready.announce(job.id)
        }
      }
      return .done
    } catch MediaError.stopped {
      return .interrupted
    } catch MediaError.toolMissing(let tool) {
      return .blocked(reason: "waits for \(tool), which is not installed")
    } catch MediaError.unreadable(let reason) {
      return .failed(reason: reason)
    } catch {
      let reason = if case MediaError.failed(let text) = error { text } else { "\(error)" }
      if isStopping { return .interrupted }
      guard job.attempts < Jobs.attemptLimit else { return .failed(reason: reason) }
      let pause = Jobs.pauses[min(job.attempts, Jobs.pauses.count) - 1]
      return .later(at: Instant.now().adding(seconds: pause), reason: reason)
    }
  }

  private func makeReader(_ tools: MediaTools, _ desk: WorkDesk) throws -> FactReader {
    guard let tool = tools.exiftool else { throw MediaError.toolMissing("exiftool") }
    let folder = try desk.readerFolder ?? library.derived.makeWorkFolder()
    desk.readerFolder = folder
    return FactReader(tool: tool, folder: folder, stop: stop)
  }

  /// The tools as they were last looked for: at the start, and every few minutes while one is missing. What waited for
  /// one that has come is ready again.
  private func currentTools(_ folder: String) async throws -> MediaTools {
    let (known, looked) = state.withLock { ($0.tools, $0.toolsLooked) }
    let now = MonotonicTime.now()
    if let known, known.missing.isEmpty || (looked.map { now.seconds(since: $0) < Jobs.toolInterval } ?? false) {
      return known
    }
    let tools = MediaTools(folder: folder, stop: stop, find: find)
    // A tool that was asked while the server stopped is not missing.
    if isStopping { throw CancellationError() }
    try library.derived.emptyWorkFolder(folder)
    let (isNew, missing) = state.withLock { state in
      let isNew = state.tools != tools
      (state.tools, state.toolsLooked) = (tools, now)
      defer { state.saidMissing = tools.missing }
      return (isNew, state.saidMissing == tools.missing ? [] : tools.missing)
    }
    if !missing.isEmpty {
      logger.warning(
        "facts and pictures of some files wait for tools: apt-get install \(missing.joined(separator: " "))")
    }
    if isNew {
      for queue in JobQueue.allCases { try await catalog.unblockJobs(kind: queue.rawValue) }
    }
    return tools
  }

  /// One line where this kernel confines less than it could.
  private func say(_ confinement: Program.Confinement?) {
    guard let confinement,
      state.withLock({ state in
        defer { state.saidConfinement = true }
        return !state.saidConfinement
      }), confinement != .all
    else { return }
    var missing: [String] = []
    if !confinement.contains(.network) { missing.append("from the network (seccomp)") }
    if !confinement.contains(.disk) { missing.append("to their own files (Landlock)") }
    logger.notice(
      "media tools run with limits, but this kernel does not keep them \(missing.joined(separator: " nor "))")
  }
}

/// What one worker has at hand; it stays on the worker's lane.
private final class WorkDesk {
  var reader: FactReader?
  /// The reader's; another one than the pictures' because the tool stays in it between its files.
  var readerFolder: String?
  var folder: String?
}
