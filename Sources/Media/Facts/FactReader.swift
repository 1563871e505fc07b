import Ground

/// Reads facts by one exiftool that stays open. Blocks; one lane at a time uses it.
package final class FactReader {
  private let folder: String
  private let session: ProgramSession
  private let stop: StopSignal
  private var question = 0

  /// - Parameters:
  ///   - tool: the path of exiftool.
  ///   - folder: for its work alone.
  ///   - originals: the folder below which every file lies that will be asked for.
  package init(tool: String, folder: String, originals: String, stop: StopSignal) {
    (self.folder, self.stop) = (folder, stop)
    var program = Program(tool, ["-config", "", "-stay_open", "True", "-@", "-"], folder: folder)
    program.readable = [originals]
    program.limits.seconds = 30
    // Of the whole session, 1000 files.
    program.limits.cpuSeconds = 3600
    program.limits.memory = 512 << 20
    program.limits.output = 256 << 10
    session = ProgramSession(program)
  }

  /// What the kernel keeps the tool from; nil while it is not running.
  package var confinement: Program.Confinement? { session.confinement }

  /// - Parameter file: its `path` is what the tool opens, under a name of ours: nothing of it reaches the tool as text.
  /// - Throws: `MediaError`.
  package func facts(of file: Descriptor, mimeType: String, now: Instant = .now()) throws(MediaError) -> MediaFacts {
    question += 1
    // The suffix tells apart raw formats that look alike. It is one of ours.
    let name = "asset" + MediaType.suffix(forMimeType: mimeType)
    do throws(SystemError) {
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
  package func rest() { session.end() }
}
