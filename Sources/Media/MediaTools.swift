import Ground

/// The programs that read files and make pictures, as they are installed now. Backup works the same without them.
package struct MediaTools: Sendable, Equatable {
  /// Paths; nil where it is not installed.
  package let exiftool: String?
  package let vipsthumbnail: String?
  package let ffmpeg: String?
  /// What vipsthumbnail can write: `webp`, else `jpg`; nil where it writes neither.
  package let pictureFormat: String?

  /// Looks for them, and lets vipsthumbnail write a picture of one pixel. Blocks: call it on a lane.
  /// - Parameters:
  ///   - folder: empty, for this alone.
  ///   - find: where a program is; another one for tests.
  package init(folder: String, stop: StopSignal, find: (String) -> String? = Program.find) {
    exiftool = find("exiftool")
    ffmpeg = find("ffmpeg")
    vipsthumbnail = find("vipsthumbnail")
    guard let vipsthumbnail else {
      pictureFormat = nil
      return
    }
    let isWritten = (try? FileSystem.write(MediaTools.pixel, to: "\(folder)/pixel.gif")) != nil
    pictureFormat = ["webp", "jpg"].first { format in
      guard isWritten else { return false }
      var program = Program(
        vipsthumbnail, ["-s", "1x1", "-o", "/proc/self/cwd/pixel.\(format)", "/proc/self/cwd/pixel.gif"],
        folder: folder)
      program.environment = PictureMaker.vipsEnvironment
      return (try? program.run(stop: stop))?.ending == .exited(0)
    }
  }

  /// A GIF of one white pixel.
  private static let pixel: [UInt8] =
    Array("GIF89a".utf8) + [1, 0, 1, 0, 0x80, 0, 0, 0xFF, 0xFF, 0xFF, 0, 0, 0]
    + [0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3B]

  /// Debian's names of what is not installed.
  package var missing: [String] {
    var names: [String] = []
    if exiftool == nil { names.append("libimage-exiftool-perl") }
    if vipsthumbnail == nil || pictureFormat == nil { names.append("libvips-tools") }
    if ffmpeg == nil { names.append("ffmpeg") }
    return names
  }
}
