extension Program {
  /// Runs it to its end. Blocks: call it on a lane. Whatever goes wrong, nothing of it is left running.
  package func run(stop: StopSignal) throws(Failure) -> Result {
    guard !stop.isRaised else { throw .stopped }
    let deadline = MonotonicTime.now().adding(seconds: limits.seconds)
    let child = try ChildProcess(self)
    defer { child.kill() }
    try child.converse(until: deadline, seconds: limits.seconds, limit: limits.output, stop: stop)
    let ending = try child.wait(until: deadline, seconds: limits.seconds, stop: stop)
    return Result(ending: ending, output: child.heard, errors: child.complaint, confinement: child.confinement)
  }
}

/// A program that answers many questions, one after the other. One lane at a time uses it. After any failure it is gone
/// and the next question starts it anew.
package final class ProgramSession {
  private let program: Program
  private var child: ChildProcess?
  private var asked = 0
  /// Questions before it is started anew: what it leaks is bounded.
  private let lifetime: Int

  package init(_ program: Program, lifetime: Int = 1000) { (self.program, self.lifetime) = (program, lifetime) }

  /// What the kernel keeps it from; nil while it is not running.
  package var confinement: Program.Confinement? { child?.confinement }

  /// The answer to a question, without the mark at its end.
  /// - Parameter mark: how the answer must end.
  package func ask(_ question: [UInt8], mark: [UInt8], stop: StopSignal) throws(Program.Failure) -> [UInt8] {
    guard !stop.isRaised else { throw .stopped }
    if asked >= lifetime { end() }
    let limits = program.limits
    do throws(Program.Failure) {
      let child: ChildProcess
      if let running = self.child {
        child = running
      } else {
        child = try ChildProcess(program, talks: true)
        (self.child, asked) = (child, 0)
      }
      asked += 1
      child.forget()
      let deadline = MonotonicTime.now().adding(seconds: limits.seconds)
      try child.converse(
        saying: question, until: deadline, seconds: limits.seconds, limit: limits.output, stop: stop
      ) { $0.suffix(mark.count).elementsEqual(mark) }
      guard child.heard.suffix(mark.count).elementsEqual(mark) else {
        throw .ended(try child.wait(until: deadline, seconds: limits.seconds, stop: stop))
      }
      return Array(child.heard.dropLast(mark.count))
    } catch {
      end()
      throw error
    }
  }

  /// Ends the process; the next question starts another.
  package func end() { child = nil }
}
