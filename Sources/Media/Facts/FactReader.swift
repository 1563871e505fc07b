import Ground

/// Reads facts by one exiftool that stays open as long as the files are one person's: it can read that person's folder
/// alone, and what a hostile file made of it never meets another person's. Blocks; one lane at a time uses it.
package final class FactReader {
  private let tool: String
  private let folder: String
  private let stop: StopSignal
  private var session: (ProgramSession, person: String)?
  private var question = 0

  /// - Parameters:
  ///   - tool: the path of exiftool.
  ///   - folder: for its work alone; what lies there is removed.
  package init(tool: String, folder: String, stop: StopSignal) {
    (self.tool, self.folder, self.stop) = (tool, folder, stop)
  }

  /// What the kernel keeps the tool from; nil while it is not running.
  package var confinement: Program.Confinement? { session?.0.confinement }

  /// The session that may read a person's folder; another person's is ended, and its traces removed.
  private func session(for person: String) throws(SystemError) -> ProgramSession {
    if let session, session.person == person { return session.0 }
    session = nil
    for name in try FileSystem.names(in: folder) { try FileSystem.removeTree("\(folder)/\(name)") }
    var program = Program(tool, ["-config", "", "-stay_open", "True", "-@", "-"], folder: folder)
    program.readable = [person]
    program.limits.seconds = 30
    // Of the whole session, 1000 files.
    program.limits.cpuSeconds = 3600
    program.limits.memory = 512 << 20
    program.limits.output = 256 << 10
    let made = ProgramSession(program)
    session = (made, person)
    return made
  }

  /// - Parameters:
  ///   - file: its `path` is what the tool opens, under a name of ours: nothing of it reaches the tool as text.
  ///   - person: the folder, absolute, below which the owner's files lie.
  /// - Throws: `MediaError`.
  package func facts(
    of file: Descriptor, below person: String, mimeType: String, now: Instant = .now()
  ) throws(MediaError) -> MediaFacts {
    question += 1
    // The suffix tells apart raw formats that look alike. It is one of ours.
    let name = "asset" + MediaType.suffix(forMimeType: mimeType)
    let session: ProgramSession
    do throws(SystemError) {
      session = try self.session(for: person)
      try FileSystem.remove("\(folder)/\(name)")
      try FileSystem.makeLink("\(folder)/\(name)", to: FileSystem.absolute(file.path))
    } catch { throw .failed("\(error)") }
    defer { _ = try? FileSystem.remove("\(folder)/\(name)") }
    let lines =
      ["-j", "-q", "-api", "LargeFileSupport=1"] + MediaFacts.tags.map { "-\($0)" }
      + [name, "-execute\(question)", ""]
    let json: [UInt8]
    do {
      json = try session.ask(
        Array(lines.joined(separator: "\n").utf8), mark: Array("{ready\(question)}\n".utf8), stop: stop)
    } catch { throw MediaError(error, of: "exiftool") }
    guard let answer = ExifAnswer(json: json) else { throw .unreadable("exiftool knows nothing of this file") }
    if let error = answer.text("Error") { throw .unreadable("exiftool: \(error)") }
    return MediaFacts(answer, mimeType: mimeType, now: now)
  }

  /// Ends the tool; the next file starts it again.
  package func rest() { session = nil }
}
