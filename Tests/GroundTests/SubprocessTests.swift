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

  /// Programs step back behind everything else: on a busy machine a second of the processor takes minutes.
  private func patient(_ program: Program, _ change: (inout Program.Limits) -> Void) -> Program {
    var program = program
    program.limits.seconds = 300
    change(&program.limits)
    return program
  }

  private func shell(_ script: String, _ change: (inout Program.Limits) -> Void = { _ in }) -> Program {
    patient(Program("/bin/sh", ["-c", script], folder: folder), change)
  }

  private func perl(_ script: String, _ change: (inout Program.Limits) -> Void = { _ in }) -> Program {
    patient(Program("/usr/bin/perl", ["-e", script], folder: folder), change)
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

  /// Neither Landlock nor a read-only descriptor keeps a file's mode, owner, times and attributes; of some kernels Landlock,
  /// not its length either. All of it is tried on a file that it may read.
  @Test func itCannotHarmWhatItReads() throws {
    let other = folder + "-readable"
    try FileSystem.makeFolders(other)
    let victim = other + "/photo"
    try Data("photo".utf8).write(to: URL(fileURLWithPath: victim))
    let numbers = Calls.here
    var program = perl(
      """
      sub try { print $_[0], ' ', ($_[1] ? 'DONE' : ($!{EPERM} || $!{EACCES} || $!{EXDEV} || $!{ENOTTY}) ? 'refused' : $!), "\n" }
      my ($x, $y, $pipe, $device) = ('user.x', 'y', 'pipe', 'device');
      my ($v, $w) = ('\(victim)', '\(other)/name');
      open my $f, '<', $v or print "UNREADABLE\n";
      try('truncate', truncate($v, 0)); try('write', open(my $g, '+<', $v)); try('empty', open(my $h, '>', $v));
      try('unlink', unlink($v)); try('rename', rename($v, 'mine')); try('make', open(my $i, '>', $w));
      try('chmod', chmod(0, $v)); try('fchmod', chmod(0, $f)); try('chown', chown(1, 1, $v)); try('fchown', chown(1, 1, $f));
      try('utime', utime(1, 1, $v)); try('futimes', utime(1, 1, $f));
      try('link', link($v, 'mine')); try('symlink', symlink($v, 'mine'));
      try('setxattr', syscall(\(numbers.setxattr), $v, $x, $y, 1, 0) == 0);
      try('removexattr', syscall(\(numbers.removexattr), $v, $x) == 0);
      try('pipe', syscall(\(numbers.mknodat), -100, $pipe, 0010600, 0) == 0);
      try('device', syscall(\(numbers.mknodat), -100, $device, 0020600, 0x103) == 0);
      my $flags = pack('l', 0); try('flags', ioctl($f, 0x40086602, $flags));
      try('lease', fcntl($f, 1024, 0)); try('owner', fcntl($f, 8, getppid()));
      """)
    program.readable = [other]
    let before = try FileManager.default.attributesOfItem(atPath: victim)
    let result = try program.run(stop: stop)
    try #require(result.confinement == .all, "this kernel has no seccomp or no Landlock")
    let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 21 && lines.filter { !$0.hasSuffix(" refused") }.isEmpty, "\(lines)")
    let after = try FileManager.default.attributesOfItem(atPath: victim)
    #expect(NSDictionary(dictionary: before).isEqual(to: after))
    #expect(try Data(contentsOf: URL(fileURLWithPath: victim)) == Data("photo".utf8))
    // A call that is newer than the filter is not there.
    let newer = try perl(
      "my $v = '\(victim)'; print syscall(452, -100, $v, 0, 0) == 0 ? 'DONE' : $!{ENOSYS} ? 'absent' : $!"
    ).run(
      stop: stop)
    #expect(String(decoding: newer.output, as: UTF8.self) == "absent")
  }

  @Test func itReachesNoOtherProcess() throws {
    let numbers = Calls.here
    let result = try perl(
      """
      my $p = getppid(); my $b = "\\0" x 128;
      sub try { print $_[0], ' ', ($_[1] ? 'DONE' : ($!{EPERM} || $!{EACCES}) ? 'refused' : $!), "\n" }
      sub call { my $name = shift; my $n = shift; try($name, syscall($n, @_) >= 0) }
      try('kill', kill(0, $p)); call('tkill', \(numbers.tkill), $p, 0); call('tgkill', \(numbers.tgkill), $p, $p, 0);
      call('rt_sigqueueinfo', \(numbers.rtSigqueueinfo), $p, 0, $b);
      call('rt_tgsigqueueinfo', \(numbers.rtTgsigqueueinfo), $p, $p, 0, $b);
      call('prlimit', \(numbers.prlimit64), $p, 1, 0, $b); try('setpriority', setpriority(0, $p, 0));
      call('sched_setaffinity', \(numbers.schedSetaffinity), $p, 8, "\\xff" x 8);
      call('ptrace', \(numbers.ptrace), 16, $p, 0, 0);
      call('process_vm_readv', \(numbers.processVMReadv), $p, $b, 1, $b, 1, 0);
      call('pidfd_open', 434, $p, 0); call('pidfd_send_signal', 424, 0, 0, 0, 0); call('pidfd_getfd', 438, 0, 0, 0);
      call('process_madvise', 440, 0, 0, 0, 0, 0); call('unshare', \(numbers.unshare), 0);
      for ('environ', 'mem', 'cmdline', 'maps') { try($_, open(my $f, '<', "/proc/$p/$_")) }
      try('shadow', open(my $s, '<', '/etc/shadow'));
      """
    ).run(stop: stop)
    try #require(result.confinement == .all, "this kernel has no seccomp or no Landlock")
    let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 20 && lines.filter { !$0.hasSuffix(" refused") }.isEmpty, "\(lines)")
  }

  /// A server that runs as root gives none of its powers away, but to read another owner's files.
  @Test func itHasNoPowers() throws {
    let result = try perl("open F, '<', '/proc/self/status'; print grep { /^Cap(Inh|Prm|Eff|Amb)/ } <F>").run(
      stop: stop)
    let sets = String(decoding: result.output, as: UTF8.self).split(separator: "\n").compactMap {
      UInt64($0.split(separator: "\t")[1], radix: 16)
    }
    #expect(sets.count == 4 && sets.allSatisfy { $0 & ~(1 << 2) == 0 })
  }

  /// A program may still do to itself what others do to it: glibc's abort is a signal of its own.
  @Test func itMayEndItself() throws {
    let numbers = Calls.here
    let result = try perl(
      "my $b = \"x\" x 16; syscall(\(numbers.prlimit64), 0, 1, 0, $b) == 0 or exit 7; syscall(\(numbers.tgkill), $$ + 0, $$ + 0, 9)"
    )
    .run(stop: stop)
    #expect(result.ending == .killed(signal: SIGKILL))
  }

  /// Numbers of system calls that perl has no names for.
  private struct Calls {
    var setxattr = 0, removexattr = 0, mknodat = 0, tkill = 0, tgkill = 0, rtSigqueueinfo = 0, rtTgsigqueueinfo = 0
    var prlimit64 = 0, schedSetaffinity = 0, ptrace = 0, processVMReadv = 0, unshare = 0

    static var here: Calls {
      #if arch(x86_64)
        Calls(
          setxattr: 188, removexattr: 197, mknodat: 259, tkill: 200, tgkill: 234, rtSigqueueinfo: 129,
          rtTgsigqueueinfo: 297, prlimit64: 302, schedSetaffinity: 203, ptrace: 101, processVMReadv: 310, unshare: 272)
      #else
        Calls(
          setxattr: 5, removexattr: 14, mknodat: 33, tkill: 130, tgkill: 131, rtSigqueueinfo: 138,
          rtTgsigqueueinfo: 240, prlimit64: 261, schedSetaffinity: 122, ptrace: 117, processVMReadv: 270, unshare: 97)
      #endif
    }
  }

  @Test func noDescriptorLeaksIntoIt() throws {
    let leaky = open("/dev/null", O_RDONLY)
    defer { close(leaky) }
    let result = try perl("opendir D, '/proc/self/fd'; my @n = grep { /^\\d+$/ } readdir D; print join ' ', sort @n")
      .run(stop: stop)
    // 0 to 2, and the folder being read.
    #expect(String(decoding: result.output, as: UTF8.self) == "0 1 2 3")
  }

  /// A busy server has more descriptors than a program may have.
  @Test func manyDescriptorsOfTheServerTakeNothingFromTheConfinement() throws {
    let few = try shell("exit").run(stop: stop).confinement
    let many = (0..<200).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
    defer { for number in many { close(number) } }
    #expect(many.allSatisfy { $0 >= 0 })
    let result = try shell("exit").run(stop: stop)
    #expect(result.confinement.contains(.disk) && few == result.confinement, "or this kernel has no Landlock")
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
