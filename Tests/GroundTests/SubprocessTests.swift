import Foundation
import Testing

@testable import Ground

/// A program on a hostile file may hang, flood, crash or reach out: it costs its own job.
@Suite struct SubprocessTests {
  let folder: String
  let stop: StopSignal

  init() throws {
    folder = FileManager.default.temporaryDirectory.path + "/subprocess-" + Identifier().description
    try FileSystem.makeFolders(folder)
    stop = try StopSignal()
  }

  private func shell(_ script: String, _ change: (inout Program.Limits) -> Void = { _ in }) -> Program {
    var program = Program("/bin/sh", ["-c", script], folder: folder)
    change(&program.limits)
    return program
  }

  private func perl(_ script: String, _ change: (inout Program.Limits) -> Void = { _ in }) -> Program {
    var program = Program("/usr/bin/perl", ["-e", script], folder: folder)
    change(&program.limits)
    return program
  }

  @Test func answersWithOutputErrorsAndStatus() throws {
    let result = try shell("echo out; echo err >&2; exit 3").run(stop: stop)
    #expect(result.ending == .exited(3))
    #expect(result.output == Array("out\n".utf8) && result.errors == Array("err\n".utf8))
  }

  @Test func argumentsArriveAsTheyAre() throws {
    var program = Program("/usr/bin/printf", ["%s|", "$(id)", "; rm -rf /", "a\nb", "ü"], folder: folder)
    #expect(try program.run(stop: stop).output == Array("$(id)|; rm -rf /|a\nb|ü|".utf8))
    program = Program("/usr/bin/env", [], folder: folder)
    let names = String(decoding: try program.run(stop: stop).output, as: UTF8.self).split(separator: "\n")
      .map { $0.prefix { $0 != "=" } }
    #expect(Set(names).isSubset(of: ["PATH", "HOME", "TMPDIR", "LC_ALL", "MALLOC_ARENA_MAX", "PWD"]))
  }

  @Test func missingProgramCannotStart() throws {
    #expect { try Program("/nonexistent", [], folder: folder).run(stop: stop) } throws: { error in
      if case Program.Failure.cannotStart(let error) = error { return error.code == ENOENT }
      return false
    }
    #expect(Program.find("sh") != nil && Program.find("no-such-program-here") == nil)
  }

  @Test func inputIsTheFileFromItsBeginning() throws {
    let path = folder + "/input"
    try Data("hello".utf8).write(to: URL(fileURLWithPath: path))
    var program = Program("/bin/cat", ["/proc/self/fd/0"], folder: "/tmp")
    program.input = try Descriptor(open: path, O_RDONLY)
    #expect(try program.run(stop: stop).output == Array("hello".utf8))
  }

  @Test func oneThatHangsIsEnded() throws {
    let began = MonotonicTime.now()
    #expect { try shell("exec sleep 60") { $0.seconds = 0.3 }.run(stop: stop) } throws: { error in
      if case Program.Failure.timedOut = error { return true }
      return false
    }
    // Closing its pipes and hanging is no way out.
    #expect { try shell("exec sleep 60 >&- 2>&-") { $0.seconds = 0.3 }.run(stop: stop) } throws: { error in
      if case Program.Failure.timedOut = error { return true }
      return false
    }
    #expect(MonotonicTime.now().seconds(since: began) < 20)
  }

  @Test func oneThatFloodsIsEnded() throws {
    for stream in ["", ">&2"] {
      #expect { try shell("exec yes \(stream)") { $0.output = 100_000 }.run(stop: stop) } throws: { error in
        if case Program.Failure.flooded = error { return true }
        return false
      }
    }
  }

  @Test func stopEndsItAndRefusesTheNext() async throws {
    let (stop, program) = (stop, shell("exec sleep 60"))
    let lane = Lane(label: "subprocess")
    async let outcome = lane.run { () -> String in
      do { _ = try program.run(stop: stop) } catch { return "\(error)" }
      return "ended"
    }
    stop.raise()
    #expect(await outcome == "was stopped")
    #expect(throws: Program.Failure.self) { try program.run(stop: stop) }
  }

  @Test func crashIsSaidAsSuch() throws {
    #expect(try perl("use POSIX; POSIX::abort()").run(stop: stop).ending == .killed(signal: SIGABRT))
  }

  @Test func memoryTimeAndFilesAreBounded() throws {
    #expect(
      try perl("$x = 'a' x 900_000_000; print length $x") { $0.memory = 256 << 20 }.run(stop: stop).ending != .exited(0)
    )
    let spinning = try perl("1 while 1") { $0.cpuSeconds = 1 }.run(stop: stop)
    #expect(spinning.ending == .killed(signal: SIGKILL) || spinning.ending == .killed(signal: SIGXCPU))
    let writing = try shell("exec head -c 1000000 /dev/zero > big") { $0.fileSize = 10_000 }.run(stop: stop)
    #expect(writing.ending == .killed(signal: SIGXFSZ))
    #expect(try FileSystem.status(folder + "/big")?.size == 10_000)
  }

  @Test func itCannotStartOthers() throws {
    let result = try perl(
      "for (1..1000) { my $pid = fork(); if (defined $pid) { print 'forked'; exit } } print $!{EPERM} ? 'refused' : $!"
    ).run(stop: stop)
    try #require(result.confinement.contains(.network), "this kernel has no seccomp")
    #expect(String(decoding: result.output, as: UTF8.self) == "refused")
  }

  @Test func itReachesNoNetwork() throws {
    let result = try perl("use Socket; print socket(S, PF_INET, SOCK_STREAM, 0) ? 'open' : $!{EPERM} ? 'refused' : $!")
      .run(stop: stop)
    try #require(result.confinement.contains(.network), "this kernel has no seccomp")
    #expect(String(decoding: result.output, as: UTF8.self) == "refused")
  }

  /// Where the kernel has Landlock; the confinement says whether.
  @Test func itSeesOnlyItsOwnFiles() throws {
    let other = folder + "-other"
    try FileSystem.makeFolders(other)
    try Data("secret".utf8).write(to: URL(fileURLWithPath: other + "/secret"))
    var program = shell("cat \(other)/secret; echo x > \(other)/made; echo y > mine; read line < mine; echo $line")
    program.arguments = [
      "-e",
      "open F, '<', '\(other)/secret' and print 'read '; open F, '>', '\(other)/made' and print 'made '; open F, '>', 'mine' and print 'mine'",
    ]
    program.path = "/usr/bin/perl"
    let result = try program.run(stop: stop)
    let said = String(decoding: result.output, as: UTF8.self)
    #expect(said == (result.confinement.contains(.disk) ? "mine" : "read made mine"))
    program.readable = [other]
    #expect(String(decoding: try program.run(stop: stop).output, as: UTF8.self).hasPrefix("read "))
  }

  @Test func noDescriptorLeaksIntoIt() throws {
    let leaky = open("/dev/null", O_RDONLY)
    defer { close(leaky) }
    let result = try perl("opendir D, '/proc/self/fd'; my @n = grep { /^\\d+$/ } readdir D; print join ' ', sort @n")
      .run(stop: stop)
    // 0 to 2, and the folder being read.
    #expect(String(decoding: result.output, as: UTF8.self) == "0 1 2 3")
  }

  @Test func sessionAnswersAndIsStartedAnew() throws {
    let session = ProgramSession(
      perl("$| = 1; while (<STDIN>) { chomp; exit 4 if /crash/; sleep 60 if /hang/; print \"$$ $_\\nEND\\n\" }") {
        $0.seconds = 1
      })
    func ask(_ text: String) throws -> [Substring] {
      String(decoding: try session.ask(Array((text + "\n").utf8), mark: Array("END\n".utf8), stop: stop), as: UTF8.self)
        .dropLast().split(separator: " ")
    }
    let first = try ask("one")
    let second = try ask("two")
    #expect(first[1] == "one" && second[1] == "two" && first[0] == second[0])
    #expect { try ask("crash") } throws: { error in
      if case Program.Failure.ended(.exited(4)) = error { return true }
      return false
    }
    let third = try ask("three")
    #expect(third[1] == "three" && third[0] != first[0])
    #expect(throws: Program.Failure.self) { try ask("hang") }
    #expect(try ask("four")[1] == "four")
  }
}
