import Glibc

/// A failed system call: which one, on what, and the kernel's number.
package struct SystemError: Error, Sendable, CustomStringConvertible {
  package let call: String
  package let code: Int32
  /// What the call worked on, for the log; never shown to a client.
  package let subject: String

  package init(_ call: String, _ code: Int32, _ subject: String = "") {
    (self.call, self.code, self.subject) = (call, code, subject)
  }

  /// The disk or the quota of the file system is full.
  package var isDiskFull: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }

  package var description: String {
    "\(call)\(subject.isEmpty ? "" : " \(subject)"): \(String(cString: strerror(code)))"
  }
}

/// Runs a call that answers -1 and sets errno, again when a signal interrupted it.
@discardableResult
package func system<T: SignedInteger>(
  _ call: String, _ subject: @autoclosure () -> String = "", _ body: () -> T
) throws(SystemError) -> T {
  while true {
    let result = body()
    if result != -1 { return result }
    let code = errno
    if code != EINTR { throw SystemError(call, code, subject()) }
  }
}
