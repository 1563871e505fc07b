import Glibc

/// The three streams every process is born with, without a buffer in between: a line is out when `write` returns.
package enum StandardStream: Int32, Sendable {
  case input = 0
  case output = 1
  case error = 2

  package var isTerminal: Bool { isatty(rawValue) == 1 }

  /// Writes all of `text`. Gives up where nobody reads any more: there is nobody left to tell.
  package func write(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { buffer in
        try? system("write") { Glibc.write(rawValue, buffer.baseAddress, buffer.count) }
      }
      guard let count, count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// One line without its line break; nil at the end of the stream, and for a line longer than `limit` bytes.
  package func readLine(limit: Int = 64 << 10) throws(SystemError) -> String? {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while line.count <= limit {
      let count = try system("read", "standard input") { read(rawValue, &byte, 1) }
      if count == 0 { return line.isEmpty ? nil : String(decoding: line, as: UTF8.self) }
      if byte == UInt8(ascii: "\n") {
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return String(decoding: line, as: UTF8.self)
      }
      line.append(byte)
    }
    return nil
  }

  /// Reads one line while the terminal shows nothing of it.
  package func readSecretLine() throws(SystemError) -> String? {
    var before = termios()
    try system("tcgetattr") { tcgetattr(rawValue, &before) }
    var quiet = before
    quiet.c_lflag &= ~tcflag_t(ECHO)
    try system("tcsetattr") { tcsetattr(rawValue, TCSAFLUSH, &quiet) }
    defer { tcsetattr(rawValue, TCSAFLUSH, &before) }
    return try readLine()
  }
}
