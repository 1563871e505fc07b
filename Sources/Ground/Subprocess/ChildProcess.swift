import CLinux
import Glibc

/// A running program with its pipes. One lane at a time uses it; it is killed and reaped when the last reference goes.
final class ChildProcess {
  let confinement: Program.Confinement
  private(set) var ending: Program.Ending?

  private let pid: pid_t
  private let output: Descriptor
  private let errors: Descriptor
  /// Nil where its input is a file or nothing.
  private let input: Descriptor?
  private var outputEnded = false
  private var errorsEnded = false

  /// Unread bytes of its output.
  private(set) var heard: [UInt8] = []
  /// The first of what it complained.
  private(set) var complaint: [UInt8] = []
  private var complained = 0
  private static let complaintKept = 4096

  /// - Parameter talks: gives it a pipe as its input, for `say`.
  init(_ program: Program, talks: Bool = false) throws(Program.Failure) {
    do throws(SystemError) {
      let started = try ChildProcess.launch(program, talks: talks)
      (pid, output, errors, input) = (started.pid, started.output, started.errors, started.input)
      let said = ChildProcess.words(from: started.report)
      confinement = Program.Confinement(rawValue: said.first ?? 0)
      // Pairs: what holds, and why the program could not begin; the second number is 0 where it could.
      if let code = stride(from: 1, to: said.count, by: 2).map({ said[$0] }).first(where: { $0 != 0 }) {
        throw SystemError("execve", code, program.path)
      }
      for end in [output, errors] + (input.map { [$0] } ?? []) {
        try system("fcntl") { fcntl(end.number, F_SETFL, O_NONBLOCK) }
      }
    } catch {
      throw .cannotStart(error)
    }
  }

  deinit { kill() }

  private static func pipe() throws(SystemError) -> (read: Descriptor, write: Descriptor) {
    var ends: [Int32] = [0, 0]
    try system("pipe2") { pipe2(&ends, O_CLOEXEC) }
    return (Descriptor(owning: ends[0], path: "a pipe"), Descriptor(owning: ends[1], path: "a pipe"))
  }

  private typealias Started = (
    pid: pid_t, output: Descriptor, errors: Descriptor, report: Descriptor, input: Descriptor?
  )

  /// Our ends of the pipes; the child's are closed here when this returns, so that its end is the pipes' end.
  private static func launch(_ program: Program, talks: Bool) throws(SystemError) -> Started {
    let (output, childOutput) = try pipe()
    let (errors, childErrors) = try pipe()
    let (report, childReport) = try pipe()
    if talks {
      let (childInput, input) = try pipe()
      let pid = try start(program, childInput, childOutput, childErrors, childReport)
      return (pid, output, errors, report, input)
    }
    let childInput = if let input = program.input { input } else { try Descriptor(open: "/dev/null", O_RDONLY) }
    let pid = try start(program, childInput, childOutput, childErrors, childReport)
    return (pid, output, errors, report, nil)
  }

  private static func start(
    _ program: Program, _ input: Descriptor, _ output: Descriptor, _ errors: Descriptor, _ report: Descriptor
  ) throws(SystemError) -> pid_t {
    let base = [
      "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": program.folder, "TMPDIR": program.folder, "LC_ALL": "C.UTF-8",
      // Every thread would reserve 64 MiB of its address space otherwise.
      "MALLOC_ARENA_MAX": "2",
    ]
    let environment = base.merging(program.environment) { $1 }.map { "\($0)=\($1)" }
    let limits = program.limits
    var failure: SystemError?
    var pid: pid_t = -1
    // The child has a copy of all memory, these strings too.
    program.path.withCString { path in
      program.folder.withCString { folder in
        ([program.path] + program.arguments).withCStrings { arguments in
          environment.withCStrings { environment in
            program.readable.withCStrings { readable in
              var raw = ns_program(
                path: path, arguments: arguments, environment: environment, folder: folder, readable: readable,
                input: input.number, output: output.number, errors: errors.number,
                address_space: UInt64(limits.memory), cpu_seconds: UInt64(limits.cpuSeconds),
                file_size: UInt64(limits.fileSize), files: UInt64(limits.files), niceness: Int32(limits.niceness))
              do throws(SystemError) {
                pid = try ProgramNursery.shared.start(&raw, report: report)
              } catch {
                failure = error
              }
            }
          }
        }
      }
    }
    if let failure { throw failure }
    return pid
  }

  /// Everything that the child says before it becomes the program; the pipe closes by that.
  private static func words(from pipe: Descriptor) -> [Int32] {
    var words = [Int32](repeating: 0, count: 4)
    var count = 0
    words.withUnsafeMutableBytes { buffer in
      while count < buffer.count {
        let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
        let read = try? system("read") { Glibc.read(pipe.number, rest.baseAddress, rest.count) }
        guard let read, read > 0 else { return }
        count += read
      }
    }
    return Array(words.prefix(count / 4))
  }

  /// Moves bytes until `isDone` says so or the output ends.
  /// - Parameters:
  ///   - saying: to write to its input meanwhile.
  ///   - limit: bytes of output.
  func converse(
    saying: [UInt8] = [], until deadline: MonotonicTime, seconds: Double, limit: Int, stop: StopSignal,
    isDone: ([UInt8]) -> Bool = { _ in false }
  ) throws(Program.Failure) {
    var rest = saying[...]
    while !(outputEnded && errorsEnded), !(rest.isEmpty && isDone(heard)) {
      let left = deadline.seconds(since: .now())
      guard left > 0 else { throw .timedOut(seconds: seconds) }
      var entries = [
        pollfd(fd: stop.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: outputEnded ? -1 : output.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: errorsEnded ? -1 : errors.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: rest.isEmpty ? -1 : input?.number ?? -1, events: Int16(POLLOUT), revents: 0),
      ]
      let wait = Int32(min(left * 1000 + 1, 60_000))
      let count = poll(&entries, nfds_t(entries.count), wait)
      if count < 0, errno != EINTR { throw .system(SystemError("poll", errno)) }
      guard count > 0 else { continue }
      if entries[0].revents != 0 { throw .stopped }
      if entries[1].revents != 0 {
        if let bytes = try read(output) { heard += bytes } else { outputEnded = true }
        guard heard.count <= limit else { throw .flooded }
      }
      if entries[2].revents != 0 {
        if let bytes = try read(errors) {
          complained += bytes.count
          complaint += bytes.prefix(ChildProcess.complaintKept - complaint.count)
          guard complained <= limit else { throw .flooded }
        } else {
          errorsEnded = true
        }
      }
      if entries[3].revents != 0, let input {
        let written = rest.withUnsafeBytes { Glibc.write(input.number, $0.baseAddress, $0.count) }
        // EPIPE: it ended; its output says so too.
        if written < 0, errno != EAGAIN, errno != EINTR { rest = [] }
        if written > 0 { rest = rest.dropFirst(written) }
      }
    }
  }

  /// Whether it closed its output: it ended, or is about to.
  var isSilent: Bool { outputEnded }

  /// Forgets what was heard, so that the next answer stands alone.
  func forget() { (heard, complaint, complained) = ([], [], 0) }

  /// What is there to be read; nil at the end.
  private func read(_ pipe: Descriptor) throws(Program.Failure) -> [UInt8]? {
    var count = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, used in
      count = Glibc.read(pipe.number, buffer.baseAddress, buffer.count)
      used = max(0, count)
    }
    if count < 0 {
      if errno == EAGAIN || errno == EINTR { return [] }
      throw .system(SystemError("read", errno, "a pipe"))
    }
    return count == 0 ? nil : bytes
  }

  /// Waits until it ended.
  func wait(until deadline: MonotonicTime, seconds: Double, stop: StopSignal) throws(Program.Failure) -> Program.Ending
  {
    // A program whose pipes are closed has ended or will at once: the first look is almost always the last.
    var pause: UInt32 = 200
    while true {
      if let ending = reap(WNOHANG) { return ending }
      guard MonotonicTime.now() < deadline else { throw .timedOut(seconds: seconds) }
      guard !stop.isRaised else { throw .stopped }
      usleep(pause)
      pause = min(pause * 2, 20_000)
    }
  }

  /// Ends it and whatever it started.
  func kill() {
    guard ending == nil else { return }
    _ = Glibc.kill(-pid, SIGKILL)
    // Its group may not be there yet.
    _ = Glibc.kill(pid, SIGKILL)
    _ = reap(0)
  }

  private func reap(_ options: Int32) -> Program.Ending? {
    if let ending { return ending }
    var status: Int32 = 0
    let result: pid_t
    do { result = try system("waitpid") { waitpid(pid, &status, options) } } catch {
      // ECHILD: somebody else reaped it; it is gone all the same.
      ending = .killed(signal: SIGKILL)
      return ending
    }
    guard result == pid else { return nil }
    let signal = status & 0x7F
    ending = signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: signal)
    // What it started, if anything, goes with it.
    _ = Glibc.kill(-pid, SIGKILL)
    return ending
  }
}

extension [String] {
  /// The strings as C wants a list of them, NULL at the end, as long as `body` runs.
  fileprivate func withCStrings(_ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Void) {
    var list = map { strdup($0) } + [nil]
    defer { for pointer in list { free(pointer) } }
    list.withUnsafeMutableBufferPointer { body($0.baseAddress) }
  }
}
