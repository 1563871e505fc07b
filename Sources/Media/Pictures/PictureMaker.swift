import Ground

/// The small pictures of one file, in the folder in which they were made.
package struct MadePictures: Sendable {
  /// `webp` or `jpg`.
  package let format: String
  package let preview: String
  package let thumbnail: String
  /// Nil where the tiny picture could not be read; the others are fine then.
  package let thumbhash: [UInt8]?
}

/// Makes small pictures with vipsthumbnail, ffmpeg and exiftool, each run for itself. Blocks: call it on a lane.
/// Names that a tool hears are ours: `/proc/self/fd/0` for the original, `/proc/self/cwd/…` for what it writes.
package struct PictureMaker: Sendable {
  /// The preview's longer side, in pixels; smaller originals are not enlarged.
  static let previewSide = 1440
  /// The thumbnail's shorter side, where the longer one does not get longer than three times that.
  static let thumbnailSide = 250

  let tools: MediaTools
  let folder: String
  let stop: StopSignal

  /// - Parameter folder: empty, for this picture alone.
  package init(tools: MediaTools, folder: String, stop: StopSignal) {
    (self.tools, self.folder, self.stop) = (tools, folder, stop)
  }

  /// - Parameters:
  ///   - file: opened for this alone.
  ///   - head: its first 4 KiB.
  ///   - mimeType: by its name; the first bytes are believed where they say something else.
  /// - Throws: `MediaError`.
  package func make(
    of file: Descriptor, head: [UInt8], mimeType: String
  ) throws(MediaError) -> MadePictures {
    var source: (path: String, input: Descriptor?) = ("/proc/self/fd/0", file)
    switch PictureSourceKind(head: head, mimeType: mimeType) {
    case .picture: break
    case .video, .otherPicture:
      try frame(of: file)
      source = (path("frame.png"), nil)
    case .raw:
      try embeddedPreview(of: file)
      source = (path("embedded.jpg"), nil)
    case .drawing: throw .unreadable("drawings are kept, but no picture is made of them")
    }
    guard let format = tools.pictureFormat else { throw .toolMissing("vipsthumbnail") }
    let (preview, thumbnail) = ("preview.\(format)", "thumbnail.\(format)")
    try shrink(source.path, source.input, to: PictureMaker.previewSide, as: "\(preview)[Q=80,strip]")
    try shrink(path(preview), nil, to: Pixels.limit, as: "tiny.v")
    let pixels = (try? FileSystem.contents("\(folder)/tiny.v", limit: 1 << 20)).flatMap(Pixels.init(vips:))
    var side = PictureMaker.thumbnailSide
    if let pixels {
      let (long, short) = (max(pixels.width, pixels.height), min(pixels.width, pixels.height))
      side = min(side * 3, side * long / short)
    }
    try shrink(path(preview), nil, to: side, as: "\(thumbnail)[Q=75,strip]")
    if format == "webp" { for name in [preview, thumbnail] { try strip(name) } }
    return MadePictures(
      format: format, preview: "\(folder)/\(preview)", thumbnail: "\(folder)/\(thumbnail)",
      thumbhash: pixels.map(Thumbhash.encode))
  }

  private func path(_ name: String) -> String { "/proc/self/cwd/\(name)" }

  /// Fits into a square, upright, in sRGB.
  private func shrink(_ source: String, _ input: Descriptor?, to side: Int, as target: String) throws(MediaError) {
    guard let tool = tools.vipsthumbnail else { throw .toolMissing("vipsthumbnail") }
    var program = Program(
      tool, ["--vips-concurrency=1", "-s", "\(side)x\(side)>", "-e", "srgb", "-o", path(target), source],
      folder: folder)
    program.input = input
    program.environment = PictureMaker.vipsEnvironment
    let name = target.prefix { $0 != "[" }
    try run(program, tool: "vipsthumbnail", making: String(name))
  }

  /// A preview has some 300 kB.
  private func strip(_ name: String) throws(MediaError) {
    do throws(SystemError) {
      let file = try FileSystem.contents("\(folder)/\(name)", limit: 16 << 20)
      guard let stripped = WebP.withoutMetadata(file) else { throw SystemError("read", 22, name) }
      try FileSystem.write(stripped, to: "\(folder)/\(name)")
    } catch { throw .failed("\(error)") }
  }

  /// Decoders that libvips' authors do not vouch for stay closed, and warnings unsaid.
  static let vipsEnvironment = ["VIPS_BLOCK_UNTRUSTED": "1", "VIPS_WARNING": "0"]

  /// One frame, a second from the start where the film is that long; `frame.png`.
  private func frame(of file: Descriptor) throws(MediaError) {
    guard let tool = tools.ffmpeg else { throw .toolMissing("ffmpeg") }
    var complaint = MediaError.unreadable("ffmpeg found no picture in it")
    for start in ["1", "0"] {
      var program = Program(
        tool,
        [
          "-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1", "-filter_threads", "1",
          // A list of other files or addresses is no film.
          "-protocol_whitelist", "file", "-format_whitelist", PictureMaker.containers,
          "-ss", start, "-i", "/proc/self/fd/0", "-map", "0:v:0", "-an", "-sn", "-dn", "-frames:v", "1",
          "-vf",
          "scale=iw*sar:ih,setsar=1,scale='min(\(PictureMaker.previewSide),iw)'"
            + ":'min(\(PictureMaker.previewSide),ih)':force_original_aspect_ratio=decrease",
          "-f", "image2", "-update", "1", "-c:v", "png", "-y", path("frame.png"),
        ], folder: folder)
      program.input = file
      program.limits.memory = 3 << 29
      do { return try run(program, tool: "ffmpeg", making: "frame.png") } catch {
        guard case .unreadable = error else { throw error }
        complaint = error
      }
    }
    throw complaint
  }

  private static let containers = [
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpeg", "mpegvideo", "asf", "flv", "mxf",
    "image2", "bmp_pipe", "psd_pipe", "j2k_pipe", "jpegxl_pipe",
  ].joined(separator: ",")

  /// The largest JPEG inside a raw file, turned as its camera was held; `embedded.jpg`.
  private func embeddedPreview(of file: Descriptor) throws(MediaError) {
    guard let tool = tools.exiftool else { throw .toolMissing("exiftool") }
    var best: [UInt8] = []
    for tag in ["JpgFromRaw", "PreviewImage", "OtherImage", "ThumbnailImage"] {
      // A preview worth the name; the tags are in the order of their usual sizes.
      if best.count > 100_000 { break }
      var program = Program(tool, ["-config", "", "-b", "-\(tag)", "/proc/self/fd/0"], folder: folder)
      program.input = file
      program.limits.output = 64 << 20
      let found = try result(of: program, tool: "exiftool").output
      if found.starts(with: [0xFF, 0xD8, 0xFF]), found.count > best.count { best = found }
    }
    guard !best.isEmpty else { throw .unreadable("there is no preview inside") }
    do throws(SystemError) { try FileSystem.write(best, to: "\(folder)/embedded.jpg") } catch {
      throw .failed("\(error)")
    }
    // The preview itself seldom knows how the camera was held.
    var program = Program(
      tool,
      [
        "-config", "", "-q", "-q", "-m", "-overwrite_original", "-tagsFromFile", "/proc/self/fd/0", "-Orientation",
        path("embedded.jpg"),
      ], folder: folder)
    program.input = file
    try run(program, tool: "exiftool", making: "embedded.jpg")
  }

  private func result(of program: Program, tool: String) throws(MediaError) -> Program.Result {
    do { return try program.run(stop: stop) } catch { throw MediaError(error, of: tool) }
  }

  private func run(_ program: Program, tool: String, making name: String) throws(MediaError) {
    let result = try result(of: program, tool: tool)
    switch result.ending {
    case .exited(0):
      if let size = try? FileSystem.status("\(folder)/\(name)")?.size, size > 0 { return }
      throw .unreadable("\(tool) made nothing of it")
    case .exited:
      throw .unreadable("\(tool): \(PictureMaker.legible(result.errors))")
    case .killed: throw .failed("\(tool) \(result.ending)")
    }
  }

  /// What a tool said, on one line, without what a stranger's file may have put there to be obeyed by a terminal.
  private static func legible(_ bytes: [UInt8]) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    return String(text.map { $0.isNewline || $0.asciiValue.map { $0 < 0x20 || $0 == 0x7F } ?? !$0.isLetter ? " " : $0 })
      .split(separator: " ").joined(separator: " ")
  }
}

/// By which way a picture is made of a file.
enum PictureSourceKind: Equatable {
  /// libvips reads it.
  case picture
  /// ffmpeg reads it: libvips' own decoder is not vouched for.
  case otherPicture
  case video
  case raw
  case drawing

  init(head: [UInt8], mimeType: String) {
    let found = MediaType.sniff(head)?.type
    let named = MediaType.suffix(forMimeType: mimeType)
    let byName = MediaType(fileName: named.utf8)
    // Raw formats begin like TIFF: their name is believed then.
    let type = if let found, let byName, byName.isCompatible(with: found) { byName } else { found ?? byName }
    switch type?.mimeType {
    case "image/svg+xml": self = .drawing
    case "image/bmp", "image/vnd.adobe.photoshop", "image/jp2", "image/jxl": self = .otherPicture
    default: self = type?.kind == .video ? .video : type?.isRaw == true ? .raw : .picture
    }
  }
}
