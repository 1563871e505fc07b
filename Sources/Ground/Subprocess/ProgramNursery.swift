import CLinux
import Dispatch
import Glibc
import Synchronization

/// The one thread that starts programs. The kernel ends them with the thread that forked them (PR_SET_PDEATHSIG), so that
/// none outlives a killed server; a lane's thread would not do, because Dispatch ends it when it has nothing to do.
final class ProgramNursery: Sendable {
  static let shared = ProgramNursery()

  private let errands = Mutex<[@Sendable () -> Void]>([])
  private let due = DispatchSemaphore(value: 0)
  /// ENOMEM or EAGAIN where the system gave no thread; then nothing can be started.
  private let failure = Atomic<Int32>(0)

  private init() {
    var thread = pthread_t()
    // Never balanced: the nursery lives as long as the process.
    let held = Unmanaged.passRetained(self)
    let failure = pthread_create(
      &thread, nil,
      { argument in
        // The argument is `held`.
        if let argument { Unmanaged<ProgramNursery>.fromOpaque(argument).takeUnretainedValue().work() }
        return nil
      }, held.toOpaque())
    self.failure.store(failure, ordering: .relaxed)
    if failure == 0 {
      pthread_setname_np(thread, "nightstand.nursery")
      pthread_detach(thread)
    }
  }

  private func work() {
    // Signals are the main thread's business, as with Dispatch's threads.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, nil)
    while true {
      due.wait()
      errands.withLock { $0.isEmpty ? nil : $0.removeFirst() }?()
    }
  }

  private final class Birth: Sendable {
    let outcome = Mutex<(pid: pid_t, code: Int32)>((-1, 0))
    let isOver = DispatchSemaphore(value: 0)
  }

  /// Waits until the program is forked.
  /// - Returns: the process.
  func start(_ program: UnsafePointer<ns_program>, report: Descriptor) throws(SystemError) -> pid_t {
    let code = failure.load(ordering: .relaxed)
    guard code == 0 else { throw SystemError("pthread_create", code) }
    let birth = Birth()
    // Whoever owns it waits here until the thread is through with it.
    nonisolated(unsafe) let program = program
    errands.withLock { errands in
      errands.append {
        let pid = ns_start(program, report.number)
        birth.outcome.withLock { $0 = (pid, errno) }
        birth.isOver.signal()
      }
    }
    due.signal()
    birth.isOver.wait()
    let (pid, failure) = birth.outcome.withLock { $0 }
    guard pid >= 0 else { throw SystemError("fork", failure) }
    return pid
  }
}
