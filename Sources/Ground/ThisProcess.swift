import Glibc

/// What the running program asks of the kernel about itself.
package enum ThisProcess {
  /// The program's own file, symbolic links resolved, so that resources beside it are found from any current directory.
  package static func executablePath() throws(SystemError) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = try system("readlink", "/proc/self/exe") { readlink("/proc/self/exe", &buffer, buffer.count) }
    return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// Names the kernel's boot: while it is the same, what was written is in the page cache even if its process died.
  /// Where the kernel does not tell, every process has another one, which is the careful answer. `NIGHTSTAND_BOOT_ID`
  /// lets a test pretend that the machine was restarted.
  package static let bootID: String = {
    if let pretended = environment("NIGHTSTAND_BOOT_ID") { return pretended }
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = try? buffer.withUnsafeMutableBytes { buffer in
      try Descriptor(open: "/proc/sys/kernel/random/boot_id", O_RDONLY).read(into: buffer, at: 0)
    }
    let id = Identifier(String(decoding: buffer.prefix(count ?? 0).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    return (id ?? Identifier()).description
  }()

  /// The value of an environment variable; nil where it is not set.
  package static func environment(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    return String(cString: value)
  }

  /// Raises the soft limit on open files towards `wanted`, as far as the hard limit allows.
  /// - Returns: the limit that holds now.
  package static func raiseFileLimit(to wanted: Int) throws(SystemError) -> Int {
    var limit = rlimit()
    let resource = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
    try system("getrlimit") { getrlimit(resource, &limit) }
    let target = min(rlim_t(wanted), limit.rlim_max)
    if limit.rlim_cur < target {
      limit.rlim_cur = target
      try system("setrlimit") { setrlimit(resource, &limit) }
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// From now on, files and folders that are made are for their owner and group alone.
  package static func hideNewFiles() { umask(0o027) }

  /// A reader that went away becomes an error of `write`, not the end of the process.
  package static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

  /// Ends the process at once, without waiting for anything.
  package static func exit(_ status: Int32) -> Never { _exit(status) }
}
