import Ground

/// Something the operator has to know and can do something about. Printed as two lines: what is wrong, and the next thing to do.
struct OperatorError: Error {
  /// Exit statuses by class, with the numbers of BSD's sysexits.h.
  enum Class: Int32 {
    case usage = 64
    case unavailable = 69
    case inputOutput = 74
    case configuration = 78
  }

  let kind: Class
  let message: String
  let hint: String

  init(_ kind: Class, _ message: String, hint: String) { (self.kind, self.message, self.hint) = (kind, message, hint) }
}

extension OperatorError {
  /// A failed system call, in the operator's words.
  init(_ error: SystemError) {
    self.init(
      .inputOutput, error.description,
      hint: error.isDiskFull
        ? "free some space on that disk, then try again" : "check that the path exists and that this user may use it")
  }
}
